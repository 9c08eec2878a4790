//! What the image's structures claim of the file.
#![forbid(unsafe_code)]

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::vec::Vec;

use super::finding::{FindingKind, Findings};
use super::spans::{Span, disjoint};
use super::tally::{Spread, Tally};
use crate::error::Structure;
use crate::table::Geometry;

/// Clusters of metadata in a sparse file that are counted in any case.
const CLAIMED_MAX: u64 = 1 << 20;

/// Clusters that are told to be claimed by two structures, at most.
const OVERLAPPED_MAX: u64 = 1 << 18;

/// Numbers of clusters.
pub(super) type Clusters = HashSet<u64, BuildHasherDefault<Spread>>;

/// Where references may lead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    bits: u32,
    /// The file's length in whole sectors.
    len: u64,
}

impl Bounds {
    pub(super) fn new(geometry: &Geometry, sectors_len: u64) -> Self {
        Self { bits: geometry.cluster_bits().get(), len: sectors_len }
    }

    /// The clusters from `start` on for `length` bytes, from the first to behind the last. `None` if the end
    /// is a cluster or more beyond the file: the last cluster may be cut short (QEMU's
    /// `qcow2_inc_refcounts_imrt`).
    #[inline]
    pub(super) fn clusters(&self, start: u64, length: u64) -> Option<(u64, u64)> {
        let end = start.checked_add(length)?;
        let inside =
            end < self.len.saturating_add(1 << self.bits) && end <= i64::MAX.unsigned_abs();
        inside.then_some((start >> self.bits, ((end - 1) >> self.bits) + 1))
    }
}

/// A structure's clusters, from the first to behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    first: u64,
    end: u64,
    structure: u8,
    times: u64,
}

/// The structures of an image, as they are found.
#[derive(Debug)]
pub(super) struct Claims {
    bounds: Bounds,
    all: Vec<Claim>,
}

impl Claims {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, all: Vec::new() }
    }

    /// Claims `length` bytes from `start` on, `times` times over; or tells, for the entry or field at the
    /// byte `at`, that they lie beyond the file.
    pub(super) fn claim(
        &mut self,
        structure: Structure,
        (start, length): (u64, u64),
        times: u64,
        at: u64,
        findings: &mut Findings,
    ) -> bool {
        if length == 0 {
            return true;
        }
        match self.bounds.clusters(start, length) {
            Some((first, end)) => {
                self.all.push(Claim { first, end, structure: structure as u8, times });
                true
            }
            None => {
                findings.add(FindingKind::OutOfBounds, structure, times, at, (start, None));
                false
            }
        }
    }

    /// Counts all references, and says where metadata lies.
    ///
    /// Thousands of bitmap tables of 8 MiB each may lie in the holes of a file that occupies next to nothing: beyond
    /// some clusters, or twice as many as it `occupies`, they are not counted, and that is told.
    pub(super) fn count(&self, occupies: u64, tally: &mut Tally, findings: &mut Findings) {
        let mut left = match tally.is_array() {
            true => u64::MAX,
            false => CLAIMED_MAX.max(occupies.saturating_mul(2)),
        };
        // An entry of eight bytes stands behind each L2 table, and there may be four million.
        let is_long = |claim: &&Claim| claim.end - claim.first > 1;
        for claim in self.all.iter().filter(|claim| !is_long(claim)) {
            tally.claim(claim.first, claim.end, claim.times);
        }
        let spans: Vec<Span> = self
            .all
            .iter()
            .filter(is_long)
            .map(|claim| Span { start: claim.first, end: claim.end, active: 0, all: claim.times })
            .collect();
        for piece in disjoint(&spans) {
            let clusters = piece.end - piece.start;
            if clusters > left {
                let values = (clusters, Some(left));
                let at = piece.start << self.bounds.bits;
                findings.add(FindingKind::NotCounted, Structure::Cluster, 1, at, values);
                return;
            }
            left -= clusters;
            tally.claim(piece.start, piece.end, piece.all);
        }
    }

    /// Clusters that two different structures claim, refcount blocks among them. Each cluster once.
    pub(super) fn overlaps(
        mut self,
        blocks: impl Iterator<Item = u64>,
        found: &mut Clusters,
        findings: &mut Findings,
    ) {
        let block = |first| Claim { first, end: first + 1, structure: u8::MAX, times: 1 };
        self.all.extend(blocks.map(block));
        self.all.sort_unstable();
        // The same table named twice is shared, as snapshots share L2 tables.
        self.all.dedup_by_key(|claim| (claim.first, claim.end, claim.structure));
        let mut covered = 0;
        for claim in &self.all {
            let end = claim.end.min(covered);
            let length = end.saturating_sub(claim.first);
            if found.len() as u64 + length > OVERLAPPED_MAX {
                let at = claim.first << self.bounds.bits;
                let values = (length, Some(OVERLAPPED_MAX));
                findings.add(FindingKind::NotCounted, Structure::Cluster, 1, at, values);
                return;
            }
            found.extend(claim.first..end);
            covered = covered.max(claim.end);
        }
    }
}
