//! Why an image cannot be parsed: which structure, which field, where, what was found, what is allowed.
#![forbid(unsafe_code)]

use core::fmt;

/// A part of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Structure {
    /// The header proper.
    Header,
    /// A header extension, or the area that holds them.
    Extension,
    /// The name of the backing file.
    BackingName,
    /// An L1 table: the active one, or a snapshot's.
    L1Table,
    /// An L2 table.
    L2Table,
    /// A cluster of guest data.
    Cluster,
    /// The refcount table.
    RefcountTable,
    /// A block of refcounts.
    RefcountBlock,
    /// The table of internal snapshots.
    SnapshotTable,
    /// The bitmap directory.
    Bitmaps,
    /// The table of one bitmap.
    BitmapTable,
    /// A cluster of a bitmap's bits.
    BitmapData,
    /// The LUKS header.
    Luks,
}

impl fmt::Display for Structure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Extension => "header extension",
            Self::BackingName => "backing file name",
            Self::L1Table => "L1 table",
            Self::L2Table => "L2 table",
            Self::Cluster => "cluster",
            Self::RefcountTable => "refcount table",
            Self::RefcountBlock => "refcount block",
            Self::SnapshotTable => "snapshot table",
            Self::Bitmaps => "bitmap directory",
            Self::BitmapTable => "bitmap table",
            Self::BitmapData => "cluster of a bitmap",
            Self::Luks => "LUKS header",
        })
    }
}

/// The values that a field may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Allowed {
    /// `min` to `max`, both included.
    Range {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// This one alone.
    Exactly(u64),
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range { min, max } => write!(f, "{min}..={max}"),
            Self::Exactly(value) => write!(f, "{value}"),
        }
    }
}

/// What is wrong with a field. Numbers are as found in the image; offsets and lengths are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file doesn't begin with the magic.
    NotQcow2 {
        /// The first four bytes, 0 if there are fewer.
        found: u32,
        /// The file's length.
        len: u64,
    },
    /// The file ends too early.
    Truncated {
        /// How long it would have to be.
        need: u64,
        /// How long it is.
        have: u64,
    },
    /// The bytes given end too early, the file does not. Only from
    /// [`Header::parse_prefix`](crate::Header::parse_prefix): call again with at least `need` bytes.
    NeedMore {
        /// How many bytes of the file's beginning are needed; at most one cluster.
        need: u64,
    },
    /// Neither version 2 nor 3.
    UnsupportedVersion {
        /// The version.
        found: u32,
    },
    /// A value that the format has no meaning for.
    BadField {
        /// The value.
        found: u64,
        /// The values that have one.
        allowed: Allowed,
    },
    /// A value that may have a meaning, but none that QEMU knows.
    Unsupported {
        /// The value.
        found: u64,
    },
    /// An offset that is not a multiple of `alignment`.
    Misaligned {
        /// The offset.
        found: u64,
        /// What it has to be a multiple of.
        alignment: u64,
    },
    /// Something that ends beyond what contains it.
    OutOfBounds {
        /// Where it ends, or, where that cannot be said, where it begins.
        found: u64,
        /// Where it would have to end.
        limit: u64,
    },
    /// A count or a length above QEMU's limit.
    TooLarge {
        /// The count or length.
        found: u64,
        /// The limit.
        max: u64,
    },
    /// Two fields that contradict each other.
    Inconsistent {
        /// The value of the field.
        found: u64,
        /// What it contradicts.
        why: &'static str,
    },
    /// Two structures that claim the same bytes.
    Overlap {
        /// The other one.
        with: Structure,
    },
    /// A name that can't be one.
    BadString {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A known extension that is there twice. QEMU lets the last one win, others the first: refused.
    Duplicate {
        /// Its type.
        extension: u32,
    },
}

