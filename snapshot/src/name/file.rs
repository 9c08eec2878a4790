//! Names of files: of snapshots, of what lies in the trash, of overlays that have no name yet.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::{Id, SnapshotName};

/// The longest name of a file, in bytes (`NAME_MAX` of every file system that Linux and macOS have).
pub const FILE_NAME_MAX: usize = 255;

/// What the name of a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileName {
    /// `vm@17-before-upgrade.qcow2`
    Snapshot {
        /// The file name of the disk that it was taken from.
        disk: OsString,
        /// Its number.
        id: Id,
        /// Its name.
        name: SnapshotName,
    },
    /// `.vm@23.trash`
    Trash {
        /// The stem of what it was.
        stem: OsString,
        /// Its number in the trash.
        id: Id,
    },
    /// `.vm@23.new`: an overlay on its way to a name, or left behind there.
    Pending {
        /// The stem of what it was to be.
        stem: OsString,
        /// Its number.
        id: Id,
    },
}

/// The largest number: what every reader of JSON can hold. At a thousand a second it lasts for 285,000 years.
const ID_MAX: u64 = 1 << 53;

/// The ending of what lies in the trash.
const TRASH: &str = "trash";

/// The ending of what has no name yet.
const PENDING: &str = "new";

impl FileName {
    /// Takes a file's name apart; `None` if it is not one that is made here.
    ///
    /// The first `@` that digits and a `-` follow ends the disk's stem: no disk in a pool has such a name
    /// itself ([`check_disk_name`]). What stands behind the last dot is the disk's extension. A snapshot of
    /// a disk without one whose name holds a dot is read as one of a disk that has one: `vm@1-v1.2` is
    /// snapshot `v1` of `vm.2`. Whoever needs to know better looks which disk is there.
    #[must_use]
    pub fn parse(name: &OsStr) -> Option<Self> {
        let bytes = name.as_bytes();
        // A hidden disk has snapshots, too: only the ending tells them from trash.
        if let Some(waiting) = bytes.strip_prefix(b".").and_then(parse_waiting) {
            return Some(waiting);
        }
        let (stem, id, rest) = split_snapshot(bytes)?;
        let (name, extension) = match split_last(rest, b'.') {
            Some((name, extension)) if !name.is_empty() => (name, Some(extension)),
            _ => (rest, None),
        };
        let name = SnapshotName::new(OsStr::from_bytes(name)).ok()?;
        let disk = join(stem, extension);
        Some(Self::Snapshot { disk, id, name })
    }

    /// The same for a disk without an extension, where the name can be read so.
    #[must_use]
    pub fn parse_without_extension(name: &OsStr) -> Option<Self> {
        let (stem, id, rest) = split_snapshot(name.as_bytes())?;
        let name = SnapshotName::new(OsStr::from_bytes(rest)).ok()?;
        Some(Self::Snapshot { disk: os(stem), id, name })
    }

    /// The number in it.
    #[must_use]
    pub const fn id(&self) -> Id {
        match self {
            Self::Snapshot { id, .. } | Self::Trash { id, .. } | Self::Pending { id, .. } => *id,
        }
    }
}

/// The path of a snapshot of `disk`, beside it.
///
/// # Errors
///
/// [`FileNameError::TooLong`].
pub fn snapshot_path(disk: &Path, id: Id, name: &SnapshotName) -> Result<PathBuf, FileNameError> {
    let (stem, extension) = parts(disk);
    let stem = [stem, format!("@{id}-").as_bytes(), name.as_bytes()].concat();
    sibling(disk, join(&stem, extension))
}

/// The path at which what is at `path` lies in the trash.
///
/// # Errors
///
/// [`FileNameError::TooLong`].
pub fn trash_path(path: &Path, id: Id) -> Result<PathBuf, FileNameError> {
    hidden(path, id, TRASH)
}

/// The path at which an overlay waits to become `path`.
///
/// # Errors
///
/// [`FileNameError::TooLong`].
pub fn pending_path(path: &Path, id: Id) -> Result<PathBuf, FileNameError> {
    hidden(path, id, PENDING)
}

