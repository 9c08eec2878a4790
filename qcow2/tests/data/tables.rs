//! Images whose tables are chance, and what each of their sectors is, entry by entry.

use std::io;

use diskdag_qcow2::Image;
use diskdag_qcow2::source::{Source, Span};

use crate::support::Chance;

pub(crate) const SECTOR: u64 = 512;
const COPIED: u64 = 1 << 63;
const COMPRESSED: u64 = 1 << 62;
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;

/// A file in memory that has holes, in pages of 4 KiB.
#[derive(Clone)]
pub(crate) struct Sparse {
    pub(crate) bytes: Vec<u8>,
    holes: Vec<bool>,
}

impl Sparse {
    pub(crate) fn is_hole(&self, offset: u64) -> bool {
        let page = self.holes.get((offset / 4096) as usize).copied();
        offset >= self.bytes.len() as u64 || page.unwrap_or(true)
    }
}

impl Source for Sparse {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.bytes.get(offset as usize..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn span(&self, offset: u64) -> io::Result<Span> {
        let end = self.bytes.len() as u64;
        let hole = self.is_hole(offset);
        let mut to = offset;
        while to < end && self.is_hole(to) == hole {
            to = (to / 4096 + 1) * 4096;
        }
        Ok(match hole {
            true => Span::Hole { end: if to >= end { u64::MAX } else { to } },
            false => Span::Data { end: to.min(end) },
        })
    }

    fn allocated(&self) -> io::Result<u64> {
        Ok(self.holes.iter().filter(|hole| !**hole).count() as u64 * 4096)
    }
}

/// An image by chance.
pub(crate) struct Random {
    pub(crate) file: Sparse,
    pub(crate) bits: u32,
    pub(crate) size: u64,
    l1: u64,
    extended: bool,
    version_2: bool,
    pub(crate) preallocated: bool,
}

impl Random {
    pub(crate) fn new(chance: &mut Chance, sound: bool) -> Self {
        let extended = chance.one_in(5);
        let bits = if extended { 14 } else { chance.of(&[9, 9, 10, 12, 13]) };
        let version_2 = !extended && chance.one_in(4);
        let cluster = 1_u64 << bits;
        let words = if extended { 2 } else { 1 };
        let per_table = cluster / 8 / words;
        let tables = if bits < 12 { 1 + chance.below(12) } else { 1 + chance.below(2) };
        let size = SECTOR + chance.below(tables * per_table * cluster / SECTOR) * SECTOR;
        let tables = size.div_ceil(per_table * cluster);
        // Header, refcount table, one refcount block, L1 table; the L2 tables, some data, a cut end.
        let data_at = 4 + tables;
        let clusters = data_at + 2 + chance.below(2 * tables * per_table);
        let len = clusters * cluster - chance.below(cluster / SECTOR) * SECTOR;
        let mut image = Self {
            file: Sparse {
                bytes: vec![0; len as usize],
                holes: vec![false; (len.div_ceil(4096)) as usize],
            },
            bits,
            size,
            l1: 3 * cluster,
            extended,
            version_2,
            preallocated: false,
        };
        image.put(0, 0x5146_49fb << 32 | if version_2 { 2 } else { 3 });
        image.put(16, u64::from(bits));
        image.put(24, size);
        image.put(32, tables);
        image.put(40, image.l1);
        image.put(48, cluster);
        image.put(56, 1 << 32);
        if !version_2 {
            image.put(72, if extended { 16 } else { 0 });
            image.put(96, 4 << 32 | 104);
        }
        image.put(cluster, 2 * cluster);
        let mode = chance.below(4);
        for table in 0..tables {
            if chance.one_in(6) {
                continue;
            }
            let at = (4 + table) * cluster;
            image.put(image.l1 + 8 * table, at | chance.of(&[0, COPIED]));
            let mut next = data_at + chance.below(clusters - data_at);
            let mut entry = 0;
            for index in 0..per_table {
                // Runs of the same, of various lengths; or no two alike.
                next = if mode == 0 || chance.one_in(8) {
                    data_at + chance.below(clusters - data_at)
                } else {
                    next + 1
                };
                if entry & OFFSET == 0 || mode == 0 || chance.one_in(9) {
                    entry = image.entry(chance, sound, next, clusters);
                } else {
                    entry = (entry & !OFFSET) | (next * cluster);
                }
                if entry & COMPRESSED != 0 {
                    entry = image.entry(chance, sound, next, clusters);
                }
                image.put(at + 8 * words * index, entry);
                if extended && entry & COMPRESSED == 0 {
                    let there = if entry & OFFSET == 0 {
                        0
                    } else {
                        chance.of(&[0, u32::MAX, chance.clone().next() as u32])
                    };
                    let zero = chance.of(&[0, u32::MAX, chance.clone().next() as u32]) & !there;
                    image.put(at + 16 * index + 8, u64::from(zero) << 32 | u64::from(there));
                }
            }
        }
        // Data that was never written, and enough refcounts that this shows.
        if chance.one_in(3) {
            let first = (data_at * cluster).div_ceil(4096);
            let run = chance.of(&[1, 3, 1000]);
            let mut hole = true;
            for page in first as usize..image.file.holes.len() {
                hole = if chance.one_in(run) { !hole } else { hole };
                image.file.holes[page] = hole;
            }
            let counted = clusters.min(cluster / 2);
            for count in 0..counted {
                let at = (2 * cluster + 2 * count) as usize;
                image.file.bytes[at + 1] = 1;
            }
            let occupied = image.file.allocated().unwrap() / cluster;
            image.preallocated = counted >= (occupied * 10 / 9).max(occupied + 2);
        }
        image
    }