impl ErrorKind {
    /// A stable word for the kind, in kebab-case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotQcow2 { .. } => "not-qcow2",
            Self::Truncated { .. } => "truncated",
            Self::NeedMore { .. } => "need-more",
            Self::UnsupportedVersion { .. } => "unsupported-version",
            Self::BadField { .. } => "bad-field",
            Self::Unsupported { .. } => "unsupported",
            Self::Misaligned { .. } => "misaligned",
            Self::OutOfBounds { .. } => "out-of-bounds",
            Self::TooLarge { .. } => "too-large",
            Self::Inconsistent { .. } => "inconsistent",
            Self::Overlap { .. } => "overlap",
            Self::BadString { .. } => "bad-string",
            Self::Duplicate { .. } => "duplicate",
        }
    }
}

/// Why an image cannot be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Error {
    /// The structure that the field belongs to.
    pub structure: Structure,
    /// The field, under the specification's name.
    pub field: &'static str,
    /// Where the field lies, in bytes from the beginning of the file.
    pub offset: u64,
    /// What is wrong with it.
    pub kind: ErrorKind,
}

impl Error {
    /// Kept out of line, so that the path without errors stays short.
    #[cold]
    pub(crate) const fn new(
        structure: Structure,
        field: &'static str,
        offset: u64,
        kind: ErrorKind,
    ) -> Self {
        Self { structure, field, offset, kind }
    }

    /// A stable word for the kind of error, in kebab-case: `not-qcow2`, `truncated`, `bad-field`, …
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.kind.code()
    }
}

impl core::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { structure, field, offset, kind } = self;
        match kind {
            ErrorKind::NotQcow2 { len: 0..4, .. } => f.write_str("not a qcow2 image: too short"),
            ErrorKind::NotQcow2 { found, .. } => {
                write!(f, "not a qcow2 image: begins with {found:#010x}")
            }
            ErrorKind::Truncated { need, have } => {
                write!(f, "{structure}: {field} needs {need} bytes, the file has {have}")
            }
            ErrorKind::NeedMore { need } => {
                write!(f, "{structure}: {field} needs the first {need} bytes of the file")
            }
            ErrorKind::UnsupportedVersion { found: 1 } => {
                f.write_str("qcow (v1), an older format; allowed are versions 2 and 3")
            }
            ErrorKind::UnsupportedVersion { found } => {
                write!(f, "qcow2 version {found}; allowed are 2 and 3")
            }
            ErrorKind::BadField { found, allowed } => {
                write!(f, "{structure}: {field} at byte {offset} is {found}; allowed {allowed}")
            }
            ErrorKind::Unsupported { found } => {
                write!(
                    f,
                    "{structure}: {field} at byte {offset} is {found}, which is not supported"
                )
            }
            ErrorKind::Misaligned { found, alignment } => write!(
                f,
                "{structure}: {field} at byte {offset} is {found}, not a multiple of {alignment}"
            ),
            ErrorKind::OutOfBounds { found, limit } => write!(
                f,
                "{structure}: {field} at byte {offset} reaches to byte {found}, beyond {limit}"
            ),
            ErrorKind::TooLarge { found, max } => {
                write!(f, "{structure}: {field} at byte {offset} is {found}; at most {max}")
            }
            ErrorKind::Inconsistent { found, why } => {
                write!(f, "{structure}: {field} at byte {offset} is {found}: {why}")
            }
            ErrorKind::Overlap { with } => {
                write!(f, "{structure}: {field} at byte {offset} lies over the {with}")
            }
            ErrorKind::BadString { why } => {
                write!(f, "{structure}: {field} at byte {offset}: {why}")
            }
            ErrorKind::Duplicate { extension } => {
                write!(
                    f,
                    "{structure}: {field} ({extension:#010x}) at byte {offset} is there twice"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::{Allowed, Error, ErrorKind, Structure};

    #[test]
    fn a_message_says_what_where_found_allowed() {
        let allowed = Allowed::Range { min: 9, max: 21 };
        let kind = ErrorKind::BadField { found: 8, allowed };
        let error = Error::new(Structure::Header, "cluster_bits", 20, kind);
        assert_eq!(error.to_string(), "header: cluster_bits at byte 20 is 8; allowed 9..=21");
        assert_eq!(error.code(), "bad-field");
    }
}
