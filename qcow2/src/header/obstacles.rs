//! Can the guest's data be read? What stands in the way.
#![forbid(unsafe_code)]

use core::fmt;

use super::{CryptMethod, Header};

/// One reason why the guest's data can't be read.
///
/// The corrupt bit is none: QEMU opens such an image for reading. It is a
/// [finding](super::FindingKind::Corrupt), and forbids to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Obstacle {
    /// Incompatible features that nobody here knows: these bits.
    UnknownIncompatible(u64),
    /// The data is encrypted.
    Encrypted(CryptMethod),
}

impl Obstacle {
    /// A stable word for the obstacle, in kebab-case.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownIncompatible(_) => "unknown-incompatible",
            Self::Encrypted(_) => "encrypted",
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownIncompatible(bits) => write!(f, "unknown incompatible features {bits:#x}"),
            Self::Encrypted(method) => write!(f, "encrypted ({method})"),
        }
    }
}

/// Everything that keeps the guest's data from being read; an iterator over [`Obstacle`].
#[derive(Clone, Debug)]
#[must_use]
pub struct Obstacles {
    unknown: u64,
    crypt: CryptMethod,
}

impl Obstacles {
    /// Whether nothing is in the way.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.unknown == 0 && matches!(self.crypt, CryptMethod::None)
    }
}

impl Iterator for Obstacles {
    type Item = Obstacle;

    fn next(&mut self) -> Option<Obstacle> {
        let unknown = core::mem::take(&mut self.unknown);
        if unknown != 0 {
            return Some(Obstacle::UnknownIncompatible(unknown));
        }
        match core::mem::replace(&mut self.crypt, CryptMethod::None) {
            CryptMethod::None => None,
            method => Some(Obstacle::Encrypted(method)),
        }
    }
}

impl Header<'_> {
    /// What keeps the guest's data from being read. The image's own metadata, and what it names, can be
    /// read all the same.
    pub fn obstacles(&self) -> Obstacles {
        Obstacles { unknown: self.features().unknown_incompatible(), crypt: self.crypt_method }
    }
}
