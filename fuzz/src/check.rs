//! What holds of a check of any bytes: it ends, reads no more than the file has bytes a few times over, and, where the tables themselves make sense, finds what a slow and
//! simple checker finds.

use std::collections::BTreeMap;
use std::io;

use diskdag_qcow2::Header;
use diskdag_qcow2::check::{self, FindingKind, Options, Report};
use diskdag_qcow2::source::{MemorySource, Source};

use super::counting::Counting;

/// Bytes as a whole image.
pub fn check(file: &[u8]) {
    let length = file.len() as u64;
    let source = Counting::new(file);
    let report = check::check(&source, length, &Options::default());
    source.bounded("check", 12);
    let Ok(report) = report else { return };
    for finding in &report.findings {
        assert!(finding.count > 0 && finding.places.len() <= Options::default().places);
    }
    let few = report.findings.iter().all(|finding| {
        matches!(
            finding.kind,
            FindingKind::Leak
                | FindingKind::RefcountZero
                | FindingKind::RefcountTooLow
                | FindingKind::RefcountOverflow
                | FindingKind::CopiedFlag
                | FindingKind::DuplicateSnapshot
        )
    });
    if few && let Ok(header) = Header::parse(file) {
        assert_eq!(Naive::check(file, &header), numbers(&report), "{:?}", report.findings);
    }
}

/// Corruptions, leaks, allocated, fragmented, compressed clusters, and where the image ends.
fn numbers(report: &Report) -> [u64; 6] {
    let Report { corruptions, leaks, .. } = *report;
    let clusters =
        [report.allocated_clusters, report.fragmented_clusters, report.compressed_clusters];
    let [allocated, fragmented, compressed] = clusters;
    [corruptions, leaks, allocated, fragmented, compressed, report.image_end_offset]
}

/// The same bytes at the beginning of a file that is so long and so empty that a byte for each of its clusters
/// does not pay, and once more where it says that it is not empty: counted either way it is the same. Takes seconds
/// in a fuzzer, so it is for tests.
pub fn ways(file: &[u8]) {
    const CLUSTERS: u64 = 16 << 20;
    let Ok(header) = Header::parse(file) else { return };
    if header.cluster_bits().get() > 12 {
        return;
    }
    let long = |allocated| Long { file, length: CLUSTERS * header.cluster_size(), allocated };
    let check = |source: Long<'_>| check::check(&source, source.length, &Options::default());
    let [one, other] = [long(0), long(u64::MAX)].map(check);
    match (one, other) {
        (Ok(one), Ok(other)) => {
            assert_eq!(numbers(&one), numbers(&other));
            let kinds = |report: &Report| {
                let all = report.findings.iter();
                all.map(|finding| (finding.kind, finding.structure, finding.count))
                    .collect::<Vec<_>>()
            };
            assert_eq!(kinds(&one), kinds(&other));
        }
        (one, other) => assert!(one.is_err() && other.is_err()),
    }
}

#[derive(Clone, Copy)]
struct Long<'f> {
    file: &'f [u8],
    length: u64,
    allocated: u64,
}

impl Source for Long<'_> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.length)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let inside = self.length.saturating_sub(offset).min(buffer.len() as u64);
        let inside = usize::try_from(inside).unwrap_or_default();
        let buffer = &mut buffer[..inside];
        let read = MemorySource(self.file).read_at(offset, buffer)?;
        buffer[read..].fill(0);
        Ok(inside)
    }

    fn next_data(&self, offset: u64) -> u64 {
        if offset < self.file.len() as u64 { offset } else { u64::MAX }
    }

    fn allocated(&self) -> io::Result<u64> {
        Ok(self.allocated)
    }
}

/// Counts as the specification says: every reference by itself, however often a table is named.
struct Naive<'f> {
    file: &'f [u8],
    bits: u32,
    order: u32,
    refcount_table: u64,
    refcount_clusters: u64,
    references: BTreeMap<u64, u64>,
    corruptions: u64,
    clusters: [u64; 3],
}

const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;

