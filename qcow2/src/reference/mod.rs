//! What an image names, taken apart as QEMU would. Pure: nothing is opened, no path is looked up.

mod classify;
mod grammar;
mod json;
mod protocol;
mod resolve;

pub use json::JsonReference;
pub use resolve::{Base, Target};

use alloc::borrow::Cow;

/// The name of a backing file or of an external data file, classified.
///
/// The rules are QEMU's: `path_has_protocol`, `bdrv_find_protocol` and `bdrv_get_full_backing_filename` of
/// `block.c`. QEMU chooses by the name alone, before it looks at any file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reference<'a> {
    /// No protocol and no leading `/`: QEMU puts the directory of the image, as it was opened, before it.
    Relative(&'a [u8]),
    /// Begins with `/`.
    Absolute(&'a [u8]),
    /// `file:` and its like, the prefix stripped: absolute, or relative to QEMU's working directory.
    /// Where a protocol would come to stand in front, `./` is put before it (`file:a:b` is `./a:b`).
    File(Cow<'a, [u8]>),
    /// `json:`, parsed.
    Json(JsonReference),
    /// A protocol that names no file of this host: `nbd:`, `https:`, `rbd:`, `null-co:`, …
    Remote {
        /// What precedes the colon.
        scheme: &'a [u8],
    },
    /// A protocol known to QEMU that may hide a file of this host: `blkdebug:`, `fat:`, …
    Opaque {
        /// What precedes the colon.
        scheme: &'a [u8],
    },
    /// A protocol that QEMU doesn't know; it refuses to open the name, even where a file is called so.
    UnknownProtocol {
        /// What precedes the colon.
        scheme: &'a [u8],
    },
    /// The name of an external data file, always taken literally; relative to QEMU's working directory.
    DataFile(&'a [u8]),
    /// No name at all. QEMU cuts a name at its first NUL where others don't: never resolved.
    Bad {
        /// What is wrong with it.
        why: &'static str,
    },
}

/// By which rule a reference was classified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Rule {
    /// From the directory of the image.
    Relative,
    /// An absolute path.
    Absolute,
    /// `file:` and its like.
    File,
    /// `json:`.
    Json,
    /// A protocol that names no file of this host.
    Remote,
    /// A protocol that may hide a file of this host.
    Opaque,
    /// A protocol that QEMU doesn't know.
    UnknownProtocol,
    /// No name at all.
    Bad,
    /// The literal name of an external data file.
    DataFile,
}

impl Rule {
    /// A stable word for the rule, in kebab-case.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Relative => "relative",
            Self::Absolute => "absolute",
            Self::File => "file",
            Self::Json => "json",
            Self::Remote => "remote",
            Self::Opaque => "opaque",
            Self::UnknownProtocol => "unknown-protocol",
            Self::Bad => "bad",
            Self::DataFile => "data-file",
        }
    }
}

impl Reference<'_> {
    /// By which rule it was classified.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        match self {
            Self::Relative(_) => Rule::Relative,
            Self::Absolute(_) => Rule::Absolute,
            Self::File(_) => Rule::File,
            Self::Json(_) => Rule::Json,
            Self::Remote { .. } => Rule::Remote,
            Self::Opaque { .. } => Rule::Opaque,
            Self::UnknownProtocol { .. } => Rule::UnknownProtocol,
            Self::DataFile(_) => Rule::DataFile,
            Self::Bad { .. } => Rule::Bad,
        }
    }
}
