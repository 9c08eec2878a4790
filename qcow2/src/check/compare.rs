//! References beside stored refcounts.
#![forbid(unsafe_code)]

use super::CheckError;
use super::claims::Clusters;
use super::finding::{FindingKind, Findings, Place};
use super::stored::Stored;
use super::tally::{CLASS_SHIFT, COUNT, METADATA, Tally, class};
use crate::error::Structure;
use crate::source::Source;
use crate::units::{ClusterBits, HostOffset};

/// The comparison: QEMU's `compare_refcounts`.
pub(super) struct Compare<'c, 's, S: ?Sized> {
    pub(super) bits: ClusterBits,
    /// Clusters of the file, the last maybe in part.
    pub(super) clusters: u64,
    pub(super) tally: &'c Tally,
    pub(super) stored: &'c mut Stored<'s, S>,
    pub(super) findings: &'c mut Findings,
}

impl<S: Source + ?Sized> Compare<'_, '_, S> {
    /// Compares all clusters, and gives the last that is in use, whichever of the two says so.
    pub(super) fn run(&mut self) -> Result<u64, CheckError> {
        if self.tally.is_array() { self.array() } else { self.pages() }
    }

    /// One cluster: at most one finding, and one for what a refcount of this width can't say.
    fn one(&mut self, cluster: u64, stored: Option<u64>) {
        let Some(stored) = stored else { return };
        let references = self.tally.count(cluster);
        let (most, at) = (self.stored.most(), cluster << self.bits.get());
        let values = (stored, Some(references));
        let mut tell = |kind, times| self.findings.add(kind, Structure::Cluster, times, at, values);
        if references > most {
            tell(FindingKind::RefcountOverflow, references - most);
        }
        let references = references.min(most);
        if stored > references {
            tell(FindingKind::Leak, 1);
        } else if stored == 0 && references > 0 {
            tell(FindingKind::RefcountZero, 1);
        } else if stored < references {
            tell(FindingKind::RefcountTooLow, 1);
        }
    }

    /// Eight clusters at a time, of which most have either no reference and no refcount, or one of each.
    fn array(&mut self) -> Result<u64, CheckError> {
        const ONES: u64 = u64::from_ne_bytes([1; 8]);
        const REST: u64 = u64::from_ne_bytes([!(1 | METADATA | class::ONE << CLASS_SHIFT); 8]);
        let tally = self.tally;
        for (number, cells) in tally.cells.chunks(8).enumerate() {
            if number % (1 << 17) == 0 {
                self.stored.control().go_on()?;
            }
            if let Some(word) = cells.first_chunk::<8>() {
                let word = u64::from_ne_bytes(*word);
                if word & REST == 0 && (word ^ (word >> CLASS_SHIFT)) & ONES == 0 {
                    continue;
                }
            }
            for (cluster, cell) in (number as u64 * 8..).zip(cells) {
                // What is beyond the file matters only if something refers to it.
                if cluster >= self.clusters && cell & COUNT == 0 {
                    continue;
                }
                match *cell >> CLASS_SHIFT {
                    class::UNREADABLE => {}
                    class::MORE => {
                        let stored = self.stored.get(cluster)?;
                        self.one(cluster, stored);
                    }
                    few if few != cell & COUNT => self.one(cluster, Some(few.into())),
                    _ => {}
                }
            }
        }
        let used = |(number, cell): &(usize, &u8)| {
            let class = **cell >> CLASS_SHIFT;
            let is_inside = (*number as u64) < self.clusters;
            class != class::UNREADABLE && (**cell & COUNT != 0 || (class != 0 && is_inside))
        };
        let last = tally.cells.iter().enumerate().rev().find(used);
        Ok(last.map_or(0, |(number, _)| number as u64))
    }

    /// Only clusters that something refers to are looked at singly; of all others it is enough to know how
    /// many have a refcount.
    fn pages(&mut self) -> Result<u64, CheckError> {
        let (used, highest) = self.stored.used(self.clusters)?;
        let referred = self.tally.paged();
        let (mut counted, mut last) = (0_u64, highest.unwrap_or_default());
        for (number, cluster) in referred.iter().enumerate() {
            if number % (1 << 16) == 0 {
                self.stored.control().go_on()?;
            }
            let stored = self.stored.get(*cluster)?;
            counted += u64::from(*cluster < self.clusters && stored.is_some_and(|it| it > 0));
            if stored.is_some() {
                last = last.max(*cluster);
            }
            self.one(*cluster, stored);
        }
        let leaked = used.saturating_sub(counted);
        self.findings.count(FindingKind::Leak, Structure::Cluster, leaked);
        self.show_leaks(leaked, &referred)?;
        Ok(last)
    }

    /// Some places of leaks among clusters that nothing refers to: the first few there are.
    fn show_leaks(&mut self, leaked: u64, referred: &[u64]) -> Result<(), CheckError> {
        let keep = u64::try_from(self.findings.keep()).unwrap_or(u64::MAX);
        let mut left = keep.min(leaked);
        // Far enough for whoever looks, and no further: a leak may be the last of 2^50 clusters.
        for cluster in 0..self.clusters.min(1 << 16) {
            if left == 0 {
                break;
            }
            let Some(found) = self.stored.get(cluster)?.filter(|stored| *stored > 0) else {
                continue;
            };
            if referred.binary_search(&cluster).is_err() {
                left -= 1;
                let at = HostOffset(cluster << self.bits.get());
                let place = Place { at, found, expected: Some(0) };
                self.findings.place(FindingKind::Leak, Structure::Cluster, place);
            }
        }
        Ok(())
    }

    /// Tells overlaps: as corruptions where no refcount has shown them.
    pub(super) fn overlaps(&mut self, overlapped: &Clusters) -> Result<(), CheckError> {
        for cluster in overlapped {
            let stored = self.stored.get(*cluster)?;
            let references = self.tally.count(*cluster).min(self.stored.most());
            let kind = match stored {
                Some(stored) if stored < references => FindingKind::OverlapCounted,
                _ => FindingKind::Overlap,
            };
            let at = cluster << self.bits.get();
            let values = (stored.unwrap_or_default(), Some(references));
            self.findings.add(kind, Structure::Cluster, 1, at, values);
        }
        Ok(())
    }
}
