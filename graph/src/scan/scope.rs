//! What is asked: directories, who declared them, and the doubts that a person has waived.

use std::path::{Path, PathBuf};

use diskdag_qcow2::open::Stat;

use crate::doubt::ScopeSource;

/// The directories whose images may depend on each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Absolute paths. A root may be a single file too.
    pub roots: Vec<PathBuf>,
    /// Who declared them.
    pub source: ScopeSource,
}

impl Scope {
    /// A scope that somebody declared.
    pub fn declared(roots: impl IntoIterator<Item = PathBuf>, source: ScopeSource) -> Self {
        Self { roots: roots.into_iter().collect(), source }
    }

    /// The scope of an image about which nobody declared one: its own directory. Answers about
    /// dependents are then never complete.
    pub fn assumed(image: &Path) -> Self {
        let directory = image.parent().unwrap_or(Path::new("/")).to_owned();
        Self { roots: vec![directory], source: ScopeSource::Assumed }
    }
}

/// A doubt that a person has declared known. It covers what is at `path` as long as that does not
/// change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// What could not be asked: a file or a directory.
    pub path: PathBuf,
    /// The reason that the person gave.
    pub reason: String,
    /// What was there when the waiver was given; nothing for a path that does not exist.
    pub fingerprint: Option<Fingerprint>,
}

/// What must stay the same for a waiver to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// `st_dev`
    pub device: u64,
    /// `st_ino`
    pub inode: u64,
    /// Length in bytes.
    pub len: u64,
    /// Last modification, nanoseconds since 1970.
    pub modified: i128,
    /// Last change of the inode, nanoseconds since 1970.
    pub changed: i128,
}

impl Fingerprint {
    /// What is at `path` now, symbolic links followed; nothing where there is nothing.
    ///
    /// # Errors
    ///
    /// What the system answers, except that there is no such file.
    pub fn of(path: &Path) -> std::io::Result<Option<Self>> {
        match std::fs::metadata(path) {
            Ok(metadata) => {
                let Stat { device, inode, len, mtime, ctime, .. } = Stat::of(&metadata);
                let (modified, changed) = (nanoseconds(mtime), nanoseconds(ctime));
                Ok(Some(Self { device, inode, len, modified, changed }))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn nanoseconds((seconds, nanoseconds): (i64, u32)) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
}
