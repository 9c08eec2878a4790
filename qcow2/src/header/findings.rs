//! What is odd about a header that parses: things that QEMU accepts and a reader should know.
#![forbid(unsafe_code)]

use core::fmt;
use core::iter::FusedIterator;
use core::mem::offset_of;

use super::Header;
use super::parse::at;
use crate::error::Structure;
use crate::format::{
    AUTOCLEAR_BITMAPS, AUTOCLEAR_RAW_EXTERNAL, RawHeader, RawHeaderV3, SNAPSHOT_ENTRY_MIN,
};

/// More extensions than this are a finding; QEMU writes at most six.
const MANY_EXTENSIONS: u32 = 1024;

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
        Findings { header: *self, file_len, step: 0 }
    }
}

/// The tables that the header places, in the order in which overlaps are reported.
const TABLES: [fn(&Header<'_>) -> Option<Region>; 5] =
    [refcount_table, l1_table, snapshot_table, bitmap_directory, luks_header];

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
                self.step = FIELDS.len() + 2 * TABLES.len();
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

/// The bytes that a table claims, and the field that says so.
struct Region {
    structure: Structure,
    field: &'static str,
    at: u64,
    start: u64,
    end: u64,
}

impl Region {
    /// `None` for a table without entries: its offset means nothing.
    fn new(
        structure: Structure,
        (field, at): (&'static str, u64),
        start: u64,
        length: u64,
    ) -> Option<Self> {
        let end = start.saturating_add(length);
        (length > 0).then_some(Self { structure, field, at, start, end })
    }

    const fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    const fn finding(&self, kind: FindingKind) -> Finding {
        Finding {
            kind,
            structure: self.structure,
            field: self.field,
            offset: self.at,
            found: self.start,
        }
    }
}

fn refcount_table(header: &Header<'_>) -> Option<Region> {
    let length = u64::from(header.refcount_table_clusters()) * header.cluster_size();
    let field = ("refcount_table_offset", at!(refcount_table_offset));
    Region::new(Structure::RefcountTable, field, header.refcount_table_offset().get(), length)
}

fn l1_table(header: &Header<'_>) -> Option<Region> {
    let field = ("l1_table_offset", at!(l1_table_offset));
    let length = u64::from(header.l1_size()) * 8;
    Region::new(Structure::L1Table, field, header.l1_table_offset().get(), length)
}

/// The table's length is not stored; its entries are at least this long.
fn snapshot_table(header: &Header<'_>) -> Option<Region> {
    let field = ("snapshots_offset", at!(snapshots_offset));
    let length = u64::from(header.snapshot_count()) * SNAPSHOT_ENTRY_MIN;
    Region::new(Structure::SnapshotTable, field, header.snapshots_offset().get(), length)
}

fn bitmap_directory(header: &Header<'_>) -> Option<Region> {
    let pointer = header.bitmaps()?;
    let at = header.known.bitmaps.map_or(0, |(offset, _)| offset + 16);
    let field = ("bitmap_directory_offset", at);
    Region::new(Structure::Bitmaps, field, pointer.directory.get(), pointer.directory_size)
}

fn luks_header(header: &Header<'_>) -> Option<Region> {
    let pointer = header.luks()?;
    let field = ("offset", header.known.luks.map_or(0, |(offset, _)| offset));
    Region::new(Structure::Luks, field, pointer.offset.get(), pointer.length)
}

type Check = fn(&Header<'_>, u64) -> Option<Finding>;

/// The questions that one or two fields answer.
const FIELDS: [Check; 19] = [
    |header, file_len| {
        let length = u64::from(header.header_length);
        let kind = FindingKind::ShortHeader;
        (length > file_len).then(|| header_field(kind, HEADER_LENGTH, length))
    },
    |header, _| {
        let length = u64::from(header.header_length);
        let kind = FindingKind::UnalignedHeaderLength;
        (length % 8 != 0).then(|| header_field(kind, HEADER_LENGTH, length))
    },
    |header, _| {
        let size = header.virtual_size();
        let kind = FindingKind::UnalignedSize;
        (size % 512 != 0).then(|| header_field(kind, ("size", at!(size)), size))
    },
    |header, _| {
        let field = ("refcount_table_clusters", at!(refcount_table_clusters));
        let found = header_field(FindingKind::NoRefcountTable, field, 0);
        (header.refcount_table_clusters() == 0)
            .then_some(Finding { structure: Structure::RefcountTable, ..found })
    },
    |header, _| {
        let offset = header.snapshots_offset().get();
        let odd = header.snapshot_count() == 0 && !header.cluster_bits.is_aligned(offset);
        let field = ("snapshots_offset", at!(snapshots_offset));
        let found = header_field(FindingKind::UnusedSnapshotsOffset, field, offset);
        odd.then_some(Finding { structure: Structure::SnapshotTable, ..found })
    },
    |header, _| {
        let offset = header.raw.backing_file_offset.get();
        let empty = offset != 0 && header.backing_name.is_none();
        empty.then(|| name(FindingKind::EmptyBackingName, BACKING_OFFSET, offset))
    },
    |header, _| {
        let offset = header.raw.backing_file_offset.get();
        let undeclared =
            header.backing_name.is_some() && header.backing_format().is_none_or(<[u8]>::is_empty);
        undeclared.then(|| name(FindingKind::UndeclaredBackingFormat, BACKING_OFFSET, offset))
    },
    |header, _| {
        let offset = header.raw.backing_file_offset.get();
        nul(header.backing_name).then(|| name(FindingKind::NulInName, BACKING_OFFSET, offset))
    },
    |header, _| {
        let extension = header.known.backing_format.filter(|found| nul(Some(found.data)))?;
        Some(extension_field(FindingKind::NulInName, "backing_format", extension.offset, 0))
    },
    |header, _| {
        let extension = header.known.data_file_name.filter(|found| nul(Some(found.data)))?;
        Some(extension_field(FindingKind::NulInName, "data_file_name", extension.offset, 0))
    },
    |header, _| {
        let extension = header.known.data_file_name.filter(|_| !header.features.has_data_file())?;
        let kind = FindingKind::UnusedDataFileName;
        Some(extension_field(kind, "data_file_name", extension.offset, 0))
    },
    |header, _| {
        let bits = header.features.unknown_incompatible();
        let kind = FindingKind::UnknownIncompatible;
        (bits != 0).then(|| header_field(kind, INCOMPATIBLE, bits))
    },
    |header, _| {
        let bits = header.features.incompatible;
        (header.features.is_dirty()).then(|| header_field(FindingKind::Dirty, INCOMPATIBLE, bits))
    },
    |header, _| {
        let bits = header.features.incompatible;
        (header.features.is_corrupt())
            .then(|| header_field(FindingKind::Corrupt, INCOMPATIBLE, bits))
    },
    |header, _| {
        let (offset, raw) = header.known.bitmaps.filter(|_| !header.features.bitmaps_valid())?;
        let kind = FindingKind::StaleBitmaps;
        Some(extension_field(kind, "nb_bitmaps", offset, raw.nb_bitmaps.get().into()))
    },
    |header, _| {
        let missing = header.features.bitmaps_valid() && header.known.bitmaps.is_none();
        missing.then(|| header_field(FindingKind::MissingBitmaps, AUTOCLEAR, AUTOCLEAR_BITMAPS))
    },
    |header, _| {
        let odd = header.features.raw_external_data() && !header.features.has_data_file();
        let kind = FindingKind::RawWithoutDataFile;
        odd.then(|| header_field(kind, AUTOCLEAR, AUTOCLEAR_RAW_EXTERNAL))
    },
    |header, _| {
        let length = header.known.feature_names?.len() as u64;
        let odd = !length.is_multiple_of(48);
        let at = u64::from(header.header_length);
        odd.then(|| extension_field(FindingKind::PartialFeatureName, "length", at, length))
    },
    |header, _| {
        let count = header.known.count;
        let at = u64::from(header.header_length);
        (count > MANY_EXTENSIONS)
            .then(|| extension_field(FindingKind::ManyExtensions, "count", at, count.into()))
    },
];

const HEADER_LENGTH: (&str, u64) = ("header_length", at!(v3 header_length));
const INCOMPATIBLE: (&str, u64) = ("incompatible_features", at!(v3 incompatible_features));
const AUTOCLEAR: (&str, u64) = ("autoclear_features", at!(v3 autoclear_features));
const BACKING_OFFSET: (&str, u64) = ("backing_file_offset", at!(backing_file_offset));

fn header_field(kind: FindingKind, (field, offset): (&'static str, u64), found: u64) -> Finding {
    Finding { kind, structure: Structure::Header, field, offset, found }
}

fn name(kind: FindingKind, field: (&'static str, u64), found: u64) -> Finding {
    Finding { structure: Structure::BackingName, ..header_field(kind, field, found) }
}

fn extension_field(kind: FindingKind, field: &'static str, offset: u64, found: u64) -> Finding {
    Finding { kind, structure: Structure::Extension, field, offset, found }
}

fn nul(name: Option<&[u8]>) -> bool {
    name.is_some_and(|name| name.contains(&0))
}
