//! A record in a file: the index that the next process starts from.
//!
//! ```text
//!   0  8  "DDAGIDX\n"
//!   8  4  version
//!  12  4  zero
//!  16 40  which boot of the system it was written under
//!  56  8  length of what follows
//!  64  8  XXH3 of what follows
//!  72     the directories, their entries, the files out of the scope
//! ```
//!
//! All numbers are little-endian. The file is a cache and nothing else: whatever is odd about it
//! (damaged, of another version, cut short, from another boot) makes it worth nothing, never an
//! answer wrong. Why the boot matters: devices may have got other numbers since; and when a machine
//! went down hard, a file's new content may have reached the disk and its new time not.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use twox_hash::XxHash3_64;

use crate::scan::decode::decode;
use crate::scan::encode::encode;
use crate::scan::record::Record;
use crate::scan::replace::replace;
use crate::sys::boot;

pub(super) const MAGIC: &[u8; 8] = b"DDAGIDX\n";
/// Goes up with every change of what is written, or of what a scan makes of a file.
const VERSION: u32 = 3;
const BOOT: usize = 40;
const HEAD: usize = 72;

/// Why a saved index is of no use, or could not be saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The system refused.
    #[error("{path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not what was written once, or no index at all.
    #[error("{path} is damaged, or no index")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Written by another version of this library.
    #[error("{path} is of version {found}, not {VERSION}")]
    Version {
        /// The file.
        path: PathBuf,
        /// The version that it says.
        found: u32,
    },
    /// The system was started anew since.
    #[error("{path} is from before the system was started")]
    OtherBoot {
        /// The file.
        path: PathBuf,
    },
    /// The system does not say when it was started, so that no index can be trusted.
    #[error("this system does not tell one start from another")]
    Unsupported,
}

impl IndexError {
    /// Whether there is simply no file yet.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

impl Record {
    /// Replaces the index at `path`, for [`Record::load`]. Atomic, and durable when it returns: a
    /// crash leaves the old file or the new one. The directory has to exist; best one that is not
    /// searched, as every save changes it. Only its owner can read the file: it holds names that
    /// not everybody may be able to see.
    ///
    /// # Errors
    ///
    /// [`IndexError`]; an index that was there before then still is.
    pub fn save(&self, path: &Path) -> Result<(), IndexError> {
        let mut file = Vec::new();
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(&VERSION.to_le_bytes());
        file.extend_from_slice(&[0; 4]);
        file.extend_from_slice(&this_boot()?);
        file.resize(HEAD, 0);
        encode(&self.inner, &mut file);
        let body = file.get(HEAD..).unwrap_or_default();
        let (length, sum) = (body.len() as u64, XxHash3_64::oneshot(body));
        file[56..64].copy_from_slice(&length.to_le_bytes());
        file[64..72].copy_from_slice(&sum.to_le_bytes());
        replace(path, &file, 0o600)
            .map_err(|source| IndexError::Io { path: path.to_owned(), source })
    }

    /// Reads an index that was saved. Whoever gets an error scans without one.
    ///
    /// O(the size of the file); nothing that it names is looked at.
    ///
    /// # Errors
    ///
    /// [`IndexError`]: there is none, or none that can be used.
    pub fn load(path: &Path) -> Result<Self, IndexError> {
        let damaged = || IndexError::Damaged { path: path.to_owned() };
        let io = |source| IndexError::Io { path: path.to_owned(), source };
        // A FIFO or a device would not answer, or not end.
        if !std::fs::metadata(path).map_err(io)?.is_file() {
            return Err(damaged());
        }
        let bytes = std::fs::read(path).map_err(io)?;
        let (head, body) = bytes.split_at_checked(HEAD).ok_or_else(damaged)?;
        let number = |at: usize| u64::from_le_bytes(take(head, at));
        if head.get(..8) != Some(MAGIC) {
            return Err(damaged());
        }
        let version = u32::from_le_bytes(take(head, 8));
        if version != VERSION {
            return Err(IndexError::Version { path: path.to_owned(), found: version });
        }
        if take::<4>(head, 12) != [0; 4]
            || number(56) != body.len() as u64
            || number(64) != XxHash3_64::oneshot(body)
        {
            return Err(damaged());
        }
        if head.get(16..16 + BOOT) != Some(&this_boot()?) {
            return Err(IndexError::OtherBoot { path: path.to_owned() });
        }
        let inner = decode(body).ok_or_else(damaged)?;
        Ok(Self { inner: Arc::new(inner) })
    }
}

fn take<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or([0; N])
}

fn this_boot() -> Result<[u8; BOOT], IndexError> {
    let name = boot().ok_or(IndexError::Unsupported)?;
    let mut field = [0; BOOT];
    field.get_mut(..name.len()).ok_or(IndexError::Unsupported)?.copy_from_slice(&name);
    Ok(field)
}
