//! What lies on disk: structures, constants and limits, in the specification's order and under its
//! names. Definitions only; reading is elsewhere.
//!
//! The specification is QEMU's `docs/interop/qcow2.rst`; the limits are those that QEMU's `block/qcow2.c`
//! and `block/qcow2.h` enforce when an image is opened.

mod be;
mod bitmap;
mod extension;
mod header;
mod luks;
mod mapping;
mod refcount;
mod snapshot;

pub use be::{Be16, Be32, Be64};
pub use bitmap::{
    BITMAP_AUTO, BITMAP_BYTES_MAX, BITMAP_DIRTY_TRACKING, BITMAP_ENTRY_OFFSET, BITMAP_ENTRY_ONES,
    BITMAP_ENTRY_RESERVED, BITMAP_EXTRA_COMPATIBLE, BITMAP_FLAGS_RESERVED, BITMAP_GRANULARITY_MAX,
    BITMAP_GRANULARITY_MIN, BITMAP_IN_USE, BITMAP_NAME_MAX, BITMAP_PAD, BITMAP_TABLE_ENTRIES_MAX,
    RawBitmap,
};
pub use extension::{
    EXTENSION_BACKING_FORMAT, EXTENSION_BITMAPS, EXTENSION_DATA_FILE, EXTENSION_END,
    EXTENSION_FEATURE_NAMES, EXTENSION_LUKS, EXTENSION_PAD, RawBitmaps, RawExtension,
    RawFeatureName, RawLuks,
};
pub use header::{
    AUTOCLEAR_BITMAPS, AUTOCLEAR_RAW_EXTERNAL, COMPATIBLE_LAZY_REFCOUNTS, COMPRESSION_DEFLATE,
    COMPRESSION_TYPE_AT, COMPRESSION_ZSTD, CRYPT_AES, CRYPT_LUKS, CRYPT_NONE, HEADER_LENGTH_QEMU,
    HEADER_LENGTH_V2, HEADER_LENGTH_V3, INCOMPATIBLE_COMPRESSION, INCOMPATIBLE_CORRUPT,
    INCOMPATIBLE_DATA_FILE, INCOMPATIBLE_DIRTY, INCOMPATIBLE_EXTENDED_L2, INCOMPATIBLE_KNOWN,
    MAGIC, RawHeader, RawHeaderV3,
};
pub use luks::{
    LUKS_CLUSTERS_MAX, LUKS_KEY_DISABLED, LUKS_KEY_ENABLED, LUKS_KEY_SLOTS, LUKS_MAGIC,
    LUKS_SECTOR, LUKS_VERSION, RawLuksHeader, RawLuksKeySlot,
};
pub use mapping::{
    COMPRESSED_SECTOR, ENTRY_COPIED, ENTRY_OFFSET, L1_RESERVED, L2_COMPRESSED, L2_RESERVED,
    L2_ZERO, RawExtendedL2Entry, SUBCLUSTER_BITS, SUBCLUSTERS,
};
pub use refcount::{HOST_OFFSET_MAX, REFCOUNT_BLOCK_OFFSET, REFCOUNT_TABLE_RESERVED};
pub use snapshot::{
    RawSnapshot, RawSnapshotExtra, SNAPSHOT_EXTRA_MAX, SNAPSHOT_EXTRA_MIN_V3, SNAPSHOT_NO_ICOUNT,
    SNAPSHOT_PAD, SNAPSHOT_TABLE_MAX,
};

/// Smallest cluster: 512 bytes.
pub const CLUSTER_BITS_MIN: u32 = 9;
/// Largest cluster: 2 MiB. QEMU's bound; the specification has none.
pub const CLUSTER_BITS_MAX: u32 = 21;
/// With extended L2 entries a subcluster (a 32nd of a cluster) must hold a sector of 512 bytes.
pub const CLUSTER_BITS_MIN_EXTENDED_L2: u32 = 14;
/// Entries of the active L1 table: 32 MiB of them.
pub const L1_ENTRIES_MAX: u32 = 32 * 1024 * 1024 / 8;
/// Bytes of the refcount table.
pub const REFCOUNT_TABLE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Refcounts are 2 to the power of at most this many bits wide: 64.
pub const REFCOUNT_ORDER_MAX: u32 = 6;
/// What a version 2 header implies: 16 bits.
pub const REFCOUNT_ORDER_V2: u32 = 4;
/// Internal snapshots of one image.
pub const SNAPSHOTS_MAX: u32 = 65_536;
/// The fixed part of an entry of the snapshot table, in bytes.
pub const SNAPSHOT_ENTRY_MIN: u64 = 40;
/// Bytes of a backing file's name.
pub const BACKING_NAME_MAX: u32 = 1023;
/// Bytes of the name of a backing file's format (QEMU's buffer is one longer).
pub const BACKING_FORMAT_MAX: u32 = 15;
/// Persistent bitmaps of one image.
pub const BITMAPS_MAX: u32 = 65_535;
/// How many bytes one byte of a raw deflate stream makes at most: a match of 258 bytes takes two bits.
pub const DEFLATE_RATIO_MAX: u64 = 1032;
/// The same of a Zstandard frame: a block of 128 KiB takes four bytes.
pub const ZSTD_RATIO_MAX: u64 = 32_768;
/// Bytes of the bitmap directory.
pub const BITMAP_DIRECTORY_MAX: u64 = 1024 * 65_535;
