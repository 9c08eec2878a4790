//! The images on which the hostile cases are painted, and what is expected of them.
//!
//! Cluster 0 has the header, 1 the refcount table, 2 the refcount block, 3 the L1 table, 4 an L2 table,
//! 5 guest data: a sound image of six clusters, in which each case breaks one thing.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Where the header's fields lie.
pub(crate) mod at {
    pub(crate) const VERSION: u64 = 4;
    pub(crate) const NAME_OFFSET: u64 = 8;
    pub(crate) const NAME_SIZE: u64 = 16;
    pub(crate) const CLUSTER_BITS: u64 = 20;
    pub(crate) const SIZE: u64 = 24;
    pub(crate) const CRYPT: u64 = 32;
    pub(crate) const L1_SIZE: u64 = 36;
    pub(crate) const L1: u64 = 40;
    pub(crate) const REFTABLE: u64 = 48;
    pub(crate) const REFTABLE_CLUSTERS: u64 = 56;
    pub(crate) const SNAPSHOTS: u64 = 60;
    pub(crate) const SNAPSHOTS_AT: u64 = 64;
    pub(crate) const INCOMPATIBLE: u64 = 72;
    pub(crate) const COMPATIBLE: u64 = 80;
    pub(crate) const AUTOCLEAR: u64 = 88;
    pub(crate) const REFCOUNT_ORDER: u64 = 96;
    pub(crate) const HEADER_LENGTH: u64 = 100;
    pub(crate) const COMPRESSION: u64 = 104;
}

pub(crate) const COPIED: u64 = 1 << 63;
pub(crate) const TIB: u64 = 1 << 40;

/// Types of header extensions.
pub(crate) mod kind {
    pub(crate) const FORMAT: u32 = 0xe279_2aca;
    pub(crate) const NAMES: u32 = 0x6803_f857;
    pub(crate) const BITMAPS: u32 = 0x2385_2875;
    pub(crate) const LUKS: u32 = 0x0537_be77;
    pub(crate) const DATA_FILE: u32 = 0x4441_5441;
}

/// What `audit` is to say.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expect {
    /// Exit 0.
    Safe,
    /// Exit 0, with a finding of this kind.
    Odd(&'static str),
    /// Exit 4, with a finding of this kind.
    Unsafe(&'static str),
    /// Exit 7, with a finding of this kind.
    Unknown(&'static str),
}

/// A file to be made: bytes at offsets, holes between them, and a length.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) expect: Expect,
    pieces: Vec<(u64, Vec<u8>)>,
    len: u64,
    cluster: u64,
}

impl Case {
    /// A sound image of 64 KiB clusters, 64 MiB large.
    pub(crate) fn new(name: impl Into<String>, expect: Expect) -> Case {
        Case::sized(name, expect, 16, 3)
    }

    /// A sound image of version 2.
    pub(crate) fn v2(name: impl Into<String>, expect: Expect) -> Case {
        Case::sized(name, expect, 16, 2)
    }

    /// A sound image with clusters of any size, the disk as large as one L2 table maps, 64 MiB at most.
    pub(crate) fn sized(name: impl Into<String>, expect: Expect, bits: u32, version: u32) -> Case {
        let cluster = 1_u64 << bits;
        let case =
            Case { name: name.into(), expect, pieces: Vec::new(), len: 6 * cluster, cluster };
        let case = case
            .bytes(0, b"QFI\xfb")
            .u32(at::VERSION, version)
            .u32(at::CLUSTER_BITS, bits)
            .u64(at::SIZE, (cluster * cluster / 8).min(64 << 20))
            .u32(at::L1_SIZE, 1)
            .u64(at::L1, 3 * cluster)
            .u64(at::REFTABLE, cluster)
            .u32(at::REFTABLE_CLUSTERS, 1)
            .u64(cluster, 2 * cluster)
            .bytes(2 * cluster, &[0, 1].repeat(6))
            .u64(3 * cluster, (4 * cluster) | COPIED)
            .u64(4 * cluster, (5 * cluster) | COPIED);
        match version {
            3 => case.u32(at::REFCOUNT_ORDER, 4).u32(at::HEADER_LENGTH, 112),
            _ => case,
        }
    }

    /// Only these bytes.
    pub(crate) fn of(name: impl Into<String>, expect: Expect, bytes: &[u8]) -> Case {
        let len = bytes.len() as u64;
        let pieces = vec![(0, bytes.to_vec())];
        Case { name: name.into(), expect, pieces, len, cluster: 1 << 16 }
    }

    /// Where cluster `index` begins.
    pub(crate) fn at(&self, index: u64) -> u64 {
        index * self.cluster
    }

    /// Puts bytes; the file grows with them.
    pub(crate) fn bytes(mut self, offset: u64, bytes: &[u8]) -> Case {
        self.pieces.push((offset, bytes.to_vec()));
        self.len = self.len.max(offset + bytes.len() as u64);
        self
    }

    pub(crate) fn u32(self, offset: u64, value: u32) -> Case {
        self.bytes(offset, &value.to_be_bytes())
    }

    pub(crate) fn u64(self, offset: u64, value: u64) -> Case {
        self.bytes(offset, &value.to_be_bytes())
    }

    /// `count` equal words in a row.
    pub(crate) fn fill(self, offset: u64, value: u64, count: usize) -> Case {
        self.bytes(offset, &value.to_be_bytes().repeat(count))
    }

    /// Cuts the file, or makes it longer by a hole.
    pub(crate) fn len(mut self, len: u64) -> Case {
        self.len = len;
        self
    }

    /// Extensions behind a header of 112 bytes: type, length as told, data.
    pub(crate) fn extensions(mut self, all: &[(u32, u32, &[u8])]) -> Case {
        let mut offset = 112;
        for (kind, length, data) in all {
            self = self.u32(offset, *kind).u32(offset + 4, *length).bytes(offset + 8, data);
            offset += 8 + data.len().next_multiple_of(8) as u64;
        }
        self
    }

    /// Names a backing file at byte 1024, and its format if there is one.
    pub(crate) fn backing(self, name: &[u8], format: Option<&[u8]>) -> Case {
        let size = u32::try_from(name.len()).unwrap();
        let case = match format {
            Some(format) => {
                let length = u32::try_from(format.len()).unwrap();
                self.extensions(&[(kind::FORMAT, length, format)])
            }
            None => self,
        };
        case.u64(at::NAME_OFFSET, 1024).u32(at::NAME_SIZE, size).bytes(1024, name)
    }

    /// Names an external data file and says that it is in use.
    pub(crate) fn data_file(self, name: &[u8]) -> Case {
        let length = u32::try_from(name.len()).unwrap();
        // Its clusters lie at their guest offsets, and there is none yet.
        let l2 = self.at(4);
        self.extensions(&[(kind::DATA_FILE, length, name)]).u64(at::INCOMPATIBLE, 4).u64(l2, 0)
    }

    /// Writes the file.
    pub(crate) fn write(&self, path: &Path) {
        let file = File::create(path).unwrap();
        for (offset, bytes) in &self.pieces {
            file.write_all_at(bytes, *offset).unwrap();
        }
        file.set_len(self.len).unwrap();
    }
}
