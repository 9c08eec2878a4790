//! The entries of the list, and their tags.

use crate::graph::DiskId;
use crate::labels::{PAIR, Recs};
use crate::pages::Paged;

/// One entry: where a disk begins, or where what is above it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The slot, [`CLOSE`] and [`TARGET`].
    pub(super) mark: u32,
    /// Of the disk that begins.
    pub(super) generation: u8,
}

const CLOSE: u32 = 1 << 31;
const TARGET: u32 = 1 << 30;
const SLOT: u32 = TARGET - 1;

impl Entry {
    pub(crate) fn open(disk: DiskId) -> Self {
        Self { mark: disk.slot, generation: disk.generation }
    }

    /// The same with the mark of what an edge outside the forest leads to.
    pub(crate) fn marked(self, is_target: bool) -> Self {
        Self { mark: if is_target { self.mark | TARGET } else { self.mark & !TARGET }, ..self }
    }

    pub(crate) fn close(slot: u32) -> Self {
        Self { mark: slot | CLOSE, generation: 0 }
    }

    pub(crate) fn is_close(self) -> bool {
        self.mark & CLOSE != 0
    }

    pub(crate) fn slot(self) -> u32 {
        slot(self.mark)
    }

    pub(crate) fn is_target(self) -> bool {
        is_target(self.mark)
    }

    pub(super) fn tag(self, recs: &Recs) -> u32 {
        let label = recs.get(self.slot());
        if self.is_close() { label.close() } else { label.open() }
    }
}

/// The slot of a mark.
#[inline]
pub(super) fn slot(mark: u32) -> u32 {
    mark & SLOT
}

/// Whether an edge outside the forest leads to the disk that begins here.
pub(super) fn is_target(mark: u32) -> bool {
    mark & TARGET != 0
}

/// The same mark, which says so now, or does not any more.
pub(super) fn with_target(mark: u32, is_target: bool) -> u32 {
    if is_target { mark | TARGET } else { mark & !TARGET }
}

/// Disks that lie side by side in the list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Run<'l> {
    pub(super) marks: &'l [u32],
    pub(super) generations: &'l [u8],
}

impl Run<'_> {
    pub(crate) fn len(&self) -> usize {
        self.marks.len()
    }

    /// Those from one number on and before another.
    #[inline]
    pub(super) fn between(self, from: usize, to: usize) -> Self {
        Self { marks: &self.marks[from..to], generations: &self.generations[from..to] }
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> {
        self.marks.iter().map(|mark| slot(*mark))
    }

    #[inline]
    pub(crate) fn disks(&self) -> impl Iterator<Item = DiskId> {
        let both = self.marks.iter().zip(self.generations);
        both.map(|(mark, generation)| DiskId { slot: slot(*mark), generation: *generation })
    }

    /// Takes the first disk out.
    #[inline]
    pub(crate) fn take_first(&mut self) -> Option<DiskId> {
        let (mark, marks) = self.marks.split_first()?;
        let (generation, generations) = self.generations.split_first()?;
        *self = Self { marks, generations };
        Some(DiskId { slot: slot(*mark), generation: *generation })
    }

    /// Those to which an edge outside the forest leads.
    pub(super) fn targets(&self) -> impl Iterator<Item = u32> {
        self.marks.iter().filter(|mark| is_target(**mark)).map(|mark| slot(*mark))
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
