//! The walk over everything but the mapping: refcounts, snapshots, bitmaps, LUKS.
#![forbid(unsafe_code)]

use std::format;
use std::vec::Vec;

use super::bytes::{Stop, words};
use super::claims::Role;
use super::finding::Severity;
use super::names;
use super::walk::{Told, Walk};
use crate::error::ErrorKind;
use crate::format::{L1_ENTRIES_MAX, SNAPSHOT_EXTRA_MIN_V3, SNAPSHOT_TABLE_MAX};
use crate::image::read_directory;
use crate::source::fill;
use crate::table::{
    BitmapTableEntry, Bitmaps, LuksHeader, RefcountBlock, RefcountTableEntry, Snapshots,
};
use crate::units::HostOffset;

/// Where a table lies, and how many entries it has.
pub(super) type Place = (u64, u64);

/// QEMU splits key material into so many stripes, and accepts no other number.
const STRIPES: u32 = 4000;
/// More iterations than `cryptsetup` takes in seconds: who tries a passphrase waits for minutes.
const ITERATIONS_MAX: u32 = 100_000_000;

impl Walk<'_> {
    /// Reads the refcount table: index and place of each block.
    pub(super) fn refcount_table(&mut self) -> Result<Vec<(u64, u64)>, Stop> {
        let start = self.header.refcount_table_offset().get();
        let clusters = u64::from(self.header.refcount_table_clusters());
        let length = clusters * self.geometry.cluster_size();
        // Its last cluster may be cut short by the end of the file. The header's findings tell of it.
        let there = length.min(self.len.saturating_sub(start));
        if there == 0 || !self.region(start, there, Role::RefcountTable, Told::Before) {
            return Ok(Vec::new());
        }
        let mut entries = Vec::new();
        words(self.source, self.control, start, there / 8, |index, word| {
            entries.push((index, word))
        })?;
        let mut blocks = Vec::new();
        for (index, word) in entries {
            let odd = RefcountTableEntry::oddities(word, &self.geometry, self.len);
            self.oddities("refcount table", start + 8 * index, word, odd);
            if let RefcountTableEntry::Block { offset } =
                RefcountTableEntry::decode(word, &self.geometry)
                && offset.get() < self.len
            {
                blocks.push((index, offset.get()));
            }
        }
        if blocks.first().is_none_or(|(index, _)| *index != 0) {
            self.tally.danger("header-not-counted", || {
                "there is no refcount block for the header's cluster".into()
            });
        }
        Ok(blocks)
    }

    /// Claims the blocks; of the first it reads the header's refcount.
    pub(super) fn refcount_blocks(&mut self, blocks: &[(u64, u64)]) -> Result<(), Stop> {
        for (index, offset) in blocks.iter().copied() {
            match self.claims.claim(offset, 1, Role::RefcountBlock) {
                None => {}
                Some((_, Role::RefcountBlock)) => self.tally.danger("shared-table", || {
                    format!(
                        "refcount table entry {index}: the block at byte {offset} is used twice"
                    )
                }),
                Some((_, other)) => self.tally.danger("overlap", || {
                    format!("the refcount block at byte {offset} lies over {other}")
                }),
            }
            if index == 0 {
                let first = self.read(offset, 8.min(self.len - offset))?;
                if RefcountBlock::new(&first, &self.geometry).get(0) == Some(0) {
                    self.tally.danger("header-not-counted", || {
                        "the refcount of the header's cluster is 0: a writer would overwrite it"
                            .into()
                    });
                }
            }
        }
        Ok(())
    }

    /// Reads the snapshot table: the place of each snapshot's L1 table.
    pub(super) fn snapshots(&mut self) -> Result<Vec<Place>, Stop> {
        let (count, start) = (self.header.snapshot_count(), self.header.snapshots_offset());
        let most = self.len.saturating_sub(start.get()).min(SNAPSHOT_TABLE_MAX);
        if count == 0 || start.get() < self.geometry.cluster_size() {
            return Ok(Vec::new());
        }
        let mut bytes = Vec::new();
        let mut want = 4096.min(most);
        loop {
            let have = bytes.len();
            bytes.resize(usize::try_from(want).unwrap_or_default(), 0);
            let more = bytes.get_mut(have..).unwrap_or_default();
            if fill(self.source, start.get() + have as u64, more)? < more.len() {
                return Err(Stop::Changed);
            }
            let mut table = Snapshots::new(&bytes, count, start, self.len);
            let error = table.find_map(Result::err);
            match error.map(|error| error.kind) {
                Some(ErrorKind::NeedMore { need }) if want < most => {
                    want = need.max(want.saturating_mul(2)).min(most);
                }
                _ => break,
            }
        }
        let mut places = Vec::new();
        let (mut ids, mut all_names) = (Vec::new(), Vec::new());
        let mut table = Snapshots::new(&bytes, count, start, self.len);
        for snapshot in table.by_ref() {
            let snapshot = match snapshot {
                Ok(snapshot) => snapshot,
                Err(error) => {
                    self.error(&error);
                    break;
                }
            };
            let at = snapshot.at;
            names::inspect(self.tally, "a snapshot's id", snapshot.id, Severity::Warning);
            names::inspect(self.tally, "a snapshot's name", snapshot.name, Severity::Warning);
            ids.push(snapshot.id);
            all_names.push(snapshot.name);
            if self.geometry.data_file() {
                self.tally.warning("snapshot-with-data-file", || format!("snapshot at byte {at}"));
            }
            if !self.geometry.is_version_2() && snapshot.extra_data_size < SNAPSHOT_EXTRA_MIN_V3 {
                self.tally.warning("incomplete-snapshot", || format!("snapshot at byte {at}"));
            }
            if snapshot.l1_size > L1_ENTRIES_MAX {
                let entries = snapshot.l1_size;
                self.tally.danger("too-large", || {
                    format!("snapshot at byte {at}: an L1 table of {entries} entries")
                });
                continue;
            }
            places.push((snapshot.l1_table_offset.get(), snapshot.l1_size.into()));
        }
        let length = table.position();
        if length > 0 {
            self.region(start.get(), length, Role::Snapshots, Told::Here("the header"));
        }
        for (what, mut all) in [("id", ids), ("name", all_names)] {
            all.sort_unstable();
            let again = all.windows(2).filter(|pair| pair.first() == pair.last());
            for pair in again {
                let name = pair.first().copied().unwrap_or_default();
                self.tally.warning("duplicate-snapshot", || {
                    format!("two snapshots have the {what} {}", names::shown(name))
                });
            }
        }
        Ok(places)
    }

    /// Reads the bitmap directory: the place of each bitmap's table.
    pub(super) fn bitmaps(&mut self) -> Result<Vec<Place>, Stop> {
        let Some(pointer) = self.header.bitmaps() else { return Ok(Vec::new()) };
        let (start, length) = (pointer.directory, pointer.directory_size);
        let mut places = Vec::new();
        if !self.region(start.get(), length, Role::Bitmaps, Told::Before) {
            return Ok(places);
        }
        let geometry = self.geometry;
        let bytes = read_directory(&pointer, &geometry, |at, length| self.read(at, length))?;
        let mut all_names = Vec::new();
        for bitmap in Bitmaps::new(&bytes, pointer.count, start, self.geometry) {
            let bitmap = match bitmap {
                Ok(bitmap) => bitmap,
                Err(error) => {
                    self.error(&error);
                    break;
                }
            };
            names::inspect(self.tally, "a bitmap's name", bitmap.name, Severity::Warning);
            all_names.push(bitmap.name);
            if bitmap.in_use() {
                self.tally.add("bitmap-in-use", Severity::Note, || {
                    format!("the bitmap {} was not closed", names::shown(bitmap.name))
                });
            }
            places.push((bitmap.table_offset.get(), bitmap.table_size.into()));
        }
        all_names.sort_unstable();
        for pair in all_names.windows(2).filter(|pair| pair.first() == pair.last()) {
            let name = pair.first().copied().unwrap_or_default();
            self.tally.warning("duplicate-bitmap", || {
                format!("two bitmaps have the name {}", names::shown(name))
            });
        }
        Ok(places)
    }

    /// Reads the tables of bitmaps, which have been claimed, and claims the clusters of bits.
    pub(super) fn bitmap_tables(&mut self, places: &[Place]) -> Result<(), Stop> {
        for (start, entries) in places.iter().copied() {
            let mut found = Vec::new();
            words(self.source, self.control, start, entries, |index, word| {
                found.push((index, word))
            })?;
            for (index, word) in found {
                let odd = BitmapTableEntry::oddities(word, &self.geometry, self.len);
                self.oddities("bitmap table", start + 8 * index, word, odd);
                let entry = BitmapTableEntry::decode(word, &self.geometry);
                if let BitmapTableEntry::Bits { offset } = entry
                    && offset.get() < self.len
                {
                    let before = self.claims.claim(offset.get(), 1, Role::Bits);
                    if let Some((at, other)) = before {
                        self.tally.danger("overlap", || {
                            format!("the bits of a bitmap at byte {at} lie over {other}")
                        });
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads the public part of the LUKS header.
    pub(super) fn luks(&mut self) -> Result<(), Stop> {
        let Some(pointer) = self.header.luks() else { return Ok(()) };
        let (start, length) = (pointer.offset.get(), pointer.length);
        if !self.region(start, length, Role::Luks, Told::Before) {
            return Ok(());
        }
        let bytes = self.read(start, length.min(LuksHeader::LEN as u64))?;
        let header = match LuksHeader::parse(&bytes, HostOffset(start)) {
            Ok(header) => header,
            Err(error) => {
                self.error(&error);
                return Ok(());
            }
        };
        for (number, slot) in header.key_slots().enumerate().filter(|(_, slot)| slot.active) {
            if slot.key_offset >= length {
                self.tally.danger("out-of-bounds", || {
                    format!("LUKS key slot {number}: its key lies at byte {}", slot.key_offset)
                });
            }
            if slot.stripes != STRIPES || slot.iterations > ITERATIONS_MAX {
                self.tally.warning("expensive-key", || {
                    let (stripes, iterations) = (slot.stripes, slot.iterations);
                    format!("LUKS key slot {number}: {stripes} stripes, {iterations} iterations")
                });
            }
        }
        Ok(())
    }
}
