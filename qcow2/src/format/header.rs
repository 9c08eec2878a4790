//! The header: 72 bytes in version 2, 104 or more in version 3.
#![forbid(unsafe_code)]

use core::mem::{align_of, offset_of, size_of};

use bytemuck::{Pod, Zeroable};

use super::{Be32, Be64};

/// `QFI\xfb`, the first four bytes.
pub const MAGIC: u32 = 0x5146_49fb;
/// Length of a version 2 header, which doesn't store it.
pub const HEADER_LENGTH_V2: u32 = 72;
/// Least length of a version 3 header.
pub const HEADER_LENGTH_V3: u32 = 104;
/// Length of the version 3 header that QEMU writes: the compression type and its padding included.
pub const HEADER_LENGTH_QEMU: u32 = 112;
/// Offset of the compression type, one byte; there only if `header_length` is greater than this.
pub const COMPRESSION_TYPE_AT: u64 = 104;

/// `crypt_method`: not encrypted.
pub const CRYPT_NONE: u32 = 0;
/// `crypt_method`: AES-CBC of qcow (v1), long deprecated.
pub const CRYPT_AES: u32 = 1;
/// `crypt_method`: LUKS.
pub const CRYPT_LUKS: u32 = 2;

/// Incompatible bit 0: refcounts may be wrong.
pub const INCOMPATIBLE_DIRTY: u64 = 1 << 0;
/// Incompatible bit 1: any metadata may be wrong; must not be written.
pub const INCOMPATIBLE_CORRUPT: u64 = 1 << 1;
/// Incompatible bit 2: guest data lies in an external data file.
pub const INCOMPATIBLE_DATA_FILE: u64 = 1 << 2;
/// Incompatible bit 3: the compression type is not deflate.
pub const INCOMPATIBLE_COMPRESSION: u64 = 1 << 3;
/// Incompatible bit 4: L2 entries are 128 bits wide.
pub const INCOMPATIBLE_EXTENDED_L2: u64 = 1 << 4;
/// All incompatible bits that have a meaning.
pub const INCOMPATIBLE_KNOWN: u64 = INCOMPATIBLE_DIRTY
    | INCOMPATIBLE_CORRUPT
    | INCOMPATIBLE_DATA_FILE
    | INCOMPATIBLE_COMPRESSION
    | INCOMPATIBLE_EXTENDED_L2;
/// Compatible bit 0: refcounts are updated lazily.
pub const COMPATIBLE_LAZY_REFCOUNTS: u64 = 1 << 0;
/// Autoclear bit 0: the bitmaps extension is up to date.
pub const AUTOCLEAR_BITMAPS: u64 = 1 << 0;
/// Autoclear bit 1: the external data file can be read as a raw image.
pub const AUTOCLEAR_RAW_EXTERNAL: u64 = 1 << 1;

/// `compression_type`: deflate.
pub const COMPRESSION_DEFLATE: u8 = 0;
/// `compression_type`: zstd.
pub const COMPRESSION_ZSTD: u8 = 1;

/// The fields of both versions, as they lie on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct RawHeader {
    /// 0: [`MAGIC`].
    pub magic: Be32,
    /// 4: 2 or 3.
    pub version: Be32,
    /// 8: where the backing file's name lies; 0 = none.
    pub backing_file_offset: Be64,
    /// 16: bytes of that name, no terminator; undefined without a backing file.
    pub backing_file_size: Be32,
    /// 20: binary logarithm of the cluster size.
    pub cluster_bits: Be32,
    /// 24: virtual size in bytes.
    pub size: Be64,
    /// 32: [`CRYPT_NONE`], [`CRYPT_AES`] or [`CRYPT_LUKS`].
    pub crypt_method: Be32,
    /// 36: entries of the active L1 table.
    pub l1_size: Be32,
    /// 40: where the active L1 table lies.
    pub l1_table_offset: Be64,
    /// 48: where the refcount table lies.
    pub refcount_table_offset: Be64,
    /// 56: clusters of the refcount table.
    pub refcount_table_clusters: Be32,
    /// 60: internal snapshots.
    pub nb_snapshots: Be32,
    /// 64: where the snapshot table lies.
    pub snapshots_offset: Be64,
}

/// The fields of version 3 up to byte 104; the compression type and unknown fields may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct RawHeaderV3 {
    /// 0: the fields that version 2 has too.
    pub v2: RawHeader,
    /// 72: an unknown bit here forbids to open the image.
    pub incompatible_features: Be64,
    /// 80: unknown bits here can be ignored.
    pub compatible_features: Be64,
    /// 88: unknown bits here are cleared before the image is written.
    pub autoclear_features: Be64,
    /// 96: a refcount is `1 << refcount_order` bits wide.
    pub refcount_order: Be32,
    /// 100: where the header ends and the extensions begin.
    pub header_length: Be32,
}

impl RawHeader {
    /// A view of the first 72 bytes; `None` if there are fewer. Nothing is validated: this is for callers
    /// that have their own idea of what makes sense. Costs a comparison.
    #[inline]
    #[must_use]
    pub fn view(bytes: &[u8]) -> Option<&Self> {
        bytemuck::try_from_bytes(bytes.get(..size_of::<Self>())?).ok()
    }
}

impl RawHeaderV3 {
    /// A view of the first 104 bytes; `None` if there are fewer. Nothing is validated, the version included.
    #[inline]
    #[must_use]
    pub fn view(bytes: &[u8]) -> Option<&Self> {
        bytemuck::try_from_bytes(bytes.get(..size_of::<Self>())?).ok()
    }
}

const _: () = {
    assert!(offset_of!(RawHeader, magic) == 0);
    assert!(offset_of!(RawHeader, version) == 4);
    assert!(offset_of!(RawHeader, backing_file_offset) == 8);
    assert!(offset_of!(RawHeader, backing_file_size) == 16);
    assert!(offset_of!(RawHeader, cluster_bits) == 20);
    assert!(offset_of!(RawHeader, size) == 24);
    assert!(offset_of!(RawHeader, crypt_method) == 32);
    assert!(offset_of!(RawHeader, l1_size) == 36);
    assert!(offset_of!(RawHeader, l1_table_offset) == 40);
    assert!(offset_of!(RawHeader, refcount_table_offset) == 48);
    assert!(offset_of!(RawHeader, refcount_table_clusters) == 56);
    assert!(offset_of!(RawHeader, nb_snapshots) == 60);
    assert!(offset_of!(RawHeader, snapshots_offset) == 64);
    assert!(size_of::<RawHeader>() == HEADER_LENGTH_V2 as usize);
    assert!(align_of::<RawHeader>() == 1);
    assert!(offset_of!(RawHeaderV3, incompatible_features) == 72);
    assert!(offset_of!(RawHeaderV3, compatible_features) == 80);
    assert!(offset_of!(RawHeaderV3, autoclear_features) == 88);
    assert!(offset_of!(RawHeaderV3, refcount_order) == 96);
    assert!(offset_of!(RawHeaderV3, header_length) == 100);
    assert!(size_of::<RawHeaderV3>() == HEADER_LENGTH_V3 as usize);
    assert!(align_of::<RawHeaderV3>() == 1);
};
