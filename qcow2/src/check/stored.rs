//! The refcounts that the image stores.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::vec::Vec;

use super::CheckError;
use super::finding::{FindingKind, Findings};
use super::reader::Reader;
use super::tally::{CLASS_SHIFT, Tally, class};
use crate::control::Control;
use crate::error::Structure;
use crate::format::{REFCOUNT_BLOCK_OFFSET, REFCOUNT_TABLE_RESERVED};
use crate::source::Source;
use crate::table::{Geometry, RefcountBlock, RefcountTableEntry};

/// Offsets from here on QEMU can't read, not even as zeros (`BDRV_MAX_LENGTH`).
const UNREADABLE_FROM: u64 = i64::MAX.unsigned_abs() & !((1 << 30) - 1);
/// How much is read for a single refcount: its neighbours will be asked for next.
const WINDOW: u64 = 4096;

/// The refcount table, and a window onto one of its blocks.
pub(super) struct Stored<'s, S: ?Sized> {
    reader: Reader<'s, S>,
    geometry: Geometry,
    table: std::sync::Arc<[u64]>,
    window: Vec<u8>,
    window_at: Option<u64>,
}

impl<S: ?Sized> Clone for Stored<'_, S> {
    fn clone(&self) -> Self {
        let (table, window) = (self.table.clone(), Vec::new());
        Self { reader: self.reader, geometry: self.geometry, table, window, window_at: None }
    }
}

/// What an entry of the refcount table gives for its clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// All refcounts are 0: there is no block, or it lies beyond the file.
    Zeros,
    /// QEMU can't read it.
    Unreadable,
    /// It lies here.
    At(u64),
}

impl<'s, S: Source + ?Sized> Stored<'s, S> {
    /// Of a table that lies at `offset` and has `bytes` bytes, of which those beyond the file are left out.
    pub(super) fn read(
        reader: Reader<'s, S>,
        geometry: Geometry,
        offset: u64,
        bytes: u64,
    ) -> Result<Self, CheckError> {
        let mut table = Vec::new();
        reader.each_word(offset, offset.saturating_add(bytes), |at, word| {
            table.resize(usize::try_from((at - offset) / 8).unwrap_or_default(), 0);
            table.push(word);
            Ok(())
        })?;
        Ok(Self { reader, geometry, table: table.into(), window: Vec::new(), window_at: None })
    }

