//! A disk that an image holds: the active one, or that of an internal snapshot.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::l1::L1;
use super::slices::{Key, SLICE_WORDS};
use super::{Image, ImageError, Window};
use crate::error::{Error, ErrorKind, Structure};
use crate::format::{Be64, L1_ENTRIES_MAX};
use crate::source::fill;
use crate::table::{BadEntry, L1Entry, L2View, Run, RunKind, Snapshot};
use crate::units::{GuestOffset, HostOffset};

/// A disk that an image holds, read-only. Cheap to clone; read by any number of threads.
#[derive(Clone, Debug)]
pub struct View {
    image: Image,
    l1: Arc<L1>,
    size: u64,
}

impl Image {
    /// The disk as it is now. Reads the L1 table, as far as the disk's size needs it.
    ///
    /// # Errors
    ///
    /// [`ImageError::Obstacle`] if guest data can't be read; [`ImageError::Format`] if the L1 table is not inside
    /// the file, or lies over the header. QEMU reads zeros beyond the end of the file: to it such a disk is
    /// empty.
    pub fn active(&self) -> Result<View, ImageError> {
        let header = self.header()?;
        self.view(header.l1_table_offset(), header.l1_size(), self.virtual_size())
    }

    /// The disk as it was when an internal snapshot was taken, with the size that it had.
    ///
    /// # Errors
    ///
    /// As [`active`](Self::active).
    pub fn snapshot_view(&self, snapshot: &Snapshot<'_>) -> Result<View, ImageError> {
        if snapshot.l1_size > L1_ENTRIES_MAX {
            let (found, max) = (snapshot.l1_size.into(), L1_ENTRIES_MAX.into());
            let at = snapshot.at.get().saturating_add(8);
            let kind = ErrorKind::TooLarge { found, max };
            return Err(Error::new(Structure::SnapshotTable, "l1_size", at, kind).into());
        }
        let size = snapshot.disk_size.unwrap_or(self.virtual_size()) & !511;
        self.view(snapshot.l1_table_offset, snapshot.l1_size, size)
    }

    /// The disk of the first internal snapshot of that id or, failing that, of that name, as QEMU looks them
    /// up.
    ///
    /// # Errors
    ///
    /// As [`active`](Self::active), and [`ImageError::NoSuchSnapshot`].
    pub fn snapshot_named(&self, id_or_name: &[u8]) -> Result<View, ImageError> {
        let table = self.snapshots()?;
        let by_id = table.iter().flatten().find(|snapshot| snapshot.id == id_or_name);
        let found = by_id
            .or_else(|| table.iter().flatten().find(|snapshot| snapshot.name == id_or_name))
            .ok_or(ImageError::NoSuchSnapshot)?;
        self.snapshot_view(&found)
    }

    fn view(&self, offset: HostOffset, entries: u32, size: u64) -> Result<View, ImageError> {
        if let Some(obstacle) = self.0.obstacle {
            return Err(ImageError::Obstacle(obstacle));
        }
        let needed = self.geometry().l1_entries_for(size).min(entries.into());
        let l1 = L1::read(self, offset, needed)?;
        Ok(View { image: self.clone(), l1: Arc::new(l1), size })
    }
}

impl View {
    /// The image that it is of.
    #[inline]
    #[must_use]
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// The disk's size in bytes, a multiple of 512.
    #[inline]
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where the L2 table for `guest` lies, and which entry of the L1 table says so.
    #[inline]
    pub(crate) fn table_of(&self, guest: GuestOffset) -> (u64, Option<HostOffset>) {
        let geometry = self.image.geometry();
        let index = geometry.l1_index(guest);
        match L1Entry::decode(self.l1.get(index), geometry) {
            L1Entry::Table { offset, .. } => (index, Some(offset)),
            _ => (index, None),
        }
    }

    /// The error for the entry `index` of the L1 table, whose L2 table is that of another one, too.
    #[cold]
    pub(crate) fn shared_table(&self, index: u64) -> ImageError {
        let kind = ErrorKind::Overlap { with: Structure::L2Table };
        let at = self.l1.entry_at(index).get();
        self.image.explain(Error::new(Structure::L1Table, "entry", at, kind).into())
    }

    /// What the guest bytes from `guest` on are mapped to, for as many of the next `max` bytes as one look at
    /// a table tells. Beyond the disk's end nothing is allocated.
    #[inline]
    pub(crate) fn run(&self, guest: GuestOffset, max: u64) -> Result<Run, ImageError> {
        self.run_in(&mut Cached, guest, max)
    }

