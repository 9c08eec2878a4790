//! L2 entries: what they refer to, and what is wrong with them. The loop that a check spends its time in.
#![forbid(unsafe_code)]

use super::CheckError;
use super::claims::{Bounds, Clusters};
use super::finding::{FindingKind, Findings};
use super::reader::Reader;
use super::stored::Stored;
use super::tables::Table;
use super::tally::{CLASS_SHIFT, COUNT, METADATA, Tally, class};
use crate::error::Structure;
use crate::format::{ENTRY_COPIED, ENTRY_OFFSET, L2_COMPRESSED, L2_RESERVED, L2_ZERO};
use crate::source::Source;
use crate::table::{Geometry, L2Entry, L2View};

/// Clusters of the active disk.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fragmentation {
    pub(super) allocated: u64,
    pub(super) fragmented: u64,
    pub(super) compressed: u64,
}

/// One thread's part of the walk over all L2 tables.
pub(super) struct Walk<'s, S: ?Sized> {
    pub(super) geometry: Geometry,
    pub(super) bounds: Bounds,
    pub(super) tally: Tally,
    pub(super) stored: Stored<'s, S>,
    pub(super) findings: Findings,
    pub(super) fragmentation: Fragmentation,
    /// Clusters of metadata that a cluster of data is said to lie in.
    pub(super) overlapped: Clusters,
    pub(super) reader: Reader<'s, S>,
}

/// Where in a table the walk is.
struct Cursor<'t> {
    table: &'t Table,
    /// Where the cluster behind the last one lies; 0 before the first.
    next: u64,
    /// Whether copied flags are looked at: in active tables, but as in QEMU not where the table's own
    /// refcount can't be read.
    is_flagged: bool,
}

impl<'s, S: Source + ?Sized> Walk<'s, S> {
    /// For another thread. Arrays only.
    pub(super) fn split(&self) -> Self {
        Self {
            geometry: self.geometry,
            bounds: self.bounds,
            tally: self.tally.split(),
            stored: self.stored.clone(),
            findings: self.findings.another(),
            fragmentation: Fragmentation::default(),
            overlapped: Clusters::default(),
            reader: self.reader,
        }
    }

    /// Adds what another thread found.
    pub(super) fn merge(&mut self, other: Self) {
        self.tally.merge(&other.tally);
        self.findings.merge(other.findings);
        self.fragmentation.allocated += other.fragmentation.allocated;
        self.fragmentation.fragmented += other.fragmentation.fragmented;
        self.fragmentation.compressed += other.fragmentation.compressed;
        self.overlapped.extend(other.overlapped);
    }

    /// Walks a table whose bytes these are.
    pub(super) fn table(&mut self, table: &Table, bytes: &[u8]) -> Result<(), CheckError> {
        let view = L2View::new(bytes, self.geometry);
        let is_flagged = table.active > 0
            && self.stored_refcount(table.offset >> self.geometry.cluster_bits().get())?.is_some();
        let mut cursor = Cursor { table, next: 0, is_flagged };
        if self.geometry.extended_l2() || self.geometry.data_file() {
            for (number, entry) in view.iter().enumerate() {
                if entry != L2Entry::default() {
                    self.entry(&mut cursor, number, entry)?;
                }
            }
            return Ok(());
        }
        let (size, bits) = (self.geometry.cluster_size(), self.geometry.cluster_bits().get());
        // What must not be set in the entry of a data cluster.
        let odd = !(ENTRY_OFFSET | ENTRY_COPIED) | (size - 1);
        let few = u8::try_from(table.all).unwrap_or(COUNT);
        let is_active = table.active > 0;
        let active = u64::from(table.active);
        for (number, word) in view.words().iter().enumerate() {
            let entry = word.get();
            if entry == 0 {
                continue;
            }
            let offset = entry & ENTRY_OFFSET;
            let cell = usize::try_from(offset >> bits).ok();
            // Offset 0 is the header: metadata, so not taken here.
            if entry & odd == 0
                && let Some(cell) = cell.and_then(|at| self.tally.cells.get_mut(at))
                && (*cell & (COUNT | METADATA)) < COUNT.saturating_sub(few)
                && self.bounds.clusters(offset, size).is_some()
            {
                let class = *cell >> CLASS_SHIFT;
                let is_copied = entry & ENTRY_COPIED != 0;
                if !is_active || (class == class::ONE) == is_copied && class != class::UNREADABLE {
                    *cell += few;
                    if is_active {
                        self.fragmentation.allocated += active;
                        let jumps = cursor.next != 0 && cursor.next != offset;
                        self.fragmentation.fragmented += if jumps { active } else { 0 };
                        cursor.next = offset + size;
                    }
                    continue;
                }
            }
            self.entry(&mut cursor, number, L2Entry { entry, bitmap: 0 })?;
        }
        Ok(())
    }

