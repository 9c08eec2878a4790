//! Names: of snapshots, of the files that hold them, and of what lies in the trash.
//!
//! A snapshot of `vms/vm.qcow2` is its sibling `vms/vm@17-before-upgrade.qcow2`: the disk's stem, the id, the
//! snapshot's name, the disk's extension. What is in the trash is a sibling too, `.vm@23.trash`. A
//! file's name alone therefore says which disk, which id, which snapshot; FORMAT.md has the grammar.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::text::Bytes;

/// The longest name of a snapshot, in bytes.
pub const NAME_MAX: usize = 100;

/// The longest name of a file, in bytes (`NAME_MAX` of every file system that Linux and macOS have).
pub const FILE_NAME_MAX: usize = 255;

/// A number that a pool gives once and never again: to snapshots, to what goes to the trash, to
/// overlays that are being made.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Id(pub u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a person calls a snapshot: 1 to 100 bytes, no `/`, no `:` (QEMU takes what stands before one for
/// a protocol), no control characters, and no leading dot.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Bytes", into = "Bytes")]
pub struct SnapshotName(Box<[u8]>);

impl SnapshotName {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`NameError`]: the first rule that it breaks.
    pub fn new(name: impl AsRef<OsStr>) -> Result<Self, NameError> {
        let name = name.as_ref().as_bytes();
        let fault = match name {
            [] => NameFault::Empty,
            _ if name.len() > NAME_MAX => NameFault::TooLong { found: name.len() },
            [b'.', ..] => NameFault::LeadingDot,
            _ => match name.iter().find(|byte| is_forbidden(**byte)) {
                Some(byte) => NameFault::Forbidden { found: *byte },
                None => return Ok(Self(name.into())),
            },
        };
        Err(NameError { name: name.into(), fault })
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same as part of a file's name.
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }
}

const fn is_forbidden(byte: u8) -> bool {
    matches!(byte, b'/' | b':') || byte.is_ascii_control()
}

impl fmt::Debug for SnapshotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_os_str().fmt(f)
    }
}

impl fmt::Display for SnapshotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_os_str().display().fmt(f)
    }
}

impl From<SnapshotName> for Bytes {
    fn from(name: SnapshotName) -> Self {
        Self(name.0.into())
    }
}

impl TryFrom<Bytes> for SnapshotName {
    type Error = NameError;

    fn try_from(bytes: Bytes) -> Result<Self, NameError> {
        Self::new(OsStr::from_bytes(&bytes.0))
    }
}

/// A name that no snapshot can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{}' cannot be the name of a snapshot: {fault}", name.escape_ascii())]
pub struct NameError {
    /// The name.
    pub name: Box<[u8]>,
    /// Which rule it breaks.
    pub fault: NameFault,
}