fn hidden(path: &Path, id: Id, ending: &str) -> Result<PathBuf, FileNameError> {
    let (stem, _) = parts(path);
    let stem = stem.strip_prefix(b".").unwrap_or(stem);
    let mut name = [b".", stem, format!("@{id}.").as_bytes()].concat();
    name.extend_from_slice(ending.as_bytes());
    sibling(path, OsString::from_vec(name))
}

/// Whether a disk of this path can live in a pool.
///
/// # Errors
///
/// [`FileNameError::LooksLikeOurs`] for a name that would be taken for a snapshot or for trash.
pub fn check_disk_name(path: &Path) -> Result<(), FileNameError> {
    let name = path.file_name().unwrap_or_default();
    let taken = FileName::parse(name).is_some() || split_snapshot(name.as_bytes()).is_some();
    if taken { Err(FileNameError::LooksLikeOurs { name: name.into() }) } else { Ok(()) }
}

/// A file that cannot have the name that it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileNameError {
    /// The name would have more bytes than a file system takes.
    #[error("the file name '{}' has {found} bytes, file systems take {FILE_NAME_MAX}", name.display())]
    TooLong {
        /// The name.
        name: OsString,
        /// Its length in bytes.
        found: usize,
    },
    /// A disk whose name looks like a snapshot's.
    #[error("'{}' is a name that snapshots and trash have; no disk can be called so", name.display())]
    LooksLikeOurs {
        /// The name.
        name: OsString,
    },
}

/// Stem and extension of a file's name; a leading dot begins no extension.
fn parts(path: &Path) -> (&[u8], Option<&[u8]>) {
    let stem = path.file_stem().unwrap_or_default().as_bytes();
    (stem, path.extension().map(OsStr::as_bytes))
}

fn sibling(path: &Path, name: OsString) -> Result<PathBuf, FileNameError> {
    let found = name.len();
    if found > FILE_NAME_MAX {
        return Err(FileNameError::TooLong { name, found });
    }
    Ok(path.with_file_name(name))
}

/// Stem, number and the rest of `stem@17-rest`.
fn split_snapshot(name: &[u8]) -> Option<(&[u8], Id, &[u8])> {
    let ats = name.iter().enumerate().filter(|(_, byte)| **byte == b'@');
    ats.filter_map(|(at, _)| {
        let (stem, rest) = (name.get(..at)?, name.get(at + 1..)?);
        let dash = rest.iter().position(|byte| *byte == b'-')?;
        let id = number(rest.get(..dash)?)?;
        let rest = rest.get(dash + 1..).filter(|rest| !rest.is_empty())?;
        (!stem.is_empty()).then_some((stem, id, rest))
    })
    .next()
}

/// What lies in the trash or waits for its name, behind the leading dot.
fn parse_waiting(hidden: &[u8]) -> Option<FileName> {
    let (rest, ending) = split_last(hidden, b'.')?;
    let (stem, id) = split_last(rest, b'@')?;
    let (stem, id) = (os(stem), number(id)?);
    if ending == TRASH.as_bytes() {
        Some(FileName::Trash { stem, id })
    } else if ending == PENDING.as_bytes() {
        Some(FileName::Pending { stem, id })
    } else {
        None
    }
}

/// A number as it is written here: digits only, no leading zero, and no more than [`ID_MAX`]: a file that
/// somebody has given a larger one is not ours.
fn number(digits: &[u8]) -> Option<Id> {
    let is_plain = digits.iter().all(u8::is_ascii_digit) && !digits.starts_with(b"0");
    let text = std::str::from_utf8(digits).ok().filter(|_| is_plain)?;
    text.parse().ok().filter(|id| *id <= ID_MAX).map(Id)
}

fn split_last(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().rposition(|byte| *byte == separator)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

fn join(stem: &[u8], extension: Option<&[u8]>) -> OsString {
    let mut name = stem.to_vec();
    if let Some(extension) = extension {
        name.push(b'.');
        name.extend_from_slice(extension);
    }
    OsString::from_vec(name)
}

fn os(bytes: &[u8]) -> OsString {
    OsStr::from_bytes(bytes).to_owned()
}
