//! What may be opened of what an image names.
#![forbid(unsafe_code)]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::vec::Vec;

/// What may be opened of what an image names. The default follows nothing: a chain then is one image.
///
/// An image is untrusted: it can name `/etc/shadow` as its raw backing file, and then a guest reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Where the files may lie.
    pub follow: Follow,
    /// What becomes of a backing file whose format is not declared.
    pub undeclared: Undeclared,
    /// What QEMU's working directory is taken to be, from which it resolves `file:x`, relative names inside
    /// `json:`, and relative names of external data files. `None`: such names are refused.
    pub working_directory: Option<PathBuf>,
    /// How many layers there may be; each is an open file.
    pub max_layers: usize,
}

/// Where files that an image names may lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Follow {
    /// Nowhere: nothing is opened that an image names.
    #[default]
    Nothing,
    /// In these directories and what is below them, by whatever way the name leads there. Neither `..` nor
    /// a symbolic link leads out; the system sees to it where it can (`openat2`), and otherwise symbolic
    /// links are not followed.
    Beneath(Vec<PathBuf>),
    /// Anywhere on this host: the image is trusted.
    Anywhere,
}

/// What becomes of a backing file whose format is not declared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Undeclared {
    /// The chain isn't opened.
    #[default]
    Refuse,
    /// What begins like a qcow2 image is taken for one, else it is raw, as QEMU does. A guest that writes
    /// to a raw disk chooses.
    Probe,
}

impl Policy {
    /// Layers that are allowed unless told otherwise.
    pub const MAX_LAYERS: usize = 1024;

    /// Follow nothing.
    #[must_use]
    pub const fn nothing() -> Self {
        Self {
            follow: Follow::Nothing,
            undeclared: Undeclared::Refuse,
            working_directory: None,
            max_layers: Self::MAX_LAYERS,
        }
    }

    /// Follow what lies in these directories and below.
    #[must_use]
    pub fn beneath(directories: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { follow: Follow::Beneath(directories.into_iter().collect()), ..Self::nothing() }
    }

    /// The directories of [`Follow::Beneath`] that allow nothing, because they can't be asked or are none: whoever
    /// named them has probably meant others.
    #[must_use]
    pub fn unusable(&self) -> Vec<(&Path, io::Error)> {
        let Follow::Beneath(directories) = &self.follow else { return Vec::new() };
        let asked =
            directories.iter().map(|directory| (directory.as_path(), fs::metadata(directory)));
        let wrong = asked.filter_map(|(directory, found)| match found {
            Ok(found) if found.is_dir() => None,
            Ok(_) => Some((directory, io::ErrorKind::NotADirectory.into())),
            Err(error) => Some((directory, error)),
        });
        wrong.collect()
    }

    /// As QEMU would, started in `working_directory`: everything is followed, and probed.
    #[must_use]
    pub fn trusting(working_directory: PathBuf) -> Self {
        Self {
            follow: Follow::Anywhere,
            undeclared: Undeclared::Probe,
            working_directory: Some(working_directory),
            ..Self::nothing()
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::nothing()
    }
}
