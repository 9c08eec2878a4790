//! What is odd about a header that parses: things that QEMU accepts and a reader should know.
#![forbid(unsafe_code)]

mod fields;
mod plain;
mod tables;

use core::fmt;
use core::iter::FusedIterator;

use self::fields::FIELDS;
use self::tables::TABLES;
use super::Header;
use crate::error::Structure;

/// What is odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FindingKind {
    /// A table ends beyond the file. QEMU reads zeros there: an L1 table like that makes an empty disk.
    OutOfBounds,
    /// A table lies over the header or over another table.
    Overlap,
    /// The file is shorter than its header claims to be.
    ShortHeader,
    /// `header_length` is no multiple of 8.
    UnalignedHeaderLength,
    /// The virtual size is no multiple of 512; QEMU drops the tail.
    UnalignedSize,
    /// There is no refcount table. QEMU opens such an image only for checking it.
    NoRefcountTable,
    /// There is no snapshot, yet `snapshots_offset` is not a cluster's start. QEMU refuses to open it.
    UnusedSnapshotsOffset,
    /// There is a place for a backing file's name, but the name is empty.
    EmptyBackingName,
    /// A backing file is named without its format: QEMU probes it, and a guest can choose the result.
    UndeclaredBackingFormat,
    /// A name holds a NUL. QEMU uses what precedes it, others the whole: it is not resolved.
    NulInName,
    /// A data file is named, but the data file bit is not set: QEMU shows the name and uses the image.
    UnusedDataFileName,
    /// Incompatible feature bits that nobody here knows.
    UnknownIncompatible,
    /// The dirty bit: refcounts may be wrong.
    Dirty,
    /// The corrupt bit: any metadata may be wrong; must not be written.
    Corrupt,
    /// There is a bitmaps extension, but the autoclear bit says that it is out of date.
    StaleBitmaps,
    /// The autoclear bit speaks of bitmaps, but there is no bitmaps extension.
    MissingBitmaps,
    /// The autoclear bit speaks of a raw external data file, but there is no external data file.
    RawWithoutDataFile,
    /// The table of feature names is no multiple of 48 bytes long.
    PartialFeatureName,
    /// More than 1024 extensions.
    ManyExtensions,
}

impl FindingKind {
    /// A stable word for the kind, in kebab-case.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::OutOfBounds => "out-of-bounds",
            Self::Overlap => "overlap",
            Self::ShortHeader => "short-header",
            Self::UnalignedHeaderLength => "unaligned-header-length",
            Self::UnalignedSize => "unaligned-size",
            Self::NoRefcountTable => "no-refcount-table",
            Self::UnusedSnapshotsOffset => "unused-snapshots-offset",
            Self::EmptyBackingName => "empty-backing-name",
            Self::UndeclaredBackingFormat => "undeclared-backing-format",
            Self::NulInName => "nul-in-name",
            Self::UnusedDataFileName => "unused-data-file-name",
            Self::UnknownIncompatible => "unknown-incompatible",
            Self::Dirty => "dirty",
            Self::Corrupt => "corrupt",
            Self::StaleBitmaps => "stale-bitmaps",
            Self::MissingBitmaps => "missing-bitmaps",
            Self::RawWithoutDataFile => "raw-without-data-file",
            Self::PartialFeatureName => "partial-feature-name",
            Self::ManyExtensions => "many-extensions",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::OutOfBounds => "ends beyond the file",
            Self::Overlap => "lies over the header or another table",
            Self::ShortHeader => "the file ends before the header does",
            Self::UnalignedHeaderLength => "not a multiple of 8",
            Self::UnalignedSize => "not a multiple of 512",
            Self::NoRefcountTable => "there is no refcount table",
            Self::UnusedSnapshotsOffset => "no snapshots, yet an offset that QEMU refuses",
            Self::EmptyBackingName => "a place for a name, but an empty name",
            Self::UndeclaredBackingFormat => "the backing file's format is not declared",
            Self::NulInName => "the name holds a NUL byte",
            Self::UnusedDataFileName => "a data file is named, but not in use",
            Self::UnknownIncompatible => "unknown incompatible features",
            Self::Dirty => "marked dirty: refcounts may be wrong",
            Self::Corrupt => "marked corrupt: must not be written",
            Self::StaleBitmaps => "the persistent bitmaps are out of date",
            Self::MissingBitmaps => "persistent bitmaps are announced, but there are none",
            Self::RawWithoutDataFile => "a raw data file is announced, but there is none",
            Self::PartialFeatureName => "the table of feature names is cut short",
            Self::ManyExtensions => "more than 1024 header extensions",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

/// One odd thing about a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What is odd.
    pub kind: FindingKind,
    /// About which structure.
    pub structure: Structure,
    /// The field that shows it, under the specification's name.
    pub field: &'static str,
    /// Where that field lies, in bytes from the beginning of the file.
    pub offset: u64,
    /// What it holds.
    pub found: u64,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, structure, field, offset, found } = self;
        write!(f, "{structure}: {field} at byte {offset} is {found}: {kind}")
    }
}

/// The step behind the last question.
const END: usize = FIELDS.len() + 2 * TABLES.len();

/// What is odd about a header; an iterator that allocates nothing. At most a few dozen.
#[derive(Clone, Debug)]
pub struct Findings<'a> {
    header: Header<'a>,
    file_len: u64,
    step: usize,
}

impl<'a> Header<'a> {
    /// What is odd about this header, in a file of `file_len` bytes.
    #[must_use]
    pub fn findings(&self, file_len: u64) -> Findings<'a> {
        let step = if plain::is_plain(self, file_len) { END } else { 0 };
        Findings { header: *self, file_len, step }
    }
}

impl Iterator for Findings<'_> {
    type Item = Finding;

    fn next(&mut self) -> Option<Finding> {
        loop {
            let step = self.step;
            self.step += 1;
            if let Some(check) = FIELDS.get(step) {
                if let Some(finding) = check(&self.header, self.file_len) {
                    return Some(finding);
                }
                continue;
            }
            // Two questions per table: inside the file? On top of another?
            let step = step - FIELDS.len();
            let Some(table) = TABLES.get(step / 2) else {
                self.step = END;
                return None;
            };
            let Some(region) = table(&self.header) else { continue };
            if step.is_multiple_of(2) {
                if region.end > self.file_len {
                    return Some(region.finding(FindingKind::OutOfBounds));
                }
            } else {
                let earlier = TABLES.iter().take(step / 2).filter_map(|table| table(&self.header));
                let on_another = earlier.into_iter().any(|other| region.overlaps(&other));
                if on_another || region.start < self.header.cluster_size() {
                    return Some(region.finding(FindingKind::Overlap));
                }
            }
        }
    }
}

impl FusedIterator for Findings<'_> {}
