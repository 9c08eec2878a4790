//! How often each cluster of the file is referred to.
//!
//! A cluster has a byte:
//!
//! ```text
//! 0-4 references, 31: the number is in `many` │ 5 metadata lies here │ 6-7 class of the stored refcount
//! ```
//!
//! so that one access to memory counts a reference, tells whether it runs into metadata, and whether the
//! copied flag is right. For small files, and those whose bytes pay for it, the bytes lie in an array; a
//! sparse file of 8 TiB with clusters of 512 bytes gets pages of 64 where there is a reference.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::vec::Vec;

/// Bits of the byte that count.
pub(super) const COUNT: u8 = 31;
/// Set where metadata lies.
pub(super) const METADATA: u8 = 1 << 5;
/// Where the class begins.
pub(super) const CLASS_SHIFT: u32 = 6;

/// Classes of stored refcounts: 0, 1, more, and those that can't be read.
pub(super) mod class {
    pub(in super::super) const ONE: u8 = 1;
    pub(in super::super) const MORE: u8 = 2;
    pub(in super::super) const UNREADABLE: u8 = 3;
}

/// Clusters of a page.
const PAGE: usize = 64;
/// The same for numbers of clusters.
const IN_PAGE: u64 = PAGE as u64;

/// Spreads numbers of clusters well enough: an attacker who makes them collide gains a factor of the few
/// entries that fit into a file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64((*byte).into());
        }
    }

    fn write_u64(&mut self, number: u64) {
        let mut mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^= mixed >> 32;
        self.0 = mixed.wrapping_mul(0xd6e8_feb8_6659_fd93);
    }
}

type Map<V> = HashMap<u64, V, BuildHasherDefault<Spread>>;

/// References to clusters.
#[derive(Debug)]
pub(super) struct Tally {
    /// One byte a cluster; empty if there are pages instead.
    pub(super) cells: Vec<u8>,
    pages: Map<[u8; PAGE]>,
    /// References of clusters that have 31 or more.
    many: Map<u64>,
}

impl Tally {
    /// For `clusters` clusters, none of which is referred to.
    pub(super) fn new(clusters: u64, as_array: bool) -> Self {
        let cells = match usize::try_from(clusters) {
            Ok(clusters) if as_array => std::vec![0; clusters],
            _ => Vec::new(),
        };
        Self { cells, pages: Map::default(), many: Map::default() }
    }

    /// Whether there is a byte for every cluster.
    pub(super) fn is_array(&self) -> bool {
        !self.cells.is_empty()
    }

    /// The byte of a cluster.
    #[inline]
    pub(super) fn cell(&self, cluster: u64) -> u8 {
        if self.is_array() {
            return usize::try_from(cluster)
                .ok()
                .and_then(|at| self.cells.get(at))
                .copied()
                .unwrap_or_default();
        }
        let page = self.pages.get(&(cluster / IN_PAGE));
        page.and_then(|page| page.get(in_page(cluster))).copied().unwrap_or_default()
    }

    fn cell_mut(&mut self, cluster: u64) -> Option<&mut u8> {
        if self.is_array() {
            return self.cells.get_mut(usize::try_from(cluster).ok()?);
        }
        let page = self.pages.entry(cluster / IN_PAGE).or_insert([0; PAGE]);
        page.get_mut(in_page(cluster))
    }

    /// Counts `more` references to a cluster, and gives its byte as it was.
    pub(super) fn add(&mut self, cluster: u64, more: u64) -> u8 {
        let Some(cell) = self.cell_mut(cluster) else { return 0 };
        let before = *cell;
        let counted = u64::from(before & COUNT);
        if before & COUNT == COUNT {
            let many = self.many.entry(cluster).or_default();
            *many = many.saturating_add(more);
        } else if counted + more < COUNT.into() {
            *cell += u8::try_from(more).unwrap_or_default();
        } else {
            *cell |= COUNT;
            self.many.insert(cluster, counted.saturating_add(more));
        }
        before
    }

