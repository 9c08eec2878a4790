//! What there is, in the words of the person whose disks they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use diskdag_snapshot::catalogue::{Standing, State};
use diskdag_snapshot::name::FileName;
use diskdag_snapshot::sim::Disk;

use crate::images::{Content, Reader, Still, Unreadable};
use crate::world::{FOLDER, TOP};

/// A disk's content, or why it cannot be read.
pub(crate) type Seen = Result<Content, Unreadable>;

/// What a person calls a snapshot: the disk, the name.
pub(crate) type Label = (PathBuf, String);

/// Everything that matters to a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Live disks, by path.
    pub(crate) live: BTreeMap<PathBuf, Seen>,
    /// Snapshots that are listed.
    pub(crate) snapshots: BTreeMap<Label, Seen>,
    /// Snapshots without a name whose file is still there, by file.
    pub(crate) retired: BTreeMap<PathBuf, Seen>,
    /// The trash: where it lay, and what it reads; one after the other.
    pub(crate) trash: Vec<(PathBuf, Seen)>,
    /// Why snapshots are kept.
    pub(crate) pins: Vec<(Label, String)>,
}

/// A disk, with what its catalogue says.
pub(crate) struct View {
    pub(crate) still: Still,
    /// What is recorded, or why that cannot be read.
    pub(crate) state: Result<State, String>,
    pub(crate) picture: Picture,
}

impl View {
    pub(crate) fn of(disk: &Disk, reader: &mut Reader) -> Self {
        let still = Still::of(disk);
        let state = reader.recorded(&still);
        let picture = picture(&still, state.as_ref().ok(), reader);
        Self { still, state, picture }
    }
}

/// Whether `path` is a disk's, and not that of a snapshot, of something in the trash, or of our own records.
pub(crate) fn is_disk(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    path.starts_with(TOP) && !path.starts_with(FOLDER) && FileName::parse(name).is_none()
}

fn picture(still: &Still, state: Option<&State>, reader: &mut Reader) -> Picture {
    let mut picture = Picture::default();
    for (path, file) in still.files.iter().filter(|(path, _)| is_disk(path)) {
        if reader.is_qcow2(still, file) {
            picture.live.insert(path.clone(), reader.read(still, path));
        }
    }
    let Some(state) = state else { return picture };
    let top = Path::new(TOP);
    for record in state.snapshots.values() {
        let file = top.join(&record.file);
        let seen = reader.read(still, &file);
        match record.standing {
            Standing::Kept => {
                let label = (top.join(&record.disk), record.name.to_string());
                picture.snapshots.insert(label, seen);
            }
            _ => drop(picture.retired.insert(file, seen)),
        }
    }
    for record in state.trash.values() {
        let seen = reader.read(still, &top.join(&record.file));
        picture.trash.push((top.join(&record.was), seen));
    }
    picture.trash.sort();
    for pin in state.pins.values() {
        if let Some(record) = state.snapshots.get(&pin.snapshot) {
            let label = (top.join(&record.disk), record.name.to_string());
            picture.pins.push((label, pin.reason.clone()));
        }
    }
    picture
}

impl Picture {
    /// What a snapshot that is listed reads.
    pub(crate) fn snapshot(&self, label: &Label) -> Option<&Seen> {
        self.snapshots.get(label)
    }

    /// In what it differs from another one, for whoever reads a failed test.
    pub(crate) fn differs(&self, other: &Self) -> String {
        let mut words = Vec::new();
        for (what, here, there) in [
            ("live", labels(self.live.iter()), labels(other.live.iter())),
            ("snapshots", labels(self.snapshots.iter()), labels(other.snapshots.iter())),
            ("retired", labels(self.retired.iter()), labels(other.retired.iter())),
            (
                "trash",
                labels(self.trash.iter().map(|(a, b)| (a, b))),
                labels(other.trash.iter().map(|(a, b)| (a, b))),
            ),
            ("pins", format!("{:?}", self.pins), format!("{:?}", other.pins)),
        ] {
            if here != there {
                words.push(format!("{what}: {here} instead of {there}"));
            }
        }
        words.join("; ")
    }
}

fn labels<'s, K: std::fmt::Debug + 's>(of: impl Iterator<Item = (&'s K, &'s Seen)>) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let label = |(key, seen): (&K, &Seen)| match seen {
        Ok(content) => {
            let mut hasher = DefaultHasher::new();
            content.hash(&mut hasher);
            format!("{key:?}={:04x}", hasher.finish() & 0xffff)
        }
        Err(why) => format!("{key:?}: {why}"),
    };
    format!("[{}]", of.map(label).collect::<Vec<_>>().join(", "))
}
