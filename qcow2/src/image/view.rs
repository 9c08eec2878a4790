//! A disk that an image holds: the active one, or that of an internal snapshot.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::l1::L1;
use super::part::{Part, load};
use super::slices::{Key, SLICE_WORDS};
use super::{Image, ImageError};
use crate::error::{Error, ErrorKind, Structure};
use crate::format::{Be64, ENTRY_OFFSET, L1_ENTRIES_MAX, L2_COMPRESSED, L2_ZERO};
use crate::table::{BadEntry, L1Entry, L2View, Run, RunKind, Snapshot};
use crate::units::{GuestOffset, HostOffset};

/// Words of a table that are looked at together, at most.
const RUN_WORDS: usize = 32;

/// A disk that an image holds, read-only. Cheap to clone; read by any number of threads.
#[derive(Clone, Debug)]
pub struct View {
    image: Image,
    l1: Arc<L1>,
    size: u64,
}

/// Where the L2 table of a guest offset lies.
pub(super) enum Place {
    /// Nowhere: that many bytes are not allocated.
    Unallocated { len: u64 },
    /// In the file, at least in part, as the entry `index` of the L1 table says.
    Table { index: u64, offset: HostOffset },
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

    /// The error for the entry `index` of the L1 table, whose L2 table is that of another one, too.
    #[cold]
    pub(crate) fn shared_table(&self, index: u64) -> ImageError {
        let kind = ErrorKind::Overlap { with: Structure::L2Table };
        let at = self.l1.entry_at(index).get();
        self.image.explain(Error::new(Structure::L1Table, "entry", at, kind).into())
    }

    /// Where the L2 table for `guest` lies, or how far there is none, up to `max` bytes. Beyond the disk's end
    /// nothing is allocated.
    #[inline]
    pub(super) fn place(&self, guest: GuestOffset, max: u64) -> Result<Place, ImageError> {
        let geometry = self.image.geometry();
        let index = geometry.l1_index(guest);
        let table = 1 << geometry.l1_bits();
        let to_table_end = table - (guest.get() & (table - 1));
        match L1Entry::decode(self.l1.get(index), geometry) {
            L1Entry::Table { offset, .. } if offset.get() < self.image.len() => {
                Ok(Place::Table { index, offset })
            }
            L1Entry::Table { .. } => {
                self.image.beyond_end(self.image.source(), &self.image.0.stamp)?;
                Ok(Place::Unallocated { len: to_table_end.min(max) })
            }
            L1Entry::Unallocated if to_table_end >= max => Ok(Place::Unallocated { len: max }),
            L1Entry::Unallocated => {
                let last = index + 1 + ((max - to_table_end) >> geometry.l1_bits());
                let tables = self.l1.next_table(index + 1, last + 1) - index - 1;
                let further = tables.saturating_mul(table);
                Ok(Place::Unallocated { len: to_table_end.saturating_add(further).min(max) })
            }
            L1Entry::Misaligned { offset } => {
                let at = self.l1.entry_at(index);
                let error = L1Entry::misaligned(at, offset, geometry);
                Err(self.image.explain(error.into()))
            }
        }
    }

    /// What the guest bytes from `guest` on are mapped to, for as many of the next `max` bytes as one look at
    /// a few entries of a table tells. The table comes from the cache.
    #[inline]
    pub(crate) fn run(&self, guest: GuestOffset, max: u64) -> Result<Run, ImageError> {
        match self.known(guest, max) {
            Some(run) => Ok(run),
            None => self.look(guest, max),
        }
    }

    /// The same within one cluster whose entry is in the cache and says data or nothing. Most reads are of that kind,
    /// and ask each layer from the top on.
    #[inline]
    fn known(&self, guest: GuestOffset, max: u64) -> Option<Run> {
        let geometry = self.image.geometry();
        let in_cluster = geometry.in_cluster(guest);
        let is_plain = !geometry.extended_l2() && !geometry.data_file();
        if !is_plain || max > geometry.cluster_size() - in_cluster {
            return None;
        }
        let entry = self.l1.get(geometry.l1_index(guest));
        let L1Entry::Table { offset, .. } = L1Entry::decode(entry, geometry) else { return None };
        let part = Part::of(&self.image, offset, guest, SLICE_WORDS);
        let key = Key { image: self.image.0.id, offset: part.offset };
        let word = self.image.0.caches.slices().word(key, part.index)?;
        let offset = word & ENTRY_OFFSET;
        let kind = match word & (L2_COMPRESSED | L2_ZERO) {
            0 if offset == 0 => RunKind::Unallocated { reserved: None },
            0 if geometry.cluster_bits().is_aligned(offset) => {
                RunKind::Data { offset: HostOffset(offset + in_cluster) }
            }
            _ => return None,
        };
        Some(Run { kind, len: max })
    }

    #[inline(never)]
    fn look(&self, guest: GuestOffset, max: u64) -> Result<Run, ImageError> {
        let unallocated = |len| Run { kind: RunKind::Unallocated { reserved: None }, len };
        let table = match self.place(guest, max)? {
            Place::Table { offset, .. } => offset,
            Place::Unallocated { len } => return Ok(unallocated(len)),
        };
        let part = Part::of(&self.image, table, guest, SLICE_WORDS);
        let key = Key { image: self.image.0.id, offset: part.offset };
        let geometry = self.image.geometry();
        // As many entries as the bytes that are asked for have, if that are not many.
        let from = part.index * geometry.l2_words();
        let clusters =
            geometry.cluster_bits().clusters(geometry.in_cluster(guest).saturating_add(max));
        let wanted =
            usize::try_from(clusters).unwrap_or(RUN_WORDS).saturating_mul(geometry.l2_words());
        let mut words = [Be64::new(0); RUN_WORDS];
        let words =
            words.get_mut(..wanted.min(RUN_WORDS).min(part.words - from)).unwrap_or_default();
        let load = |slice: &mut [Be64]| load(&self.image, part.offset, slice);
        self.image.0.caches.slices().copy(key, part.words, from, words, load)?;
        match L2View::from_words(words, *geometry).run(0, guest, max) {
            Some(Ok(run)) => Ok(run),
            Some(Err(bad)) => {
                let index = part.index + bad.index;
                Err(self.bad_entry(part.offset, BadEntry { index, ..bad }))
            }
            None => Ok(unallocated(0)),
        }
    }

    #[cold]
    pub(super) fn bad_entry(&self, slice_at: u64, bad: BadEntry) -> ImageError {
        let geometry = self.image.geometry();
        let at = slice_at.saturating_add((bad.index * geometry.l2_words() * 8) as u64);
        self.image.explain(bad.fault.error(HostOffset(at), bad.entry, geometry).into())
    }
}
