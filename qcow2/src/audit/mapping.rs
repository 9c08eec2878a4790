//! The walk over L1 and L2 tables.
#![forbid(unsafe_code)]

use std::format;
use std::vec::Vec;

use super::bytes::{Stop, words};
use super::claims::{Conflict, Role};
use super::walk::{Told, Walk};
use crate::source::Spans;
use crate::table::{L1Entry, L2Entry, Mapping};
use crate::units::GuestOffset;

/// Entries of an L1 table that have an L2 table: index, where that lies.
pub(super) type Tables = Vec<(u64, u64)>;

/// No compressed cluster is shorter: 512 zeros take eight bytes and more.
const COMPRESSED_MIN: u64 = 8;

impl Walk<'_> {
    /// Reads an L1 table. `None` if it can't be read as one.
    pub(super) fn l1_table(
        &mut self,
        offset: u64,
        entries: u64,
        told: Told,
    ) -> Result<Option<Tables>, Stop> {
        if !self.geometry.cluster_bits().is_aligned(offset) {
            self.tally.danger("misaligned", || format!("an L1 table at byte {offset}"));
            return Ok(None);
        }
        if entries > 0 && !self.region(offset, entries * 8, Role::L1, told) {
            return Ok(None);
        }
        let (source, control) = (self.source, self.control);
        let mut tables = Tables::new();
        words(source, control, offset, entries, |index, word| {
            let odd = L1Entry::oddities(word, &self.geometry, self.len);
            self.oddities("L1 table", offset + 8 * index, word, odd);
            match L1Entry::decode(word, &self.geometry) {
                L1Entry::Table { offset, .. } => tables.push((index, offset.get())),
                L1Entry::Misaligned { .. } => self.readable = false,
                L1Entry::Unallocated => {}
            }
        })?;
        Ok(Some(tables))
    }

    /// Walks the L2 tables of a disk, each once however many disks share it. The active disk comes first.
    pub(super) fn view(&mut self, mut order: Tables, active: bool) -> Result<(), Stop> {
        order.sort_unstable_by_key(|(index, offset)| (*offset, *index));
        let mut before = None;
        let mut compressed = 0;
        // They come in the file's order: of millions in one hole it is asked about once.
        let mut spans = Spans::default();
        for (index, offset) in order {
            if before == Some(offset) {
                self.tally.danger("shared-table", || {
                    format!("L1 entry {index}: the L2 table at byte {offset} is used twice")
                });
                continue;
            }
            before = Some(offset);
            if offset >= self.len {
                continue;
            }
            match self.claims.claim(offset, 1, Role::L2) {
                None => {
                    let span = spans.at(self.source, offset)?;
                    let end = offset.saturating_add(self.geometry.cluster_size());
                    if !span.is_hole() || span.end() < end {
                        compressed += self.l2_table(index, offset, active)?;
                    }
                }
                // A snapshot's, which shares it.
                Some((_, Role::L2)) => {}
                Some((_, other)) => {
                    self.readable &= !active;
                    self.tally.danger("overlap", || {
                        format!("the L2 table at byte {offset} lies over {other}")
                    });
                }
            }
        }
        if compressed * COMPRESSED_MIN > self.len {
            let len = self.len;
            self.tally.danger("amplification", || {
                format!("{compressed} compressed clusters in a file of {len} bytes")
            });
        }
        Ok(())
    }

    /// Reads an L2 table; says how many compressed clusters it has.
    fn l2_table(&mut self, l1_index: u64, offset: u64, active: bool) -> Result<u64, Stop> {
        let step = self.geometry.l2_words() as u64;
        let there = self.geometry.cluster_size().min(self.len - offset) / 8;
        let mut found: Vec<(u64, L2Entry)> = Vec::new();
        words(self.source, self.control, offset, there, |index, word| {
            let (place, second) = (index / step, index % step == 1);
            if found.last().is_none_or(|(last, _)| *last != place) {
                found.push((place, L2Entry::default()));
            }
            if let Some((_, entry)) = found.last_mut() {
                *(if second { &mut entry.bitmap } else { &mut entry.entry }) = word;
            }
        })?;
        let data_len = if self.geometry.data_file() { u64::MAX } else { self.len };
        let (mut clusters, mut compressed) = (Vec::new(), Vec::new());
        for (index, entry) in found {
            let bits = self.geometry.cluster_bits().get();
            let guest = (l1_index << self.geometry.l1_bits()).saturating_add(index << bits);
            let odd = entry.oddities(GuestOffset(guest), &self.geometry, data_len);
            let at = offset + 8 * step * index;
            self.oddities("L2 table", at, entry.entry, odd);
            match entry.mapping(&self.geometry) {
                Mapping::Bad(_) => self.readable = false,
                Mapping::Compressed { offset, len } if offset.get() < self.len => {
                    compressed.push(offset.get());
                    self.compressed(offset.get(), len, at);
                }
                mapping => {
                    let inside = |offset: &u64| *offset < data_len && !self.geometry.data_file();
                    if let Some(cluster) = mapping.cluster().map(|at| at.get()).filter(inside) {
                        clusters.push(cluster);
                        self.data(cluster, at, active);
                    }
                }
            }
        }
        // What the active disk maps twice is known from its claims, across tables.
        for mut places in [compressed.clone(), if active { Vec::new() } else { clusters }] {
            places.sort_unstable();
            for pair in places.windows(2) {
                if let [a, b] = pair
                    && a == b
                {
                    self.tally.danger("shared-cluster", || {
                        format!("L2 table at byte {offset}: host byte {a} is mapped twice")
                    });
                }
            }
        }
        Ok(compressed.len() as u64)
    }

    fn data(&mut self, cluster: u64, at: u64, active: bool) {
        match self.claims.claim_data(cluster, active) {
            Ok(()) => {}
            Err(Conflict::Other(role)) => self.tally.danger("overlap", || {
                format!("L2 entry at byte {at}: guest data at byte {cluster} lies over {role}")
            }),
            Err(Conflict::Twice) => self.tally.danger("shared-cluster", || {
                format!("L2 entry at byte {at}: host byte {cluster} is mapped twice")
            }),
        }
    }

    fn compressed(&mut self, offset: u64, length: u32, at: u64) {
        let length = u64::from(length).min(self.len - offset);
        match self.claims.claim(offset, length, Role::Compressed) {
            None | Some((_, Role::Compressed)) => {}
            Some((byte, role)) => self.tally.danger("overlap", || {
                format!("L2 entry at byte {at}: compressed data at byte {byte} lies over {role}")
            }),
        }
    }
}