/// A rule for names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameFault {
    /// It has to have a byte at least.
    #[error("it is empty")]
    Empty,
    /// It has more than [`NAME_MAX`] bytes.
    #[error("it has {found} bytes, at most {NAME_MAX} are allowed")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// It begins with a dot.
    #[error("it begins with a dot")]
    LeadingDot,
    /// It holds a byte that is not allowed.
    #[error("it holds the byte {found:#04x}: no '/', no ':', no control characters")]
    Forbidden {
        /// The byte.
        found: u8,
    },
}

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
        if let Some(hidden) = bytes.strip_prefix(b".") {
            let (rest, ending) = split_last(hidden, b'.')?;
            let (stem, id) = split_last(rest, b'@')?;
            let (stem, id) = (os(stem), number(id)?);
            return match ending {
                ending if ending == TRASH.as_bytes() => Some(Self::Trash { stem, id }),
                ending if ending == PENDING.as_bytes() => Some(Self::Pending { stem, id }),
                _ => None,
            };
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

/// A number as it is written here: digits only, and no leading zero.
fn number(digits: &[u8]) -> Option<Id> {
    let is_plain = digits.iter().all(u8::is_ascii_digit) && !digits.starts_with(b"0");
    let text = std::str::from_utf8(digits).ok().filter(|_| is_plain)?;
    text.parse().ok().map(Id)
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

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> SnapshotName {
        SnapshotName::new(text).unwrap()
    }

    #[test]
    fn the_examples_of_the_format() {
        let disk = Path::new("/p/vms/vm.qcow2");
        let file = snapshot_path(disk, Id(17), &name("before-upgrade")).unwrap();
        assert_eq!(file, PathBuf::from("/p/vms/vm@17-before-upgrade.qcow2"));
        assert_eq!(trash_path(disk, Id(23)).unwrap(), PathBuf::from("/p/vms/.vm@23.trash"));
        assert_eq!(pending_path(disk, Id(24)).unwrap(), PathBuf::from("/p/vms/.vm@24.new"));
        assert_eq!(
            trash_path(&file, Id(25)).unwrap(),
            PathBuf::from("/p/vms/.vm@17-before-upgrade@25.trash")
        );
    }

    #[test]
    fn names_that_snapshots_may_not_have() {
        for bad in ["", ".x", "a/b", "a:b", "a\nb", "\u{7f}", &"x".repeat(101)] {
            assert!(SnapshotName::new(bad).is_err(), "{bad:?}");
        }
        for good in ["x", "v1.2", "a@2-b", "before upgrade", "é", &"x".repeat(100)] {
            assert!(SnapshotName::new(good).is_ok(), "{good:?}");
        }
        assert!(SnapshotName::new(OsStr::from_bytes(b"\xff")).is_ok());
    }

    #[test]
    fn names_that_are_not_ours_are_not_taken_for_ours() {
        for other in [
            "vm.qcow2",
            "vm@x-y.qcow2",
            "vm@017-y.qcow2",
            "vm@1.qcow2",
            "@1-x",
            ".vm.trash",
            "vm@1-",
            ".vm@.trash",
            ".vm@3.bak",
            "vm@99999999999999999999-x",
        ] {
            assert_eq!(FileName::parse(OsStr::new(other)), None, "{other}");
        }
    }

    #[test]
    fn a_disk_may_not_be_called_like_a_snapshot() {
        assert!(check_disk_name(Path::new("/p/vm@1-x.qcow2")).is_err());
        assert!(check_disk_name(Path::new("/p/.vm@1.trash")).is_err());
        assert!(check_disk_name(Path::new("/p/vm@home.qcow2")).is_ok());
    }

    #[test]
    fn a_file_name_of_more_than_255_bytes_is_refused() {
        let disk = PathBuf::from(format!("/p/{}.qcow2", "d".repeat(200)));
        let error = snapshot_path(&disk, Id(1), &name(&"s".repeat(100))).unwrap_err();
        assert!(matches!(error, FileNameError::TooLong { found: 309, .. }), "{error:?}");
    }

    proptest! {
        #[test]
        fn a_snapshots_file_name_says_what_it_is(
            stem in "[a-z@. -]{1,20}", extension in proptest::option::of("[a-z0-9]{1,6}"),
            id in 1_u64.., snapshot in "[a-zA-Z0-9@é_-][a-zA-Z0-9@._é -]{0,20}",
        ) {
            let file = match &extension {
                Some(extension) => format!("{stem}.{extension}"),
                None => stem.clone(),
            };
            let disk = Path::new("/pool").join(&file);
            prop_assume!(disk.file_name() == Some(OsStr::new(&file)));
            prop_assume!(!file.starts_with('.'));
            prop_assume!(check_disk_name(&disk).is_ok());
            let path = snapshot_path(&disk, Id(id), &name(&snapshot)).unwrap();
            let found = path.file_name().unwrap();
            let wanted = FileName::Snapshot { disk: file.into(), id: Id(id), name: name(&snapshot) };
            let readings = [FileName::parse(found), FileName::parse_without_extension(found)];
            prop_assert!(readings.contains(&Some(wanted)), "{readings:?}");
            prop_assert!(check_disk_name(&path).is_err());
        }
    }
}