impl Naive<'_> {
    fn check(file: &[u8], header: &Header<'_>) -> [u64; 6] {
        let bits = header.cluster_bits().get();
        let mut naive = Naive {
            file,
            bits,
            order: header.refcount_order().into(),
            refcount_table: header.refcount_table_offset().get(),
            refcount_clusters: header.refcount_table_clusters().into(),
            references: BTreeMap::new(),
            corruptions: 0,
            clusters: [0; 3],
        };
        let size = 1_u64 << bits;
        naive.claim(0, size);
        naive.claim(naive.refcount_table, naive.refcount_clusters * size);
        let blocks = naive.refcount_clusters * size / 8;
        for index in 0..blocks.min(file.len() as u64 / 8 + 1) {
            let entry = naive.word(naive.refcount_table + 8 * index);
            if entry != 0 {
                naive.claim(entry, size);
            }
        }
        naive.disk(header, header.l1_table_offset().get(), header.l1_size(), true);
        naive.snapshots(header);
        naive.bitmaps(header);
        if let Some(luks) = header.luks() {
            naive.claim(luks.offset.get(), luks.length);
        }
        naive.numbers()
    }

    fn byte(&self, at: u64) -> u8 {
        usize::try_from(at).ok().and_then(|at| self.file.get(at)).copied().unwrap_or(0)
    }

    fn int(&self, at: u64, width: u64) -> u64 {
        (at..at + width).fold(0, |value, at| value << 8 | u64::from(self.byte(at)))
    }

    fn word(&self, at: u64) -> u64 {
        self.int(at, 8)
    }

    fn claim(&mut self, start: u64, length: u64) {
        if length > 0 {
            for cluster in start >> self.bits..=(start + length - 1) >> self.bits {
                *self.references.entry(cluster).or_default() += 1;
            }
        }
    }

    fn stored(&self, cluster: u64) -> u64 {
        let per_block = (8_u64 << self.bits) >> self.order;
        let index = cluster / per_block;
        if index >= (self.refcount_clusters << self.bits) / 8 {
            return 0;
        }
        let block = self.word(self.refcount_table + 8 * index);
        if block == 0 {
            return 0;
        }
        let bit = (cluster % per_block) << self.order;
        match self.order {
            0..=2 => {
                let mask = (1_u64 << (1 << self.order)) - 1;
                u64::from(self.byte(block + bit / 8)) >> (bit % 8) & mask
            }
            _ => self.int(block + bit / 8, 1 << (self.order - 3)),
        }
    }

    fn copied(&mut self, cluster: Option<u64>, entry: u64) {
        let count = cluster.map_or(1, |cluster| self.stored(cluster));
        self.corruptions += u64::from((count == 1) != (entry >> 63 == 1));
    }

    fn disk(&mut self, header: &Header<'_>, l1: u64, entries: u32, active: bool) {
        self.claim(l1, u64::from(entries) * 8);
        for index in 0..u64::from(entries) {
            let entry = self.word(l1 + 8 * index);
            if entry == 0 {
                continue;
            }
            let table = entry & OFFSET;
            self.claim(table, 1 << self.bits);
            if active {
                self.copied(Some(table >> self.bits), entry);
            }
            self.table(header, table, active);
        }
    }

    fn table(&mut self, header: &Header<'_>, table: u64, active: bool) {
        let (extended, external) =
            (header.features().extended_l2(), header.features().has_data_file());
        let width = if extended { 16 } else { 8 };
        let [mut allocated, mut fragmented, mut compressed] = [0, 0, 0];
        let mut next = 0;
        for at in (table..table + (1 << self.bits)).step_by(width) {
            let entry = self.word(at);
            if entry >> 62 & 1 == 1 {
                let shift = 62 - (self.bits - 8);
                let offset = entry & ((1 << shift) - 1);
                let sectors = (entry >> shift & ((1 << (self.bits - 8)) - 1)) + 1;
                self.claim(offset, sectors * 512 - offset % 512);
                (allocated, fragmented, compressed) =
                    (allocated + 1, fragmented + 1, compressed + 1);
                continue;
            }
            let offset = entry & OFFSET;
            let zero = entry & 1 == 1 && !extended;
            if offset == 0 && (zero || !(external && entry >> 63 == 1)) {
                continue;
            }
            allocated += 1;
            fragmented += u64::from(next != 0 && next != offset);
            next = offset + (1 << self.bits);
            if !external {
                self.claim(offset, 1 << self.bits);
            }
            if active {
                self.copied((!external).then_some(offset >> self.bits), entry);
            }
        }
        if active {
            let found = [allocated, fragmented, compressed];
            for (sum, found) in self.clusters.iter_mut().zip(found) {
                *sum += found;
            }
        }
    }

    fn snapshots(&mut self, header: &Header<'_>) {
        let mut at = header.snapshots_offset().get();
        let start = at;
        for _ in 0..header.snapshot_count() {
            let (l1, entries) = (self.word(at), self.int(at + 8, 4));
            let length = 40 + self.int(at + 36, 4) + self.int(at + 12, 2) + self.int(at + 14, 2);
            at += length.next_multiple_of(8);
            self.disk(header, l1, u32::try_from(entries).unwrap_or_default(), false);
        }
        self.claim(start, at - start);
    }

    fn bitmaps(&mut self, header: &Header<'_>) {
        let Some(pointer) = header.bitmaps() else { return };
        let mut at = pointer.directory.get();
        self.claim(at, pointer.directory_size);
        for _ in 0..pointer.count {
            let (table, entries) = (self.word(at), self.int(at + 8, 4));
            let length = 24 + self.int(at + 18, 2) + self.int(at + 20, 4);
            at += length.next_multiple_of(8);
            self.claim(table, entries * 8);
            for index in 0..entries.min(self.file.len() as u64 / 8 + 1) {
                let bits = self.word(table + 8 * index) & OFFSET;
                if bits != 0 {
                    self.claim(bits, 1 << self.bits);
                }
            }
        }
    }

    fn numbers(self) -> [u64; 6] {
        let inside = (self.file.len() as u64).div_ceil(1 << self.bits);
        let most = match self.order {
            6 => u64::MAX,
            order => (1 << (1 << order)) - 1,
        };
        let (mut corruptions, mut leaks, mut end) = (self.corruptions, 0, 0);
        let beyond = self.references.keys().copied().filter(|cluster| *cluster >= inside);
        for cluster in (0..inside).chain(beyond) {
            let references = self.references.get(&cluster).copied().unwrap_or(0);
            let stored = self.stored(cluster);
            corruptions += references.saturating_sub(most);
            let references = references.min(most);
            corruptions += u64::from(stored < references);
            leaks += u64::from(stored > references);
            if references > 0 || stored > 0 {
                end = cluster;
            }
        }
        let [allocated, fragmented, compressed] = self.clusters;
        [corruptions, leaks, allocated, fragmented, compressed, (end + 1) << self.bits]
    }
}