    /// An entry of some kind; `sound`: one that can be read through.
    fn entry(&self, chance: &mut Chance, sound: bool, next: u64, clusters: u64) -> u64 {
        let place = next << self.bits;
        let zero = u64::from(!self.version_2 && !self.extended);
        match chance.below(if sound { 12 } else { 13 }) {
            0..=2 => 0,
            3 => COPIED,
            4 => zero,
            5 => zero | place | COPIED,
            6 => COMPRESSED | place | chance.below(512),
            7 => place,
            8 => place | COPIED | 1 << 57,
            9 => (clusters + chance.below(3)) << self.bits | COPIED,
            10 | 11 => place | COPIED,
            _ if chance.one_in(40) => match self.version_2 {
                true => place | COPIED | 1,
                false => place | COPIED | (SECTOR & ((1 << self.bits) - 1)),
            },
            _ => 0,
        }
    }

    fn put(&mut self, at: u64, word: u64) {
        self.file.bytes[at as usize..][..8].copy_from_slice(&word.to_be_bytes());
    }

    fn word(&self, at: u64) -> u64 {
        u64::from_be_bytes(self.file.bytes[at as usize..][..8].try_into().unwrap())
    }

    pub(crate) fn image(&self) -> Image {
        Image::open(self.file.clone()).unwrap()
    }

    /// What a sector is by its table alone; an error for an entry that can't be read through.
    pub(crate) fn entry_of(&self, guest: u64) -> Result<Told, ()> {
        let cluster = 1_u64 << self.bits;
        let words = if self.extended { 2 } else { 1 };
        let per_table = cluster / 8 / words;
        let number = guest / cluster;
        let table = self.word(self.l1 + 8 * (number / per_table)) & OFFSET;
        if table == 0 {
            return Ok(Told::Unallocated(None));
        }
        let at = table + 8 * words * (number % per_table);
        let entry = self.word(at);
        if entry & COMPRESSED != 0 {
            let shift = 62 - (self.bits - 8);
            return Ok(Told::Compressed(entry & ((1 << shift) - 1)));
        }
        let offset = entry & OFFSET;
        if !offset.is_multiple_of(cluster) || self.version_2 && entry & 1 != 0 {
            return Err(());
        }
        let place = (offset != 0).then_some(offset + guest % cluster);
        if !self.extended {
            return Ok(match (entry & 1 != 0, place) {
                (true, _) => Told::Zero(place),
                (false, Some(place)) => Told::Data(place),
                (false, None) => Told::Unallocated(None),
            });
        }
        let bitmap = self.word(at + 8);
        let bit = guest % cluster / (cluster / 32);
        Ok(match (bitmap >> bit & 1, bitmap >> (32 + bit) & 1, place) {
            (1, _, Some(place)) => Told::Data(place),
            (_, 1, _) => Told::Zero(place),
            _ => Told::Unallocated(place),
        })
    }
}

/// What the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Unallocated(Option<u64>),
    Zero(Option<u64>),
    Compressed(u64),
    Data(u64),
}
