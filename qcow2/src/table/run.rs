//! Runs: neighbouring guest bytes that are mapped alike, and to neighbouring host bytes.
#![forbid(unsafe_code)]

use super::{Fault, L2Entry, L2View, Mapping, Subcluster};
use crate::format::{ENTRY_COPIED, ENTRY_OFFSET, L2_COMPRESSED, L2_ZERO};
use crate::units::{GuestOffset, HostOffset};

/// What a run of guest bytes is mapped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunKind {
    /// Nothing: the backing file has it, or else it reads as zeros.
    Unallocated {
        /// Where host bytes are set aside for it, as for single subclusters.
        reserved: Option<HostOffset>,
    },
    /// Zeros.
    Zero {
        /// Where host bytes are set aside for it.
        reserved: Option<HostOffset>,
    },
    /// Data, uncompressed.
    Data {
        /// Where its first byte lies: in the image, or in its external data file.
        offset: HostOffset,
    },
    /// Data in one compressed cluster. Runs of these are never longer than the cluster.
    Compressed {
        /// Where the compressed bytes begin.
        offset: HostOffset,
        /// How many there are at most.
        len: u32,
    },
}

/// Neighbouring guest bytes that are mapped alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// What to.
    pub kind: RunKind,
    /// How many bytes.
    pub len: u64,
}

/// An entry that can't be read through, and which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadEntry {
    /// Why.
    pub fault: Fault,
    /// The entry as stored.
    pub entry: L2Entry,
    /// Counted from the beginning of the view.
    pub index: usize,
}

impl RunKind {
    /// Whether `next`, which follows `len` bytes behind the beginning of this, goes on with the same.
    #[inline]
    #[must_use]
    pub const fn continues(&self, len: u64, next: &Self) -> bool {
        match (self, next) {
            (Self::Unallocated { reserved: a }, Self::Unallocated { reserved: b })
            | (Self::Zero { reserved: a }, Self::Zero { reserved: b }) => match (a, b) {
                (None, None) => true,
                (Some(a), Some(b)) => a.get().wrapping_add(len) == b.get(),
                _ => false,
            },
            (Self::Data { offset: a }, Self::Data { offset: b }) => {
                a.get().wrapping_add(len) == b.get()
            }
            _ => false,
        }
    }
}

impl L2View<'_> {
    /// The run of at most `max` bytes that begins at `guest`, whose entry is `index` of this view. It
    /// ends with the view if not before. `None` if there is no such entry.
    ///
    /// Linear in the clusters of the run; allocates nothing.
    ///
    /// # Errors
    ///
    /// [`BadEntry`] if it is the first entry that can't be read through; a later one ends the run.
    #[inline]
    pub fn run(&self, index: usize, guest: GuestOffset, max: u64) -> Option<Result<Run, BadEntry>> {
        let in_cluster = self.geometry().in_cluster(guest);
        let first = match self.piece(index, guest, in_cluster)? {
            Ok(piece) => piece,
            Err(fault) => {
                let entry = self.get(index)?;
                return Some(Err(BadEntry { fault, entry, index }));
            }
        };
        let to_cluster_end = self.geometry().cluster_size() - in_cluster;
        let whole =
            first.len == to_cluster_end && !matches!(first.kind, RunKind::Compressed { .. });
        let len = if !whole || first.len >= max {
            first.len
        } else if self.geometry().extended_l2() {
            self.extend_by_pieces(index, guest, first, max)
        } else {
            self.extend_by_words(index, first.len, max)
        };
        Some(Ok(Run { kind: first.kind, len: len.min(max) }))
    }

    /// What entry `index` has from `in_cluster` to the end of its cluster, or of its like subclusters.
    #[inline]
    fn piece(
        &self,
        index: usize,
        guest: GuestOffset,
        in_cluster: u64,
    ) -> Option<Result<Run, Fault>> {
        let geometry = self.geometry();
        let mapping = self.get(index)?.mapping(geometry);
        if let Some(cluster) = mapping.cluster()
            && geometry.data_file()
            && cluster.get() != guest.get() - in_cluster
        {
            return Some(Err(Fault::WrongDataFileOffset(cluster)));
        }
        let at = |offset: HostOffset| HostOffset(offset.get().saturating_add(in_cluster));
        let mut len = geometry.cluster_size() - in_cluster;
        let kind = match mapping {
            Mapping::Unallocated => RunKind::Unallocated { reserved: None },
            Mapping::ZeroPlain => RunKind::Zero { reserved: None },
            Mapping::ZeroAllocated { offset, .. } => RunKind::Zero { reserved: Some(at(offset)) },
            Mapping::Data { offset, .. } => RunKind::Data { offset: at(offset) },
            Mapping::Compressed { offset, len } => RunKind::Compressed { offset, len },
            Mapping::Subclusters(subclusters) => {
                let bits = geometry.unit_bits();
                let index = u32::try_from(in_cluster >> bits).unwrap_or_default();
                let (kind, count) = subclusters.run(index);
                len = (u64::from(index + count) << bits) - in_cluster;
                let reserved = subclusters.offset.map(at);
                match (kind, reserved) {
                    (Subcluster::Data, Some(offset)) => RunKind::Data { offset },
                    (Subcluster::Data, None) => return Some(Err(Fault::BadSubclusters)),
                    (Subcluster::Zero, reserved) => RunKind::Zero { reserved },
                    (Subcluster::Unallocated, reserved) => RunKind::Unallocated { reserved },
                }
            }
            Mapping::Bad(fault) => return Some(Err(fault)),
        };
        Some(Ok(Run { kind, len }))
    }

    /// How far a run of whole clusters goes on behind entry `index`: one comparison a cluster.
    #[inline]
    fn extend_by_words(&self, index: usize, first_len: u64, max: u64) -> u64 {
        let step = self.geometry().cluster_size();
        // Of the copied bit only an external data file makes something.
        let mask = ENTRY_OFFSET
            | L2_COMPRESSED
            | L2_ZERO
            | if self.geometry().data_file() { ENTRY_COPIED } else { 0 };
        let mut words = self.words().get(index..).unwrap_or_default().iter();
        let Some(mut expected) = words.next().map(|word| word.get() & mask) else {
            return first_len;
        };
        let has_offset = expected & ENTRY_OFFSET != 0
            || (self.geometry().data_file() && expected & ENTRY_COPIED != 0);
        let step_word = if has_offset { step } else { 0 };
        let mut len = first_len;
        for word in words {
            expected = expected.wrapping_add(step_word);
            if len >= max || word.get() & mask != expected {
                break;
            }
            len += step;
        }
        len
    }

    /// The same with subclusters.
    fn extend_by_pieces(&self, index: usize, guest: GuestOffset, first: Run, max: u64) -> u64 {
        let step = self.geometry().cluster_size();
        let mut len = first.len;
        for next in index + 1..self.len() {
            let guest = GuestOffset(guest.get().saturating_add(len));
            match self.piece(next, guest, 0) {
                Some(Ok(piece)) if len < max && first.kind.continues(len, &piece.kind) => {
                    len += piece.len;
                    if piece.len < step {
                        break;
                    }
                }
                _ => break,
            }
        }
        len
    }
}
