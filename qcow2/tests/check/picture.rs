//! Images with data in them, written entry by entry, so that a test says what is wrong with which.

use diskdag_qcow2::check::{CheckError, Finding, FindingKind, Options, Report, check};
use diskdag_qcow2::source::MemorySource;
use diskdag_qcow2::{ClusterBits, Structure};

use crate::image::{Put as _, at, make};

pub const COPIED: u64 = 1 << 63;
pub const COMPRESSED: u64 = 1 << 62;

/// An image in memory whose clusters are handed out in order.
pub struct Picture {
    pub file: Vec<u8>,
    pub bits: u32,
    order: u32,
    /// Where the refcount block lies.
    pub block: u64,
    /// Where the active L1 table lies.
    pub l1: u64,
}

impl Picture {
    /// An empty disk of `size` bytes.
    pub fn new(bits: u32, order: u8, size: u64) -> Self {
        let mut file = make(&diskdag_qcow2::create::Create {
            virtual_size: size,
            cluster_bits: ClusterBits::new(bits).unwrap(),
            refcount_order: order,
            ..Default::default()
        });
        let word = |at: usize| u64::from_be_bytes(file[at..at + 8].try_into().unwrap());
        let (l1, table) = (word(at::L1), word(at::REFCOUNT_TABLE));
        let block = word(usize::try_from(table).unwrap());
        let whole = file.len().next_multiple_of(1 << bits);
        file.resize(whole, 0);
        Self { file, bits, order: order.into(), block, l1 }
    }

    /// Clusters of 64 KiB, refcounts of 16 bits, 1 GiB: two L2 tables.
    pub fn usual() -> Self {
        Self::new(16, 4, 1 << 30)
    }

    pub fn cluster_size(&self) -> u64 {
        1 << self.bits
    }

    pub fn len(&self) -> u64 {
        self.file.len() as u64
    }

    pub fn word(&self, at: u64) -> u64 {
        let at = usize::try_from(at).unwrap();
        u64::from_be_bytes(self.file[at..at + 8].try_into().unwrap())
    }

    pub fn put(&mut self, at: u64, word: u64) -> &mut Self {
        self.file.put64(usize::try_from(at).unwrap(), word);
        self
    }

    /// Writes an entry of the active L1 table.
    pub fn put_l1(&mut self, index: u64, entry: u64) -> &mut Self {
        self.put(self.l1 + 8 * index, entry)
    }

    /// A new cluster at the end, whose refcount is `count`.
    pub fn cluster(&mut self, count: u64) -> u64 {
        let offset = self.len();
        self.file.resize(self.file.len() + (1 << self.bits), 0);
        self.refcount(offset, count);
        offset
    }

    /// Stores a refcount; the block has to reach that far.
    pub fn refcount(&mut self, offset: u64, count: u64) -> &mut Self {
        let index = offset >> self.bits;
        let width = 1_u64 << self.order;
        let at = usize::try_from(self.block + index * width / 8).unwrap();
        if width < 8 {
            let shift = index * width % 8;
            let mask = ((1_u64 << width) - 1) << shift;
            let old = u64::from(self.file[at]);
            self.file[at] = u8::try_from((old & !mask) | (count << shift)).unwrap();
        } else {
            let bytes = usize::try_from(width / 8).unwrap();
            self.file[at..at + bytes].copy_from_slice(&count.to_be_bytes()[8 - bytes..]);
        }
        self
    }

    /// A new L2 table, named by an L1 entry.
    pub fn l2(&mut self, index: u64) -> u64 {
        let table = self.cluster(1);
        self.put_l1(index, table | COPIED);
        table
    }

    /// A new cluster of data, named by an L2 entry.
    pub fn data(&mut self, l2: u64, index: u64) -> u64 {
        let data = self.cluster(1);
        self.put(l2 + 8 * index, data | COPIED);
        data
    }

    /// A new table of internal snapshots with these L1 tables and sizes, version 3.
    pub fn snapshots(&mut self, l1_tables: &[(u64, u32)]) -> u64 {
        let mut entries = Vec::new();
        for (number, (offset, size)) in l1_tables.iter().enumerate() {
            let id = format!("{number:08}");
            entries.extend(offset.to_be_bytes());
            entries.extend(size.to_be_bytes());
            entries.extend([0, 8, 0, 0]);
            entries.extend([0; 20]);
            entries.extend(16_u32.to_be_bytes());
            entries.extend([0; 16]);
            entries.extend(id.as_bytes());
        }
        let table = self.len();
        let clusters = entries.len().div_ceil(1 << self.bits);
        for _ in 0..clusters {
            self.cluster(1);
        }
        let at = usize::try_from(table).unwrap();
        self.file[at..at + entries.len()].copy_from_slice(&entries);
        self.file.put32(at::SNAPSHOTS, u32::try_from(l1_tables.len()).unwrap());
        self.file.put64(at::SNAPSHOTS_OFFSET, table);
        table
    }

    pub fn check(&self) -> Report {
        self.try_check().unwrap()
    }

    pub fn try_check(&self) -> Result<Report, CheckError> {
        check(&MemorySource(&self.file), self.len(), &Options::default())
    }
}

/// How often this was found about that.
pub fn count(report: &Report, kind: FindingKind, about: Structure) -> u64 {
    find(report, kind, about).map_or(0, |finding| finding.count)
}

pub fn find(report: &Report, kind: FindingKind, about: Structure) -> Option<&Finding> {
    report.findings.iter().find(|it| it.kind == kind && it.structure == about)
}
