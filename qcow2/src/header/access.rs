//! Plain accessors of a validated header.
#![forbid(unsafe_code)]

use core::fmt;

use super::{Features, Header};
use crate::format::{RawBitmaps, RawHeader, RawHeaderV3, RawLuks};
use crate::units::{ClusterBits, HostOffset};

/// How the guest's data is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CryptMethod {
    /// It isn't.
    None,
    /// AES-CBC as in qcow (v1).
    Aes,
    /// LUKS.
    Luks,
}

impl fmt::Display for CryptMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Aes => "aes",
            Self::Luks => "luks",
        })
    }
}

/// How compressed clusters are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Raw deflate; QEMU calls it `zlib`.
    Deflate,
    /// Zstandard.
    Zstd,
}

impl fmt::Display for Compression {
    /// QEMU's word for it: `zlib` or `zstd`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deflate => "zlib",
            Self::Zstd => "zstd",
        })
    }
}

/// Where the persistent bitmaps are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BitmapsPointer {
    /// How many there are: 1 to 65,535.
    pub count: u32,
    /// Where their directory lies, at a cluster's start; maybe beyond the file.
    pub directory: HostOffset,
    /// The directory's length in bytes: at most 67,107,840.
    pub directory_size: u64,
}

/// Where the LUKS header is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LuksPointer {
    /// Where it lies, at a cluster's start; maybe beyond the file.
    pub offset: HostOffset,
    /// Its length in bytes, key material included. Not checked against anything.
    pub length: u64,
}

impl<'a> Header<'a> {
    /// The fields of both versions as they lie on disk.
    #[inline]
    #[must_use]
    pub fn raw(&self) -> &'a RawHeader {
        self.raw
    }

    /// The fields of version 3 as they lie on disk; `None` in version 2.
    #[inline]
    #[must_use]
    pub fn raw_v3(&self) -> Option<&'a RawHeaderV3> {
        self.raw_v3
    }

    /// 2 or 3.
    #[inline]
    #[must_use]
    pub fn version(&self) -> u32 {
        self.raw.version.get()
    }

    /// The binary logarithm of the cluster size.
    #[inline]
    #[must_use]
    pub fn cluster_bits(&self) -> ClusterBits {
        self.cluster_bits
    }

    /// The cluster size in bytes.
    #[inline]
    #[must_use]
    pub fn cluster_size(&self) -> u64 {
        self.cluster_bits.size()
    }

    /// The size in bytes of the disk that the guest sees, as stored. QEMU drops a tail of less than 512.
    #[inline]
    #[must_use]
    pub fn virtual_size(&self) -> u64 {
        self.raw.size.get()
    }

    /// How the guest's data is encrypted.
    #[inline]
    #[must_use]
    pub fn crypt_method(&self) -> CryptMethod {
        self.crypt_method
    }

    /// Entries of the active L1 table: enough for the virtual size, at most 4,194,304.
    #[inline]
    #[must_use]
    pub fn l1_size(&self) -> u32 {
        self.raw.l1_size.get()
    }

    /// Where the active L1 table lies, at a cluster's start; maybe beyond the file.
    #[inline]
    #[must_use]
    pub fn l1_table_offset(&self) -> HostOffset {
        HostOffset(self.raw.l1_table_offset.get())
    }

    /// Where the refcount table lies, at a cluster's start; maybe beyond the file.
    #[inline]
    #[must_use]
    pub fn refcount_table_offset(&self) -> HostOffset {
        HostOffset(self.raw.refcount_table_offset.get())
    }

    /// Clusters of the refcount table: at most 8 MiB of them, and maybe none.
    #[inline]
    #[must_use]
    pub fn refcount_table_clusters(&self) -> u32 {
        self.raw.refcount_table_clusters.get()
    }

    /// Internal snapshots: at most 65,536.
    #[inline]
    #[must_use]
    pub fn snapshot_count(&self) -> u32 {
        self.raw.nb_snapshots.get()
    }

    /// Where the table of internal snapshots lies, maybe beyond the file. Means nothing without a snapshot.
    #[inline]
    #[must_use]
    pub fn snapshots_offset(&self) -> HostOffset {
        HostOffset(self.raw.snapshots_offset.get())
    }

    /// A refcount is 2 to the power of this many bits wide: 0 to 6.
    #[inline]
    #[must_use]
    pub fn refcount_order(&self) -> u8 {
        self.refcount_order
    }

    /// The width of a refcount in bits: 1 to 64.
    #[inline]
    #[must_use]
    pub fn refcount_bits(&self) -> u32 {
        1 << self.refcount_order
    }

    /// Where the header ends and the extensions begin, in bytes: 72 in version 2, 104 or more in version 3.
    #[inline]
    #[must_use]
    pub fn header_length(&self) -> u32 {
        self.header_length
    }

    /// How compressed clusters are compressed.
    #[inline]
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// The feature bits; none in version 2.
    #[inline]
    #[must_use]
    pub fn features(&self) -> Features {
        Features::of(self.raw_v3)
    }

    /// The backing file's name, byte for byte as stored; `None` if there is no backing file. It may hold
    /// anything: [`Reference::classify`](crate::Reference::classify) says what it means.
    #[inline]
    #[must_use]
    pub fn backing_name(&self) -> Option<&'a [u8]> {
        self.backing_name.data(self.prefix)
    }

    /// The declared format of the backing file, at most 15 bytes. `None` where it is not declared: QEMU
    /// then probes the backing file, which lets a guest that writes to a raw disk choose.
    #[inline]
    #[must_use]
    pub fn backing_format(&self) -> Option<&'a [u8]> {
        self.known.backing_format.data(self.prefix)
    }

    /// The external data file's name, byte for byte as stored. `None` unless the data file bit is set,
    /// without which QEMU does not use the name.
    #[inline]
    #[must_use]
    pub fn data_file_name(&self) -> Option<&'a [u8]> {
        if self.features().has_data_file() {
            self.known.data_file_name.data(self.prefix)
        } else {
            None
        }
    }

    /// Where the persistent bitmaps are. `None` unless the autoclear bit says that they are up to date.
    #[inline]
    #[must_use]
    pub fn bitmaps(&self) -> Option<BitmapsPointer> {
        if !self.features().bitmaps_valid() {
            return None;
        }
        let raw: &RawBitmaps = self.known.bitmaps.view(self.prefix)?;
        Some(BitmapsPointer {
            count: raw.nb_bitmaps.get(),
            directory: HostOffset(raw.bitmap_directory_offset.get()),
            directory_size: raw.bitmap_directory_size.get(),
        })
    }

    /// Where the LUKS header is; there if and only if [`crypt_method`](Self::crypt_method) is LUKS.
    #[inline]
    #[must_use]
    pub fn luks(&self) -> Option<LuksPointer> {
        let raw: &RawLuks = self.known.luks.view(self.prefix)?;
        Some(LuksPointer { offset: HostOffset(raw.offset.get()), length: raw.length.get() })
    }
}
