//! What people call snapshots.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use serde::{Deserialize, Serialize};

use crate::text::Bytes;

/// The longest name of a snapshot, in bytes.
pub const NAME_MAX: usize = 100;

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