    /// Counts `more` references to each cluster from `first` to `end`, and says that metadata lies there.
    pub(super) fn claim(&mut self, first: u64, end: u64, more: u64) {
        let mut at = first;
        while at < end {
            let stop = end.min((at / IN_PAGE + 1) * IN_PAGE);
            // A whole page of clusters that nothing else claims, as most of a big table are.
            let few = u8::try_from(more).ok().filter(|few| *few < COUNT);
            let is_new = !self.is_array() && !self.pages.contains_key(&(at / IN_PAGE));
            if let Some(few) = few.filter(|_| is_new && stop - at == IN_PAGE) {
                self.pages.insert(at / IN_PAGE, [METADATA | few; PAGE]);
            } else {
                for cluster in at..stop {
                    self.add(cluster, more);
                    self.mark(cluster);
                }
            }
            at = stop;
        }
    }

    /// Says that metadata lies in a cluster.
    pub(super) fn mark(&mut self, cluster: u64) {
        if let Some(cell) = self.cell_mut(cluster) {
            *cell |= METADATA;
        }
    }

    /// How often a cluster is referred to.
    pub(super) fn count(&self, cluster: u64) -> u64 {
        match self.cell(cluster) & COUNT {
            COUNT => self.many.get(&cluster).copied().unwrap_or(COUNT.into()),
            few => few.into(),
        }
    }

    /// The clusters of the pages that something refers to, in order.
    pub(super) fn paged(&self) -> Vec<u64> {
        let mut pages: Vec<_> = self.pages.iter().collect();
        pages.sort_unstable_by_key(|(page, _)| **page);
        let mut clusters = Vec::new();
        for (page, cells) in pages {
            let cells = (page * IN_PAGE..).zip(cells).filter(|(_, cell)| **cell & COUNT != 0);
            clusters.extend(cells.map(|(cluster, _)| cluster));
        }
        clusters
    }

    /// For another thread: the same classes and metadata, no references. Arrays only.
    pub(super) fn split(&self) -> Self {
        let cells = self.cells.iter().map(|cell| cell & !COUNT).collect();
        Self { cells, pages: Map::default(), many: Map::default() }
    }

    /// Adds what another thread counted.
    pub(super) fn merge(&mut self, other: &Self) {
        /// Where both have less than half of what fits, bytes add without looking at them singly.
        const HALF: u64 = u64::from_ne_bytes([16; 8]);
        const COUNTS: u64 = u64::from_ne_bytes([COUNT; 8]);
        let (words, rest) = self.cells.as_chunks_mut::<8>();
        let (theirs, their_rest) = other.cells.as_chunks::<8>();
        let mut slow = Vec::new();
        for (at, (word, their)) in words.iter_mut().zip(theirs).enumerate() {
            let (ours, more) = (u64::from_ne_bytes(*word), u64::from_ne_bytes(*their) & COUNTS);
            if more == 0 {
            } else if (ours | more) & HALF == 0 {
                *word = (ours + more).to_ne_bytes();
            } else {
                slow.extend((at as u64 * 8)..(at as u64 * 8 + 8));
            }
        }
        let base = other.cells.len() as u64 - their_rest.len() as u64;
        slow.extend(base..base + rest.len() as u64);
        for cluster in slow {
            let more = other.count(cluster);
            if more > 0 {
                self.add(cluster, more);
            }
        }
    }
}

fn in_page(cluster: u64) -> usize {
    usize::try_from(cluster % IN_PAGE).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{METADATA, Tally};

    #[test]
    fn array_and_pages_count_alike_up_to_any_number() {
        for is_array in [true, false] {
            let mut tally = Tally::new(100, is_array);
            tally.mark(7);
            let mut sum = 0;
            for more in [1, 5, 20, 4, 1, 1, 100_000, 3] {
                tally.add(7, more);
                sum += more;
                assert_eq!(tally.count(7), sum, "{is_array}");
            }
            assert_eq!(tally.cell(7) & METADATA, METADATA);
            assert_eq!((tally.count(6), tally.count(8)), (0, 0));
        }
    }

    #[test]
    fn merged_counts_are_sums() {
        let mut ours = Tally::new(43, true);
        let mut theirs = ours.split();
        for cluster in 0..43 {
            ours.add(cluster, cluster % 40);
            theirs.add(cluster, cluster * 3 % 50);
        }
        ours.merge(&theirs);
        for cluster in 0..43 {
            assert_eq!(ours.count(cluster), cluster % 40 + cluster * 3 % 50, "{cluster}");
        }
    }
}
