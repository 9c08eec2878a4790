//! Small file systems of many kinds, mounted where that is allowed: in a mount namespace, which ends with the
//! process that keeps it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{Finished, finish};

/// A small file system in a mount namespace, which ends with the process that keeps it.
pub(super) struct Small {
    keeper: Child,
    pub(super) kind: &'static str,
    _folder: tempfile::TempDir,
    pub(super) top: std::path::PathBuf,
}

impl Small {
    /// Those of these that can be mounted here: what they are called, how the namespace is made, and the script
    /// that mounts them at `$0`. Of the others it is said that they were skipped.
    pub(super) fn of_kinds(kinds: &[(&'static str, &str, &str)]) -> Vec<Small> {
        let mounted = kinds.iter().filter_map(|(kind, flags, mount)| {
            let small = Small::mount(kind, flags, mount);
            if small.is_none() {
                println!("skipped: {kind} cannot be mounted here");
            }
            small
        });
        mounted.collect()
    }

    fn mount(kind: &'static str, flags: &str, mount: &str) -> Option<Small> {
        let folder = tempfile::Builder::new().prefix("dd").tempdir().unwrap();
        let top = folder.path().join("small");
        std::fs::create_dir(&top).unwrap();
        let script = format!("{mount} && echo mounted && exec cat");
        let mut keeper = Command::new("unshare")
            .args([flags, "sh", "-c", &script])
            .arg(&top)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(keeper.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let small = Small { keeper, kind, _folder: folder, top };
        (line == "mounted\n").then_some(small)
    }

    /// Runs a program there.
    pub(super) fn run<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        words: impl IntoIterator<Item = A>,
    ) -> Finished {
        let mut command = Command::new("nsenter");
        command.args(["-m", "-t", &self.keeper.id().to_string()]);
        if self.kind == "tmpfs" {
            command.args(["-U", "--preserve-credentials"]);
        }
        command.arg(format!("--wdns={}", self.top.display())).arg(program).args(words);
        command.env("DISKDAG_CONFIG", self.top.parent().unwrap().join("settings"));
        finish(&mut command)
    }

    #[track_caller]
    pub(super) fn sh(&self, script: &str) -> String {
        let done = self.run("sh", ["-ec", script]);
        assert_eq!(done.code, Some(0), "{}: {script}: {done:?}", self.kind);
        String::from_utf8(done.stdout).unwrap()
    }

    #[track_caller]
    pub(super) fn diskdag(&self, line: &str, codes: &[i32]) -> Finished {
        let done = self.run(crate::support::command(), line.split(' '));
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        let out = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(
            done.code.is_some_and(|code| codes.contains(&code)),
            "{}: {line}: {:?} {out}{said}",
            self.kind,
            done.code
        );
        done
    }

    #[track_caller]
    pub(super) fn json(&self, line: &str) -> Value {
        serde_json::from_slice(&self.diskdag(&format!("{line} --json"), &[0]).stdout).unwrap()
    }

    pub(super) fn digest(&self, disk: &str) -> String {
        self.sh(&format!("qemu-img convert -f qcow2 -O raw {disk} /tmp/dd-full-$$ && cksum < /tmp/dd-full-$$; rm -f /tmp/dd-full-$$"))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ended = self.keeper.wait();
    }
}
