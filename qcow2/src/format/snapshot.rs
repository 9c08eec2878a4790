//! The table of internal snapshots: entries behind one another, each at a multiple of 8 bytes from the
//! table's start: [`RawSnapshot`], extra data ([`RawSnapshotExtra`] as far as it goes), id, name, padding.
#![forbid(unsafe_code)]

use core::mem::{align_of, offset_of, size_of};

use bytemuck::{Pod, Zeroable};

use super::{Be16, Be32, Be64, SNAPSHOT_ENTRY_MIN};

/// Bytes of the whole table that QEMU accepts: 64 MiB.
pub const SNAPSHOT_TABLE_MAX: u64 = 1024 * 65_536;
/// Bytes of extra data of one entry that QEMU accepts.
pub const SNAPSHOT_EXTRA_MAX: u32 = 1024;
/// Bytes of extra data that version 3 demands.
pub const SNAPSHOT_EXTRA_MIN_V3: u32 = 16;
/// Entries begin at multiples of this many bytes.
pub const SNAPSHOT_PAD: u64 = 8;
/// An instruction count that is none.
pub const SNAPSHOT_NO_ICOUNT: u64 = u64::MAX;

/// The fixed part of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct RawSnapshot {
    /// 0: where the snapshot's copy of the L1 table lies, at a cluster's start.
    pub l1_table_offset: Be64,
    /// 8: its entries.
    pub l1_size: Be32,
    /// 12: bytes of the id.
    pub id_str_size: Be16,
    /// 14: bytes of the name.
    pub name_size: Be16,
    /// 16: when it was taken, in seconds since 1970.
    pub date_sec: Be32,
    /// 20: and nanoseconds.
    pub date_nsec: Be32,
    /// 24: how long the guest had run, in nanoseconds.
    pub vm_clock_nsec: Be64,
    /// 32: bytes of the saved machine; what the extra data says goes before.
    pub vm_state_size: Be32,
    /// 36: bytes of extra data.
    pub extra_data_size: Be32,
}

/// The extra data that has a meaning. Each field is there if the extra data is long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct RawSnapshotExtra {
    /// 40: bytes of the saved machine.
    pub vm_state_size_large: Be64,
    /// 48: the disk's size in bytes when the snapshot was taken.
    pub disk_size: Be64,
    /// 56: how many instructions the guest had executed, or [`SNAPSHOT_NO_ICOUNT`].
    pub icount: Be64,
}

const _: () = {
    assert!(offset_of!(RawSnapshot, l1_table_offset) == 0);
    assert!(offset_of!(RawSnapshot, l1_size) == 8);
    assert!(offset_of!(RawSnapshot, id_str_size) == 12);
    assert!(offset_of!(RawSnapshot, name_size) == 14);
    assert!(offset_of!(RawSnapshot, date_sec) == 16);
    assert!(offset_of!(RawSnapshot, date_nsec) == 20);
    assert!(offset_of!(RawSnapshot, vm_clock_nsec) == 24);
    assert!(offset_of!(RawSnapshot, vm_state_size) == 32);
    assert!(offset_of!(RawSnapshot, extra_data_size) == 36);
    assert!(size_of::<RawSnapshot>() as u64 == SNAPSHOT_ENTRY_MIN);
    assert!(align_of::<RawSnapshot>() == 1);
    assert!(offset_of!(RawSnapshotExtra, vm_state_size_large) == 0);
    assert!(offset_of!(RawSnapshotExtra, disk_size) == 8);
    assert!(offset_of!(RawSnapshotExtra, icount) == 16);
    assert!(size_of::<RawSnapshotExtra>() == 24 && align_of::<RawSnapshotExtra>() == 1);
};
