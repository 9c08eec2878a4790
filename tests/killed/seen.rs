//! What can be seen of a pool from outside.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{self, Answer, Qemu, finish, items, text_of};

/// A pool as a user sees it, without the numbers, which differ from run to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Every disk that can be written to: its name, and what its guest reads.
    pub(crate) live: BTreeMap<String, Digest>,
    /// Every snapshot: disk, name and number, and what it reads.
    pub(crate) snapshots: BTreeMap<(String, String), Digest>,
    /// What lies in the trash: where it was, and what it reads.
    pub(crate) trash: Vec<(String, Digest)>,
}

/// What a guest reads, so that two of them can be told apart and shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digest(Vec<u8>);

impl std::fmt::Debug for Digest {
    /// The first byte of each 64 KiB tells what was written where.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0.iter().step_by(64 << 10).collect::<Vec<_>>())
    }
}

/// A copy of a pool, of which a test may do what it likes.
pub(crate) struct Copy {
    pub(crate) root: PathBuf,
    qemu: Qemu,
    _folder: tempfile::TempDir,
}

impl Copy {
    /// With owner, modes and attributes.
    pub(crate) fn of(pool: &Path, qemu: Qemu) -> Copy {
        let folder = tempfile::Builder::new().prefix("dd").tempdir().unwrap();
        std::fs::create_dir(folder.path().join("settings")).unwrap();
        let root = folder.path().canonicalize().unwrap().join("images");
        let copied = finish(Command::new("cp").arg("-a").arg(pool).arg(&root));
        assert_eq!(copied.code, Some(0), "{copied:?}");
        Copy { root, qemu, _folder: folder }
    }

    /// Runs the command in it.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = A>) -> Answer {
        let mut command = Command::new(support::command());
        command.args(words).current_dir(&self.root);
        command.env("DISKDAG_CONFIG", self.root.join("../settings"));
        Answer::new(format!("{command:?}"), finish(&mut command))
    }

    /// The same from one line.
    #[track_caller]
    pub(crate) fn json(&self, line: &str) -> Value {
        self.run(line.split(' ').chain(["--json"])).exits(0).value()
    }

    /// What QEMU reads of a disk; nothing if it cannot open it.
    pub(crate) fn read(&self, path: &Path) -> Option<Digest> {
        let raw = self.root.join("../raw");
        let words = ["convert", "-f", "qcow2", "-O", "raw"].map(OsStr::new);
        let words = words.into_iter().chain([path.as_os_str(), raw.as_os_str()]);
        let done = self.qemu.try_img(&self.root, words);
        (done.code == Some(0)).then(|| Digest(std::fs::read(raw).unwrap()))
    }

    /// Everything there is to see. What is listed has to be there.
    #[track_caller]
    pub(crate) fn look(&self) -> Seen {
        let read = |path: &str| {
            self.read(Path::new(path)).unwrap_or_else(|| panic!("{path} does not open"))
        };
        let name = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        let mut seen =
            Seen { live: BTreeMap::new(), snapshots: BTreeMap::new(), trash: Vec::new() };
        let mut listed = Vec::new();
        for snapshot in items(&self.json("snap list"), "snapshots") {
            let path = text_of(snapshot, "path");
            let key = (name(text_of(snapshot, "disk")), text_of(snapshot, "name").to_owned());
            assert!(seen.snapshots.insert(key, read(path)).is_none(), "listed twice: {snapshot}");
            listed.push(name(path));
        }
        for item in items(&self.json("trash list"), "items") {
            let path = text_of(item, "path");
            let was = name(text_of(item, "was"));
            // Of a snapshot the name holds its number.
            seen.trash.push((was.replace(char::is_numeric, "#"), read(path)));
            listed.push(name(path));
        }
        seen.trash.sort();
        for entry in std::fs::read_dir(&self.root).unwrap() {
            let path = entry.unwrap().path();
            let file = name(path.to_str().unwrap());
            if !listed.contains(&file) && !file.starts_with('.') && !file.contains('@') {
                seen.live.insert(file, read(path.to_str().unwrap()));
            }
        }
        seen
    }
}
