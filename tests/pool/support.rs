//! A pool with disks that QEMU made.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{Answer, Ask, Fleet, Qemu, finish, items, require_qemu};

/// A pool in a folder of its own.
pub(crate) struct Pool {
    pub(crate) fleet: Fleet,
    pub(crate) qemu: Qemu,
}

/// What a guest reads of a disk.
pub(crate) type Content = Vec<u8>;

/// The size of all disks here, as the guest sees it.
pub(crate) const SIZE: usize = 1 << 20;

impl Pool {
    /// An empty pool; or nothing where QEMU is not installed.
    pub(crate) fn new() -> Option<Pool> {
        let pool = Pool { fleet: Fleet::new(), qemu: require_qemu()? };
        pool.fleet.diskdag("init").arg(pool.fleet.root()).go().exits(0);
        Some(pool)
    }

    /// A pool with one disk, `vm.qcow2`, whose first 64 KiB read 1.
    pub(crate) fn with_vm() -> Option<Pool> {
        let pool = Pool::new()?;
        pool.disk("vm.qcow2");
        Some(pool)
    }

    /// Makes a disk of a mebibyte whose first 64 KiB read 1.
    pub(crate) fn disk(&self, name: &str) -> PathBuf {
        self.qemu.create(&self.fleet.root(), "qcow2", &[name, &SIZE.to_string()]);
        self.write(name, 1);
        self.fleet.path(name)
    }

    /// The guest writes this byte to the first 64 KiB, and to as much at an offset that depends on it.
    pub(crate) fn write(&self, name: &str, pattern: u8) {
        let at = usize::from(pattern) % 15 * (64 << 10);
        let commands =
            [format!("write -P {pattern} 0 64k"), format!("write -P {pattern} {at} 64k")];
        self.io(name, &commands);
    }

    /// Commands of `qemu-io`, each of which has to succeed.
    #[track_caller]
    pub(crate) fn io(&self, name: &str, commands: &[impl AsRef<OsStr>]) {
        let mut command = Command::new("qemu-io");
        command.args(["-f", "qcow2"]).current_dir(self.fleet.root());
        for one in commands {
            command.arg("-c").arg(one);
        }
        let ended = finish(command.arg(name));
        let heard = String::from_utf8_lossy(&ended.stderr).into_owned();
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(ended.code == Some(0) && !said.contains("failed"), "{command:?}: {said}{heard}");
    }

    /// What QEMU reads of a disk, through its whole chain.
    #[track_caller]
    pub(crate) fn read(&self, name: impl AsRef<Path>) -> Content {
        content(self.qemu, &self.fleet.path(name))
    }

    /// `diskdag` with a verb, run in the pool.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Ask<'_> {
        let mut words = words.into_iter();
        let verb = words.next().unwrap();
        let verb = verb.as_ref().to_str().unwrap().to_owned();
        self.fleet.diskdag(&verb).args(words).within(self.fleet.root())
    }

    /// The same from one line of text, split at blanks; it has to succeed.
    #[track_caller]
    pub(crate) fn ok(&self, line: &str) -> Answer {
        self.ends(line, 0)
    }

    /// The same with another end.
    #[track_caller]
    pub(crate) fn ends(&self, line: &str, code: i32) -> Answer {
        self.run(line.split(' ')).go().exits(code)
    }

    /// The same in JSON.
    #[track_caller]
    pub(crate) fn json(&self, line: &str, code: i32) -> Value {
        self.run(line.split(' ')).json().go().exits(code).value()
    }

    /// The names of the snapshots that are listed, oldest first, each as `disk@name`.
    #[track_caller]
    pub(crate) fn snapshots(&self) -> Vec<String> {
        let listed = self.json("snap list", 0);
        let name = |snapshot: &Value| {
            let disk = Path::new(snapshot["disk"].as_str().unwrap()).file_name().unwrap();
            format!("{}@{}", disk.to_str().unwrap(), snapshot["name"].as_str().unwrap())
        };
        items(&listed, "snapshots").iter().map(name).collect()
    }

    /// The file names in the pool's top, sorted; without the folder of the records.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.fleet.root()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name != ".diskdag").collect();
        names.sort();
        names
    }

    /// Every file in the pool, with its bytes; of the records only what they say: a writer that is refused has
    /// left its number there.
    pub(crate) fn bytes(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut open = vec![self.fleet.root()];
        while let Some(dir) = open.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => open.push(path),
                    false if path.parent().unwrap().ends_with(".diskdag") => {}
                    false => files.push((path.clone(), std::fs::read(path).unwrap())),
                }
            }
        }
        // A pool whose catalogue is lost says nothing.
        for line in ["snap list", "trash list"] {
            let said = self.run(line.split(' ')).json().go();
            files.push((line.into(), if said.code == 8 { Vec::new() } else { said.stdout }));
        }
        files.sort();
        files
    }
}

/// What QEMU reads of a disk.
#[track_caller]
pub(crate) fn content(qemu: Qemu, disk: &Path) -> Content {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("raw");
    let words = ["convert", "-f", "qcow2", "-O", "raw"].map(OsStr::new);
    // From the disk's own folder: that is where a relative name of a data file is looked for.
    qemu.img(disk.parent().unwrap(), words.into_iter().chain([disk.as_os_str(), out.as_os_str()]));
    std::fs::read(out).unwrap()
}

/// The kinds of the blockers of a refusal, sorted, each once.
#[track_caller]
pub(crate) fn kinds(refusal: &Value) -> Vec<&str> {
    let mut kinds: Vec<_> =
        items(refusal, "blockers").iter().map(|it| it["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}
