//! A file: what the page cache has of it, what the medium has, and what lies between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::data::{Data, Sector, torn_lengths};
use crate::fs::Attributes;

/// A regular file. What was not forced out is kept version by version: the medium may have any of them.
#[derive(Clone, Debug)]
pub(super) struct File {
    /// What everybody reads.
    pub(super) live: Arc<Data>,
    /// What the medium has for certain.
    pub(super) durable: Arc<Data>,
    pub(super) attributes: Arc<Attributes>,
    pub(super) durable_attributes: Arc<Attributes>,
    pub(super) dirty: Dirty,
    /// Sectors that an error of `sync` lost: the page cache has them, and believes that they are out.
    lost: BTreeSet<u64>,
    /// How often it was written to: what the time of the last modification is elsewhere.
    pub(super) writes: u64,
}

/// What was not forced out yet, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Dirty {
    /// What each sector was since; `None` is a hole.
    pub(super) sectors: BTreeMap<u64, Vec<Option<Sector>>>,
    pub(super) lengths: Vec<u64>,
    pub(super) attributes: Vec<Arc<Attributes>>,
}

impl Dirty {
    pub(super) fn is_empty(&self) -> bool {
        self.sectors.is_empty() && self.lengths.is_empty() && self.attributes.is_empty()
    }
}

/// Which of the dirty sectors reach the medium when forcing them out fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Keep {
    /// None of them.
    Nothing,
    /// All of them: only the answer was lost.
    All,
    /// Every other one, beginning with the first.
    Even,
    /// Every other one, beginning with the second.
    Odd,
}

impl Keep {
    const fn keeps(self, nth: usize) -> bool {
        match self {
            Self::Nothing => false,
            Self::All => true,
            Self::Even => nth.is_multiple_of(2),
            Self::Odd => !nth.is_multiple_of(2),
        }
    }
}

impl File {
    /// A new file: empty, and as durable as an entry that leads to it.
    pub(super) fn new(mode: u32) -> Self {
        let attributes = Attributes { mode: mode & 0o7777, ..Attributes::default() };
        Self::clean(Arc::default(), Arc::new(attributes))
    }

    /// A file of which nothing is pending.
    pub(super) fn clean(data: Arc<Data>, attributes: Arc<Attributes>) -> Self {
        Self {
            live: Arc::clone(&data),
            durable: data,
            attributes: Arc::clone(&attributes),
            durable_attributes: attributes,
            dirty: Dirty::default(),
            lost: BTreeSet::new(),
            writes: 0,
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.dirty.is_empty() && self.lost.is_empty()
    }

    /// How many sectors a write would occupy that are holes now.
    pub(super) fn new_sectors(&self, offset: u64, bytes: &[u8]) -> u64 {
        let written = self.live.written(offset, bytes);
        let holes = written.iter().filter(|(index, _)| self.live.sector(*index).is_none());
        holes.count() as u64
    }

    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        self.writes += 1;
        let live = Arc::make_mut(&mut self.live);
        for (index, sector) in live.written(offset, bytes) {
            self.dirty.sectors.entry(index).or_default().push(Some(sector.clone()));
            self.lost.remove(&index);
            live.put(index, Some(sector));
        }
        let end = offset + bytes.len() as u64;
        if end > live.len() {
            self.dirty.lengths.extend(torn_lengths(live.len(), end));
            live.set_len(end);
        }
    }

    pub(super) fn set_len(&mut self, len: u64) {
        if len == self.live.len() {
            return;
        }
        self.writes += 1;
        let live = Arc::make_mut(&mut self.live);
        let cut = live.cut_by(len);
        live.set_len(len);
        for index in cut {
            let sector = live.sector(index).cloned();
            self.dirty.sectors.entry(index).or_default().push(sector);
        }
        self.dirty.lengths.push(len);
    }

    pub(super) fn set_attributes(&mut self, attributes: Attributes) {
        if *self.attributes != attributes {
            self.attributes = Arc::new(attributes);
            self.dirty.attributes.push(Arc::clone(&self.attributes));
        }
    }

    /// Forces out bytes and length, and attributes too if wanted.
    pub(super) fn sync(&mut self, with_attributes: bool) {
        let dirty = std::mem::take(&mut self.dirty);
        if self.lost.is_empty() {
            self.durable = Arc::clone(&self.live);
        } else {
            self.force_out(dirty.sectors.keys().copied());
        }
        if with_attributes {
            self.durable_attributes = Arc::clone(&self.attributes);
        } else {
            self.dirty.attributes = dirty.attributes;
        }
    }

    /// What Linux does when the medium refuses: some pages are out, and none is dirty any more, so that
    /// the next `sync` finds nothing to do.
    pub(super) fn lose(&mut self, keep: Keep) {
        let dirty = std::mem::take(&mut self.dirty);
        let (mut kept, mut lost) = (Vec::new(), Vec::new());
        for (nth, index) in dirty.sectors.keys().enumerate() {
            if keep.keeps(nth) { kept.push(*index) } else { lost.push(*index) }
        }
        self.lost.extend(lost);
        self.force_out(kept.into_iter());
        if keep == Keep::All {
            self.durable_attributes = Arc::clone(&self.attributes);
        } else {
            self.dirty.attributes = dirty.attributes;
        }
    }

    fn force_out(&mut self, sectors: impl Iterator<Item = u64>) {
        let durable = Arc::make_mut(&mut self.durable);
        for index in sectors.filter(|index| !self.lost.contains(index)) {
            durable.put(index, self.live.sector(index).cloned());
        }
        durable.end_at(self.live.len());
    }

    /// The page cache gives up what it believes to be out: what was lost is read as it is on the medium.
    pub(super) fn evict(&mut self) {
        for index in std::mem::take(&mut self.lost) {
            let old = self.durable.sector(index).cloned();
            Arc::make_mut(&mut self.live).put(index, old);
        }
        let len = self.live.len();
        Arc::make_mut(&mut self.live).end_at(len);
    }
}
