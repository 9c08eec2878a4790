//! Limits and alignment of what the header points to. Whether it lies inside the file is a finding.
#![forbid(unsafe_code)]

use core::mem::offset_of;

use super::Features;
use crate::error::{Allowed, Error, ErrorKind, Structure};
use crate::format::{
    BITMAP_DIRECTORY_MAX, BITMAPS_MAX, L1_ENTRIES_MAX, REFCOUNT_TABLE_BYTES_MAX, RawBitmaps,
    RawHeader, RawLuks, SNAPSHOT_ENTRY_MIN, SNAPSHOTS_MAX,
};
use crate::units::ClusterBits;

/// The tables that the header proper places.
#[inline]
pub(super) fn check_tables(
    raw: &RawHeader,
    bits: ClusterBits,
    features: Features,
) -> Result<(), Error> {
    let clusters = u64::from(raw.refcount_table_clusters.get());
    let max = REFCOUNT_TABLE_BYTES_MAX / bits.size();
    if clusters > max {
        let kind = ErrorKind::TooLarge { found: clusters, max };
        let at = at!(refcount_table_clusters);
        return Err(Error::new(Structure::RefcountTable, "refcount_table_clusters", at, kind));
    }
    let table = Table {
        structure: Structure::RefcountTable,
        field: "refcount_table_offset",
        at: at!(refcount_table_offset),
    };
    table.check(raw.refcount_table_offset.get(), clusters * bits.size(), bits)?;

    let snapshots = raw.nb_snapshots.get();
    if snapshots > SNAPSHOTS_MAX {
        let kind = ErrorKind::TooLarge { found: snapshots.into(), max: SNAPSHOTS_MAX.into() };
        return Err(Error::new(Structure::SnapshotTable, "nb_snapshots", at!(nb_snapshots), kind));
    }
    if snapshots > 0 {
        let table = Table {
            structure: Structure::SnapshotTable,
            field: "snapshots_offset",
            at: at!(snapshots_offset),
        };
        let length = u64::from(snapshots) * SNAPSHOT_ENTRY_MIN;
        table.check(raw.snapshots_offset.get(), length, bits)?;
    }

    let entries = raw.l1_size.get();
    if entries > L1_ENTRIES_MAX {
        let kind = ErrorKind::TooLarge { found: entries.into(), max: L1_ENTRIES_MAX.into() };
        return Err(Error::new(Structure::L1Table, "l1_size", at!(l1_size), kind));
    }
    let table =
        Table { structure: Structure::L1Table, field: "l1_table_offset", at: at!(l1_table_offset) };
    table.check(raw.l1_table_offset.get(), u64::from(entries) * 8, bits)?;

    let size = raw.size.get();
    // An L1 entry stands for one L2 table, of 8-byte entries or, extended, of 16-byte ones.
    let shift = 2 * bits.get() - if features.extended_l2() { 4 } else { 3 };
    let needed = (size >> shift) + u64::from(size & ((1 << shift) - 1) != 0);
    if size > i64::MAX.unsigned_abs() || needed > i32::MAX.unsigned_abs().into() {
        let max = i64::MAX.unsigned_abs().min(u64::from(L1_ENTRIES_MAX) << shift);
        let kind = ErrorKind::TooLarge { found: size, max };
        return Err(Error::new(Structure::Header, "size", at!(size), kind));
    }
    if u64::from(entries) < needed {
        let why = "the L1 table is too small for the virtual size";
        let kind = ErrorKind::Inconsistent { found: entries.into(), why };
        return Err(Error::new(Structure::L1Table, "l1_size", at!(l1_size), kind));
    }
    Ok(())
}

/// A table whose place a header field names.
struct Table {
    structure: Structure,
    field: &'static str,
    at: u64,
}

impl Table {
    /// QEMU's `qcow2_validate_table`: at a cluster's start, and its end an offset that a signed 64-bit
    /// integer can hold.
    #[inline]
    fn check(&self, offset: u64, length: u64, bits: ClusterBits) -> Result<(), Error> {
        let limit = i64::MAX.unsigned_abs();
        if offset <= limit - length && bits.is_aligned(offset) {
            return Ok(());
        }
        let kind = if bits.is_aligned(offset) {
            ErrorKind::OutOfBounds { found: offset.saturating_add(length), limit }
        } else {
            ErrorKind::Misaligned { found: offset, alignment: bits.size() }
        };
        Err(Error::new(self.structure, self.field, self.at, kind))
    }
}

pub(super) fn check_bitmaps(offset: u64, raw: &RawBitmaps, bits: ClusterBits) -> Result<(), Error> {
    let bad = |field, at, kind| Error::new(Structure::Bitmaps, field, offset + at, kind);
    let reserved = raw.reserved.get();
    if reserved != 0 {
        let kind = ErrorKind::BadField { found: reserved.into(), allowed: Allowed::Exactly(0) };
        return Err(bad("reserved", offset_of!(RawBitmaps, reserved) as u64, kind));
    }
    let count = raw.nb_bitmaps.get();
    if count == 0 {
        let allowed = Allowed::Range { min: 1, max: BITMAPS_MAX.into() };
        return Err(bad("nb_bitmaps", 0, ErrorKind::BadField { found: 0, allowed }));
    }
    if count > BITMAPS_MAX {
        let kind = ErrorKind::TooLarge { found: count.into(), max: BITMAPS_MAX.into() };
        return Err(bad("nb_bitmaps", 0, kind));
    }
    let found = raw.bitmap_directory_offset.get();
    if !bits.is_aligned(found) {
        let at = offset_of!(RawBitmaps, bitmap_directory_offset) as u64;
        let kind = ErrorKind::Misaligned { found, alignment: bits.size() };
        return Err(bad("bitmap_directory_offset", at, kind));
    }
    let size = raw.bitmap_directory_size.get();
    if size > BITMAP_DIRECTORY_MAX {
        let at = offset_of!(RawBitmaps, bitmap_directory_size) as u64;
        let kind = ErrorKind::TooLarge { found: size, max: BITMAP_DIRECTORY_MAX };
        return Err(bad("bitmap_directory_size", at, kind));
    }
    Ok(())
}

pub(super) fn check_luks(offset: u64, raw: &RawLuks, bits: ClusterBits) -> Result<(), Error> {
    let found = raw.offset.get();
    if bits.is_aligned(found) {
        return Ok(());
    }
    let kind = ErrorKind::Misaligned { found, alignment: bits.size() };
    Err(Error::new(Structure::Luks, "offset", offset, kind))
}