    /// The same, with L2 tables from `tables`.
    #[inline]
    pub(crate) fn run_in(
        &self,
        tables: &mut impl Tables,
        guest: GuestOffset,
        max: u64,
    ) -> Result<Run, ImageError> {
        let geometry = self.image.geometry();
        let index = geometry.l1_index(guest);
        let to_table_end =
            (1 << geometry.l1_bits()) - (guest.get() & ((1 << geometry.l1_bits()) - 1));
        let unallocated = |len| Run { kind: RunKind::Unallocated { reserved: None }, len };
        let table = match L1Entry::decode(self.l1.get(index), geometry) {
            L1Entry::Table { offset, .. } => offset,
            L1Entry::Unallocated if to_table_end >= max => return Ok(unallocated(max)),
            L1Entry::Unallocated => {
                let last = index + 1 + ((max - to_table_end) >> geometry.l1_bits());
                let tables = self.l1.next_table(index + 1, last + 1) - index - 1;
                let further = tables.saturating_mul(1 << geometry.l1_bits());
                return Ok(unallocated(to_table_end.saturating_add(further).min(max)));
            }
            L1Entry::Misaligned { offset } => {
                let at = self.l1.entry_at(index);
                let error = L1Entry::misaligned(at, offset, geometry);
                return Err(self.image.explain(error.into()));
            }
        };
        if table.get() >= self.image.len() {
            self.image.beyond_end(self.image.source(), &self.image.0.stamp)?;
            return Ok(unallocated(to_table_end.min(max)));
        }
        let part = Part::of(&self.image, table, geometry.l2_index(guest), tables.words());
        let to_part_end = part.bytes(&self.image) - (guest.get() & (part.bytes(&self.image) - 1));
        if let Some((kind, parts)) = tables.known(&self.image, &part)? {
            // What lies behind the table's end is another table's.
            let len = (parts - 1).saturating_mul(part.bytes(&self.image));
            let len = len.saturating_add(to_part_end).min(to_table_end);
            return Ok(Run { kind, len: len.min(max) });
        }
        let run = tables.with(&self.image, &part, |slice| {
            match slice.run(part.index, guest, max) {
                Some(Ok(run)) => Ok(run),
                Some(Err(bad)) => Err(self.bad_entry(part.offset, bad)),
                None => Ok(unallocated(0)),
            }
        })??;
        if run.len == part.bytes(&self.image) {
            tables.learn(&part, run.kind);
        }
        Ok(run)
    }

    /// Data at `guest` whose entry is in the window already: its place and its length, which is 0 for all
    /// else. [`run_in`](Self::run_in) tells the same and more, and takes longer.
    #[inline]
    pub(crate) fn data_in(&self, window: &Window, guest: GuestOffset, max: u64) -> (u64, u64) {
        let geometry = self.image.geometry();
        let entry = self.l1.get(geometry.l1_index(guest));
        let L1Entry::Table { offset, .. } = L1Entry::decode(entry, geometry) else {
            return (0, 0);
        };
        let part = Part::of(&self.image, offset, geometry.l2_index(guest), window.words());
        let table = L2View::from_words(window.loaded(&part), *geometry);
        table.data_run(part.index, geometry.in_cluster(guest), max)
    }

    #[cold]
    fn bad_entry(&self, slice_at: u64, bad: BadEntry) -> ImageError {
        let geometry = self.image.geometry();
        let at = slice_at.saturating_add((bad.index * geometry.l2_words() * 8) as u64);
        self.image.explain(bad.fault.error(HostOffset(at), bad.entry, geometry).into())
    }
}

/// Where L2 tables come from.
pub(crate) trait Tables {
    /// How many words of a table are looked at together, at most: a power of two.
    fn words(&self) -> usize;

    /// What a part is known to be, all of it, without looking at it; and how many parts from it on are, itself
    /// counted, maybe beyond the table's end.
    #[inline]
    fn known(&mut self, _: &Image, _: &Part) -> Result<Option<(RunKind, u64)>, ImageError> {
        Ok(None)
    }

    /// All of a part is of one kind.
    #[inline]
    fn learn(&mut self, _: &Part, _: RunKind) {}

    /// Calls `found` with a part of a table.
    fn with<R>(
        &mut self,
        image: &Image,
        part: &Part,
        found: impl FnOnce(L2View<'_>) -> R,
    ) -> Result<R, ImageError>;
}

/// From the cache, for readers at random.
struct Cached;

impl Tables for Cached {
    #[inline]
    fn words(&self) -> usize {
        SLICE_WORDS
    }

    #[inline]
    fn with<R>(
        &mut self,
        image: &Image,
        part: &Part,
        found: impl FnOnce(L2View<'_>) -> R,
    ) -> Result<R, ImageError> {
        let geometry = *image.geometry();
        let key = Key { image: image.0.id, offset: part.offset };
        image.0.caches.slices().with(
            key,
            part.words,
            |words| load(image, part.offset, words),
            |words| found(L2View::from_words(words, geometry)),
        )
    }
}

/// A part of a table: a power of two of words that has a certain entry.
pub(crate) struct Part {
    /// Where in the file it lies.
    pub(super) offset: u64,
    pub(super) words: usize,
    /// Of the entry in it.
    index: usize,
}

impl Part {
    #[inline]
    fn of(image: &Image, table: HostOffset, entry: u64, words: usize) -> Self {
        let geometry = image.geometry();
        let whole = usize::try_from(geometry.cluster_size() / 8).unwrap_or(usize::MAX);
        let words = words.min(whole);
        let entries = (words / geometry.l2_words()) as u64;
        let first = entry & !(entries - 1);
        let offset =
            table.get().saturating_add(first.saturating_mul(8 * geometry.l2_words() as u64));
        Self { offset, words, index: usize::try_from(entry - first).unwrap_or_default() }
    }

    /// How many guest bytes it stands for: a power of two.
    #[inline]
    fn bytes(&self, image: &Image) -> u64 {
        let entries = (self.words / image.geometry().l2_words()) as u64;
        entries << image.geometry().cluster_bits().get()
    }
}

/// Reads a part of a table, which lies inside the file at least in part; the rest is zeros.
pub(super) fn load(image: &Image, offset: u64, words: &mut [Be64]) -> Result<(), ImageError> {
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(words);
    let there = usize::try_from(image.len().saturating_sub(offset)).unwrap_or(usize::MAX);
    let there = there.min(bytes.len());
    let (inside, beyond) = bytes.split_at_mut(there);
    beyond.fill(0);
    if fill(image.source(), offset, inside)? < inside.len() {
        return Err(ImageError::ChangedDuringRead);
    }
    Ok(())
}
