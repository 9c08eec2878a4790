//! A file system on which no block and no inode is free: what takes away still works, what adds is refused, and
//! nothing is lost.
//!
//! Mounted where that is allowed: a memory file system in a namespace of one's own, and for root a journaled
//! ext4 on a loop device.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{Finished, finish, items, require_qemu};

/// A small file system in a mount namespace, which ends with the process that keeps it.
struct Small {
    keeper: Child,
    kind: &'static str,
    _folder: tempfile::TempDir,
    top: std::path::PathBuf,
}

impl Small {
    /// Every kind that can be mounted here.
    fn all() -> Vec<Small> {
        let tmpfs = "mount -t tmpfs -o size=12m,nr_inodes=60 tmpfs \"$0\"";
        let ext4 = "truncate -s 16M \"$0.img\" && mkfs.ext4 -q -N 64 \"$0.img\" && mount -o loop \"$0.img\" \"$0\"";
        let kinds = [("tmpfs", "-Urm", tmpfs), ("ext4", "-m", ext4)];
        let mounted = kinds.into_iter().filter_map(|(kind, flags, mount)| {
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
    fn run<A: AsRef<OsStr>>(&self, program: &str, words: impl IntoIterator<Item = A>) -> Finished {
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
    fn sh(&self, script: &str) -> String {
        let done = self.run("sh", ["-ec", script]);
        assert_eq!(done.code, Some(0), "{}: {script}: {done:?}", self.kind);
        String::from_utf8(done.stdout).unwrap()
    }

    #[track_caller]
    fn diskdag(&self, line: &str, codes: &[i32]) -> Finished {
        let done = self.run(env!("CARGO_BIN_EXE_diskdag"), line.split(' '));
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
    fn json(&self, line: &str) -> Value {
        serde_json::from_slice(&self.diskdag(&format!("{line} --json"), &[0]).stdout).unwrap()
    }

    /// Takes every block and every inode.
    fn fill(&self) {
        self.sh("dd if=/dev/zero of=filler bs=64k 2>/dev/null || true; dd if=/dev/zero of=filler2 bs=512 2>/dev/null || true; i=0; while true > \"n$i\"; do i=$((i+1)); done 2>/dev/null || true");
        let full = self.run("sh", ["-c", "echo x > one-more 2>/dev/null && test -s one-more"]);
        assert_ne!(full.code, Some(0), "{} is not full", self.kind);
    }

    fn digest(&self, disk: &str) -> String {
        self.sh(&format!("qemu-img convert -f qcow2 -O raw {disk} /tmp/dd-full-$$ && cksum < /tmp/dd-full-$$; rm -f /tmp/dd-full-$$"))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ended = self.keeper.wait();
    }
}

#[test]
fn what_takes_away_works_on_a_full_file_system() {
    if require_qemu().is_none() {
        return;
    }
    for small in Small::all() {
        small.sh("qemu-img create -q -f qcow2 vm.qcow2 1M; qemu-io -c 'write -P 1 0 256k' vm.qcow2 >/dev/null");
        small.diskdag("init .", &[0]);
        small.diskdag("snap create s1 vm.qcow2", &[0]);
        small.sh("qemu-io -c 'write -P 2 0 256k' vm.qcow2 >/dev/null");
        small.diskdag("snap create s2 vm.qcow2", &[0]);
        small.sh("qemu-io -c 'write -P 3 0 256k' vm.qcow2 >/dev/null");
        small.diskdag("snap create s3 vm.qcow2", &[0]);
        small.diskdag("snap restore s1 vm.qcow2", &[0]);
        small.diskdag("trash purge --all", &[0]);
        let (live, s1) = (small.digest("vm.qcow2"), small.digest("vm@1-s1.qcow2"));
        small.fill();

        // What adds is refused, with nothing lost and nothing left behind.
        let failed = small.diskdag("snap create s4 vm.qcow2", &[1]);
        let said = String::from_utf8_lossy(&failed.stderr).into_owned();
        assert!(said.contains("space"), "{}: {said}", small.kind);
        small.diskdag("snap clone s1 vm.qcow2 new.qcow2", &[1]);
        small.diskdag("snap restore s2 vm.qcow2", &[1]);
        assert_eq!(small.digest("vm.qcow2"), live, "{}", small.kind);
        let recovered = small.json("recover");
        assert!(items(&recovered, "actions").is_empty(), "{}: {recovered}", small.kind);
        assert_eq!(items(&small.json("snap list"), "snapshots").len(), 3);

        // What takes away works, and the space is there again.
        small.diskdag("snap rm s3 vm.qcow2", &[0]);
        assert_eq!(items(&small.json("trash list"), "items").len(), 1);
        let purged = small.json("trash purge --all");
        assert!(purged["freed"].as_u64().unwrap() > 256 << 10, "{}: {purged}", small.kind);
        small.fill();
        small.diskdag("snap rm s2 vm.qcow2", &[0]);
        let collected = small.json("gc --older-than 0s");
        assert!(collected["freed"].as_u64().unwrap() > 0, "{}: {collected}", small.kind);
        assert_eq!(small.digest("vm.qcow2"), live, "{}", small.kind);
        assert_eq!(small.digest("vm@1-s1.qcow2"), s1, "{}", small.kind);
        small.diskdag("snap create s4 vm.qcow2", &[0]);
        println!("{}: done", small.kind);
    }
}