    /// Any entry that is not empty: QEMU's `check_refcounts_l2` and `check_oflag_copied`.
    #[inline(never)]
    fn entry(
        &mut self,
        cursor: &mut Cursor<'_>,
        number: usize,
        L2Entry { entry, bitmap }: L2Entry,
    ) -> Result<(), CheckError> {
        let table = cursor.table;
        let geometry = self.geometry;
        let at = table.offset + (number * 8 * geometry.l2_words()) as u64;
        let (all, active) = (table.all, u64::from(table.active));
        let mut tell = |kind, value: u64| {
            self.findings.add(kind, Structure::Cluster, all, at, (value, None));
        };
        let is_copied = entry & ENTRY_COPIED != 0;
        if entry & L2_COMPRESSED != 0 {
            if is_copied {
                tell(FindingKind::CopiedCompressed, entry);
            }
            if geometry.data_file() {
                tell(FindingKind::CompressedWithDataFile, entry);
                return Ok(());
            }
            if bitmap != 0 {
                tell(FindingKind::CompressedSubclusters, bitmap);
                return Ok(());
            }
            let (offset, length) = geometry.compressed(entry);
            self.refer(offset.get(), length.into(), all, at);
            self.fragmentation.allocated += active;
            self.fragmentation.fragmented += active;
            self.fragmentation.compressed += active;
            return Ok(());
        }
        if entry & L2_RESERVED != 0 {
            tell(FindingKind::ReservedBits, entry);
        }
        let is_zero = entry & L2_ZERO != 0;
        if is_zero && geometry.is_version_2() {
            tell(FindingKind::ZeroInVersion2, entry);
        }
        if is_zero && geometry.extended_l2() {
            tell(FindingKind::ZeroInExtended, entry);
        }
        let is_zero = is_zero && !geometry.extended_l2();
        let offset = entry & ENTRY_OFFSET;
        let allocated = bitmap & u64::from(u32::MAX);
        if offset == 0 && (is_zero || !(geometry.data_file() && is_copied)) {
            if allocated != 0 {
                tell(FindingKind::BadSubclusters, bitmap);
            }
            if is_copied && !is_zero {
                tell(FindingKind::NamesNothing, entry);
            }
            return Ok(());
        }
        if (bitmap >> 32) & allocated != 0 {
            tell(FindingKind::BadSubclusters, bitmap);
        }
        if !geometry.cluster_bits().is_aligned(offset) {
            tell(FindingKind::Misaligned, entry);
        }
        if geometry.data_file() {
            let first = u64::from(table.index).saturating_mul(geometry.l2_entries());
            let guest = (first + number as u64) << geometry.cluster_bits().get();
            // A table that two entries name is right for one of them at most.
            if all == 1 && active == 1 && guest != offset {
                tell(FindingKind::WrongDataFileOffset, entry);
            }
        }
        if active > 0 {
            self.fragmentation.allocated += active;
            if cursor.next != 0 && cursor.next != offset {
                self.fragmentation.fragmented += active;
            }
            cursor.next = offset + geometry.cluster_size();
        }
        if !geometry.data_file() {
            self.refer(offset, geometry.cluster_size(), all, at);
        }
        if cursor.is_flagged {
            let count = match geometry.data_file() {
                true => Some(1),
                false => self.stored_refcount(offset >> geometry.cluster_bits().get())?,
            };
            if let Some(count) = count.filter(|count| (*count == 1) != is_copied) {
                let (kind, about) = (FindingKind::CopiedFlag, Structure::Cluster);
                self.findings.add(kind, about, active, at, (entry, Some(count)));
            }
        }
        Ok(())
    }

    /// The stored refcount; from its class, where that says enough.
    fn stored_refcount(&mut self, cluster: u64) -> Result<Option<u64>, CheckError> {
        let inside = usize::try_from(cluster).ok().and_then(|at| self.tally.cells.get(at));
        match inside.map(|cell| *cell >> CLASS_SHIFT) {
            Some(class::UNREADABLE) => Ok(None),
            Some(class) if class < class::MORE => Ok(Some(class.into())),
            _ => self.stored.get(cluster),
        }
    }

    /// Counts references to the clusters that these bytes lie in.
    fn refer(&mut self, start: u64, length: u64, times: u64, at: u64) {
        let Some((first, end)) = self.bounds.clusters(start, length) else {
            let (kind, about) = (FindingKind::OutOfBounds, Structure::Cluster);
            self.findings.add(kind, about, times, at, (start, None));
            return;
        };
        for cluster in first..end {
            if self.tally.add(cluster, times) & METADATA != 0 {
                self.overlapped.insert(cluster);
            }
        }
    }
}