    /// Who may stop the check.
    pub(super) fn control(&self) -> &'s Control {
        self.reader.control()
    }

    fn block(&self, entry: u64) -> Block {
        match RefcountTableEntry::decode(entry, &self.geometry) {
            RefcountTableEntry::None => Block::Zeros,
            RefcountTableEntry::Misaligned { .. } => Block::Unreadable,
            RefcountTableEntry::Block { offset } => match offset.get() {
                offset if offset > UNREADABLE_FROM - self.geometry.cluster_size() => {
                    Block::Unreadable
                }
                offset if offset >= self.reader.len() => Block::Zeros,
                offset => Block::At(offset),
            },
        }
    }

    /// The stored refcount of a cluster, be it in the file or not; `None` if it can't be read.
    pub(super) fn get(&mut self, cluster: u64) -> Result<Option<u64>, CheckError> {
        let per_block = self.geometry.refcounts_per_block();
        let entry = usize::try_from(cluster / per_block).ok().and_then(|at| self.table.get(at));
        let Some(entry) = entry else { return Ok(Some(0)) };
        let offset = match self.block(*entry) {
            Block::Zeros => return Ok(Some(0)),
            Block::Unreadable => return Ok(None),
            Block::At(offset) => offset,
        };
        let order = self.geometry.refcount_order();
        let in_block = cluster % per_block;
        let byte = offset + ((in_block << order) >> 3);
        let window = byte - byte % WINDOW;
        if self.window_at != Some(window) {
            self.window.resize(usize::try_from(WINDOW).unwrap_or_default(), 0);
            self.window_at = None;
            self.reader.read(window, &mut self.window)?;
            self.window_at = Some(window);
        }
        // Blocks begin at multiples of 512 bytes, so the window begins with a whole refcount.
        let from_window =
            (((byte - window) << 3) >> order) + if order < 3 { in_block % (8 >> order) } else { 0 };
        let view = RefcountBlock::new(&self.window, &self.geometry);
        Ok(usize::try_from(from_window).ok().and_then(|at| view.get(at)).or(Some(0)))
    }

    /// Puts the class of every stored refcount into the array.
    pub(super) fn classify(&self, tally: &mut Tally) -> Result<(), CheckError> {
        let per_block = usize::try_from(self.geometry.refcounts_per_block()).unwrap_or(usize::MAX);
        let half = (tally.cells.len() / 2).next_multiple_of(per_block);
        if tally.cells.len() < 1 << 20 || half >= tally.cells.len() {
            return self.classify_part(&mut tally.cells, &self.table);
        }
        let (first, second) = tally.cells.split_at_mut(half);
        let table = self.table.get(half / per_block..).unwrap_or_default();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| self.classify_part(second, table));
            let ours = self.classify_part(first, &self.table);
            ours.and(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }

    fn classify_part(&self, cells: &mut [u8], table: &[u64]) -> Result<(), CheckError> {
        let per_block = usize::try_from(self.geometry.refcounts_per_block()).unwrap_or(usize::MAX);
        let order = self.geometry.refcount_order();
        let mut bytes = Vec::new();
        for (cells, entry) in cells.chunks_mut(per_block).zip(table) {
            let offset = match self.block(*entry) {
                Block::Zeros => continue,
                Block::Unreadable => {
                    cells.fill(class::UNREADABLE << CLASS_SHIFT);
                    continue;
                }
                Block::At(offset) => offset,
            };
            let length = (cells.len() << order).div_ceil(8);
            if self.reader.is_hole(offset, offset + length as u64) {
                continue;
            }
            bytes.resize(length, 0);
            self.reader.read(offset, &mut bytes)?;
            if order == 4 {
                // The width that nearly all images have; this loop is vectorised.
                for (cell, count) in cells.iter_mut().zip(bytes.as_chunks::<2>().0) {
                    let count = u16::from_be_bytes(*count);
                    *cell = (u8::from(count != 0) + u8::from(count > 1)) << CLASS_SHIFT;
                }
                continue;
            }
            let block = RefcountBlock::new(&bytes, &self.geometry);
            for (cell, count) in cells.iter_mut().zip(block) {
                *cell = count.min(class::MORE.into()).to_le_bytes()[0] << CLASS_SHIFT;
            }
        }
        Ok(())
    }

    /// Findings about entries of the table, and for how many of the file's `clusters` clusters no refcount
    /// can be read, which is told as well.
    pub(super) fn inspect(&self, at: u64, clusters: u64, findings: &mut Findings) {
        let per_block = self.geometry.refcounts_per_block();
        for (number, entry) in self.table.iter().enumerate() {
            let number = number as u64;
            let covered = clusters.saturating_sub(number * per_block).min(per_block);
            if covered > 0 && self.block(*entry) == Block::Unreadable {
                let (kind, about) = (FindingKind::UnreadableRefcounts, Structure::RefcountBlock);
                findings.add(kind, about, covered, at + number * 8, (*entry, None));
            }
        }
    }

    /// Counts references to the blocks, in the table's order: QEMU's `check_refblocks`.
    pub(super) fn count_blocks(
        &self,
        at: u64,
        clusters: u64,
        tally: &mut Tally,
        findings: &mut Findings,
    ) {
        let most = self.most();
        for (number, entry) in self.table.iter().enumerate() {
            let at = at + 8 * number as u64;
            let offset = entry & REFCOUNT_BLOCK_OFFSET;
            let cluster = offset >> self.geometry.cluster_bits().get();
            let mut tell = |kind, about| findings.add(kind, about, 1, at, (*entry, None));
            if entry & REFCOUNT_TABLE_RESERVED != 0 {
                tell(FindingKind::ReservedBits, Structure::RefcountTable);
            } else if !self.geometry.cluster_bits().is_aligned(offset) {
                tell(FindingKind::Misaligned, Structure::RefcountBlock);
            } else if cluster >= clusters {
                tell(FindingKind::OutOfBounds, Structure::RefcountBlock);
            } else if offset != 0 {
                tally.add(cluster, 1);
                if tally.count(cluster).min(most) != 1 {
                    tell(FindingKind::SharedRefcountBlock, Structure::RefcountBlock);
                }
            }
        }
    }

    /// The clusters of blocks that [`count_blocks`](Self::count_blocks) counts.
    pub(super) fn blocks(&self, clusters: u64) -> impl Iterator<Item = u64> {
        let bits = self.geometry.cluster_bits();
        let good = move |entry: &&u64| {
            let offset = **entry & REFCOUNT_BLOCK_OFFSET;
            **entry & REFCOUNT_TABLE_RESERVED == 0 && offset != 0 && bits.is_aligned(offset)
        };
        let offsets = self.table.iter().filter(good);
        offsets.map(move |entry| entry >> bits.get()).filter(move |cluster| *cluster < clusters)
    }

    /// The greatest refcount that can be stored.
    pub(super) fn most(&self) -> u64 {
        match self.geometry.refcount_order() {
            6 => u64::MAX,
            order => (1 << (1 << order)) - 1,
        }
    }

    /// How many of the file's `clusters` clusters have a refcount that is not 0, and the last of them.
    /// Every block is read once, however often it is named.
    pub(super) fn used(&self, clusters: u64) -> Result<(u64, Option<u64>), CheckError> {
        let per_block = self.geometry.refcounts_per_block();
        let mut known: HashMap<(u64, u64), (u64, Option<u64>)> = HashMap::new();
        let (mut total, mut last) = (0_u64, None);
        for (number, entry) in self.table.iter().enumerate() {
            let first = per_block.saturating_mul(number as u64);
            let covered = clusters.saturating_sub(first).min(per_block);
            let Block::At(offset) = self.block(*entry) else { continue };
            if covered == 0 {
                break;
            }
            let (used, highest) = match known.get(&(offset, covered)) {
                Some(known) => *known,
                None => {
                    let counted = self.used_in(offset, covered)?;
                    known.insert((offset, covered), counted);
                    counted
                }
            };
            total = total.saturating_add(used);
            last = highest.map(|highest| first + highest).or(last);
        }
        Ok((total, last))
    }

    fn used_in(&self, offset: u64, covered: u64) -> Result<(u64, Option<u64>), CheckError> {
        let order = self.geometry.refcount_order();
        let length = (covered << order).div_ceil(8);
        if self.reader.is_hole(offset, offset.saturating_add(length)) {
            return Ok((0, None));
        }
        let mut bytes = std::vec![0; usize::try_from(length).unwrap_or_default()];
        self.reader.read(offset, &mut bytes)?;
        let block = RefcountBlock::new(&bytes, &self.geometry);
        let covered = usize::try_from(covered).unwrap_or(usize::MAX);
        // From behind, as far as there are zeros.
        let zeros = bytes.iter().rev().take_while(|byte| **byte == 0).count();
        let until = ((bytes.len() - zeros) << 3 >> order).saturating_add(1).min(covered);
        let highest = (0..until).rev().find(|at| block.get(*at).is_some_and(|count| count != 0));
        Ok((block.count_used(covered) as u64, highest.map(|at| at as u64)))
    }
}
