//! The entries of the list, and their tags.

use crate::graph::DiskId;
use crate::labels::{PAIR, Recs};

/// One entry: where a disk begins, or where what is above it ends. 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The slot, [`CLOSE`] and [`TARGET`].
    mark: u32,
    generation: u32,
}

const CLOSE: u32 = 1 << 31;
const TARGET: u32 = 1 << 30;
const SLOT: u32 = TARGET - 1;

impl Entry {
    pub(super) const BLANK: Self = Self { mark: 0, generation: 0 };

    pub(crate) fn open(disk: DiskId) -> Self {
        Self { mark: disk.slot, generation: disk.generation }
    }

    /// The same with the mark of what an edge outside the forest leads to.
    pub(crate) fn marked(self, is_target: bool) -> Self {
        Self { mark: if is_target { self.mark | TARGET } else { self.mark & !TARGET }, ..self }
    }

    pub(crate) fn close(disk: DiskId) -> Self {
        Self { mark: disk.slot | CLOSE, generation: disk.generation }
    }

    #[inline]
    pub(crate) fn is_close(self) -> bool {
        self.mark & CLOSE != 0
    }

    #[inline]
    pub(crate) fn slot(self) -> u32 {
        self.mark & SLOT
    }

    /// An edge outside the forest leads to the disk. Never on the second entry of one.
    #[inline]
    pub(super) fn is_target(self) -> bool {
        self.mark & TARGET != 0
    }

    #[inline]
    pub(crate) fn disk(self) -> DiskId {
        DiskId { slot: self.mark & SLOT, generation: self.generation }
    }

    pub(super) fn tag(self, recs: &Recs) -> u32 {
        let label = recs.get(self.mark & SLOT);
        if self.is_close() { label.close() } else { label.open() }
    }

    /// Notes that it is a target, or that it is none any more.
    pub(super) fn toggle_target(&mut self) {
        self.mark ^= TARGET;
    }
}

/// Gives entries their tags, one behind the other.
pub(super) fn set_tags(recs: &mut Recs, entries: impl Iterator<Item = (Entry, u32)>) {
    let Recs { labels, flags } = recs;
    labels.each(
        entries,
        |(entry, _)| entry.slot(),
        |(entry, tag), label| {
            if entry.is_close() {
                label.set_close(tag);
            } else {
                label.set_open(tag, flags.get(entry.slot()) & PAIR == 0);
            }
        },
    );
}
