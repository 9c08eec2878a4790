//! The bytes that tables claim.
#![forbid(unsafe_code)]

use super::{Finding, FindingKind};
use crate::error::Structure;
use crate::format::SNAPSHOT_ENTRY_MIN;
use crate::header::Header;

/// The tables that the header places, in the order in which overlaps are reported.
pub(super) const TABLES: [fn(&Header<'_>) -> Option<Region>; 5] =
    [refcount_table, l1_table, snapshot_table, bitmap_directory, luks_header];

/// The bytes that a table claims, and the field that says so.
pub(super) struct Region {
    structure: Structure,
    field: &'static str,
    at: u64,
    pub(super) start: u64,
    pub(super) end: u64,
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

    pub(super) const fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    pub(super) const fn finding(&self, kind: FindingKind) -> Finding {
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
    let at = header.known.bitmaps.offset() + 16;
    let field = ("bitmap_directory_offset", at);
    Region::new(Structure::Bitmaps, field, pointer.directory.get(), pointer.directory_size)
}

fn luks_header(header: &Header<'_>) -> Option<Region> {
    let pointer = header.luks()?;
    let field = ("offset", header.known.luks.offset());
    Region::new(Structure::Luks, field, pointer.offset.get(), pointer.length)
}
