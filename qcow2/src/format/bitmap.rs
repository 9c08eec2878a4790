//! Persistent bitmaps: a directory of entries ([`RawBitmap`], extra data, name, padding), and for each
//! bitmap a table of clusters.
//!
//! ```text
//! table entry   0 all ones (if no cluster) │ 1-8 reserved │ 9-55 cluster │ 56-63 reserved
//! ```
#![forbid(unsafe_code)]

use core::mem::{align_of, offset_of, size_of};

use bytemuck::{Pod, Zeroable};

use super::{Be16, Be32, Be64};

/// Flag: whoever had the bitmap open did not close it; its content is not to be believed.
pub const BITMAP_IN_USE: u32 = 1;
/// Flag: to be enabled when the image is opened.
pub const BITMAP_AUTO: u32 = 1 << 1;
/// Flag: who does not know the extra data may use the bitmap all the same. QEMU refuses it.
pub const BITMAP_EXTRA_COMPATIBLE: u32 = 1 << 2;
/// Flags without a meaning.
pub const BITMAP_FLAGS_RESERVED: u32 = 0xffff_fff8;
/// The one type there is: tracks what was written.
pub const BITMAP_DIRTY_TRACKING: u8 = 1;
/// Entries of one bitmap's table.
pub const BITMAP_TABLE_ENTRIES_MAX: u32 = 0x0800_0000;
/// Bytes of one bitmap that QEMU accepts: 512 MiB.
pub const BITMAP_BYTES_MAX: u64 = 0x2000_0000;
/// QEMU's least granularity: 512 bytes a bit. The specification says 0.
pub const BITMAP_GRANULARITY_MIN: u8 = 9;
/// QEMU's greatest granularity: 2 GiB a bit. The specification says 63.
pub const BITMAP_GRANULARITY_MAX: u8 = 31;
/// Bytes of a bitmap's name.
pub const BITMAP_NAME_MAX: u16 = 1023;
/// Directory entries begin at multiples of this many bytes.
pub const BITMAP_PAD: u64 = 8;
/// Table entry: where the cluster with the bits lies.
pub const BITMAP_ENTRY_OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
/// Table entry without a cluster: the bits are all ones.
pub const BITMAP_ENTRY_ONES: u64 = 1;
/// Table entry: bits without a meaning.
pub const BITMAP_ENTRY_RESERVED: u64 = 0xff00_0000_0000_01fe;

/// The fixed part of a directory entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct RawBitmap {
    /// 0: where the bitmap's table lies, at a cluster's start.
    pub bitmap_table_offset: Be64,
    /// 8: its entries.
    pub bitmap_table_size: Be32,
    /// 12: `BITMAP_` flags.
    pub flags: Be32,
    /// 16: [`BITMAP_DIRTY_TRACKING`].
    pub kind: u8,
    /// 17: a bit stands for `1 << granularity_bits` bytes.
    pub granularity_bits: u8,
    /// 18: bytes of the name.
    pub name_size: Be16,
    /// 20: bytes of extra data, which precedes the name.
    pub extra_data_size: Be32,
}

const _: () = {
    assert!(offset_of!(RawBitmap, bitmap_table_offset) == 0);
    assert!(offset_of!(RawBitmap, bitmap_table_size) == 8);
    assert!(offset_of!(RawBitmap, flags) == 12);
    assert!(offset_of!(RawBitmap, kind) == 16);
    assert!(offset_of!(RawBitmap, granularity_bits) == 17);
    assert!(offset_of!(RawBitmap, name_size) == 18);
    assert!(offset_of!(RawBitmap, extra_data_size) == 20);
    assert!(size_of::<RawBitmap>() == 24 && align_of::<RawBitmap>() == 1);
    assert!(BITMAP_ENTRY_OFFSET ^ BITMAP_ENTRY_ONES ^ BITMAP_ENTRY_RESERVED == u64::MAX);
};
