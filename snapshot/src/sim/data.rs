//! The bytes of a file, by sectors; what was never written is a hole.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

/// What a medium writes whole or not at all, in bytes.
pub(super) const SECTOR: usize = 512;

/// The same as a file's offsets are counted.
pub(super) const SECTOR_BYTES: u64 = 512;

/// The bytes of one sector, shared by all states in which they are the same.
pub(super) type Sector = Arc<[u8; SECTOR]>;

/// The bytes of a file at one instant. Cheap to clone, as far as it is the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Data {
    len: u64,
    sectors: BTreeMap<u64, Sector>,
    /// Asked for in every state in which the file is the same.
    hash: OnceLock<u64>,
}

impl Data {
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Sectors that are not holes.
    pub(super) fn allocated(&self) -> u64 {
        self.sectors.len() as u64
    }

    pub(super) fn sector(&self, index: u64) -> Option<&Sector> {
        self.sectors.get(&index)
    }

    /// Where the next sector begins that is no hole, from `offset` on; `offset` itself if it lies in one.
    pub(super) fn next_data(&self, offset: u64) -> Option<u64> {
        let (index, _) = self.sectors.range(offset / SECTOR_BYTES..).next()?;
        Some((index * SECTOR_BYTES).max(offset))
    }

    /// Where the sectors that begin at `offset` end, one after the other.
    pub(super) fn end_of_data(&self, offset: u64) -> u64 {
        let mut index = offset / SECTOR_BYTES;
        while self.sectors.contains_key(&index) {
            index += 1;
        }
        (index * SECTOR_BYTES).min(self.len)
    }

    /// Copies from `offset` on as much as there is and fits.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let there = self.len.saturating_sub(offset);
        let wanted = usize::try_from(there).unwrap_or(usize::MAX).min(buffer.len());
        for (index, within, range) in pieces(offset, wanted) {
            let Some(to) = buffer.get_mut(range) else { continue };
            match self.sectors.get(&index).and_then(|sector| sector.get(within)) {
                Some(from) => to.copy_from_slice(from),
                None => to.fill(0),
            }
        }
        wanted
    }

    /// What the sectors are like after a write, without writing: index and bytes.
    pub(super) fn written(&self, offset: u64, bytes: &[u8]) -> Vec<(u64, Sector)> {
        let piece = |(index, within, range): (u64, std::ops::Range<usize>, _)| {
            let mut sector = self.sectors.get(&index).map_or([0; SECTOR], |sector| **sector);
            if let (Some(to), Some(from)) =
                (sector.get_mut(within), bytes.get::<std::ops::Range<usize>>(range))
            {
                to.copy_from_slice(from);
            }
            (index, Arc::new(sector))
        };
        pieces(offset, bytes.len()).map(piece).collect()
    }

    /// Puts a sector where it belongs, or a hole. Does not change the length.
    pub(super) fn put(&mut self, index: u64, sector: Option<Sector>) {
        self.hash = OnceLock::new();
        match sector {
            Some(sector) => drop(self.sectors.insert(index, sector)),
            None => drop(self.sectors.remove(&index)),
        }
    }

    /// Sets the length. What is cut off is gone: should the file grow again, it reads as zeros.
    pub(super) fn set_len(&mut self, len: u64) {
        self.hash = OnceLock::new();
        self.len = len;
        drop(self.sectors.split_off(&len.div_ceil(SECTOR_BYTES)));
        let tail = usize::try_from(len % SECTOR_BYTES).unwrap_or_default();
        if tail > 0
            && let Some(sector) = self.sectors.get_mut(&(len / SECTOR_BYTES))
            && let Some(beyond) = sector.get(tail..)
            && beyond.iter().any(|byte| *byte != 0)
            && let Some(beyond) = Arc::make_mut(sector).get_mut(tail..)
        {
            beyond.fill(0);
        }
    }

    /// Sectors that a length of `len` would cut off or cut into.
    pub(super) fn cut_by(&self, len: u64) -> Vec<u64> {
        self.sectors.range(len / SECTOR_BYTES..).map(|(index, _)| *index).collect()
    }

    /// Equal for equal bytes: a hole is zeros like others.
    pub(super) fn hash(&self) -> u64 {
        *self.hash.get_or_init(|| {
            let mut hasher = DefaultHasher::new();
            self.len.hash(&mut hasher);
            for (index, sector) in &self.sectors {
                if sector.iter().any(|byte| *byte != 0) {
                    index.hash(&mut hasher);
                    sector.hash(&mut hasher);
                }
            }
            hasher.finish()
        })
    }
}

/// The parts of `len` bytes from `offset` on, one per sector: which sector, which bytes of it, and where
/// these are in what is read or written.
fn pieces(
    offset: u64,
    len: usize,
) -> impl Iterator<Item = (u64, std::ops::Range<usize>, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let left = len.checked_sub(done).filter(|left| *left > 0)?;
        let at = offset + done as u64;
        let start = usize::try_from(at % SECTOR_BYTES).unwrap_or_default();
        let count = left.min(SECTOR - start);
        let piece = (at / SECTOR_BYTES, start..start + count, done..done + count);
        done += count;
        Some(piece)
    })
}

/// The lengths that a file may have after a write that made it longer was torn.
pub(super) fn torn_lengths(old: u64, new: u64) -> Vec<u64> {
    let boundaries: RangeInclusive<u64> = old / SECTOR_BYTES + 1..=new / SECTOR_BYTES;
    let inside = boundaries.map(|boundary| boundary * SECTOR_BYTES).filter(|len| *len < new);
    let mut lengths: Vec<_> = inside.collect();
    // Of a long write the first and the last few tell all.
    if lengths.len() > 8 {
        lengths.drain(4..lengths.len() - 4);
    }
    lengths.push(new);
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(data: &mut Data, offset: u64, bytes: &[u8]) {
        for (index, sector) in data.written(offset, bytes) {
            data.put(index, Some(sector));
        }
        data.set_len(data.len().max(offset + bytes.len() as u64));
    }

    #[test]
    fn what_is_written_over_sectors_is_read_back() {
        let mut data = Data::default();
        let bytes: Vec<u8> = (0..2000_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
        write(&mut data, 300, &bytes);
        let mut back = vec![1; 3000];
        assert_eq!(data.read(0, &mut back), 2300);
        assert!(back[..300].iter().all(|byte| *byte == 0));
        assert_eq!(back[300..2300], bytes);
        assert_eq!(data.next_data(0), Some(0));
        assert_eq!(data.end_of_data(0), 2300);
        assert_eq!(data.next_data(2560), None);
    }

    #[test]
    fn what_was_cut_off_does_not_come_back() {
        let mut data = Data::default();
        write(&mut data, 0, &[7; 1024]);
        data.set_len(700);
        data.set_len(1024);
        let mut back = [1; 1024];
        data.read(0, &mut back);
        assert_eq!(back[..700], [7; 700]);
        assert_eq!(back[700..], [0; 324]);
    }

    #[test]
    fn a_hole_and_zeros_are_the_same_bytes() {
        let mut zeros = Data::default();
        write(&mut zeros, 0, &[0; 1024]);
        let mut hole = Data::default();
        hole.set_len(1024);
        assert_eq!(zeros.hash(), hole.hash());
        hole.set_len(1023);
        assert_ne!(zeros.hash(), hole.hash());
    }

    #[test]
    fn the_lengths_of_a_torn_write() {
        assert_eq!(torn_lengths(0, 1552), [512, 1024, 1536, 1552]);
        assert_eq!(torn_lengths(100, 300), [300]);
        assert_eq!(torn_lengths(512, 1024), [1024]);
        assert_eq!(torn_lengths(0, 512 * 100).len(), 9);
    }
}
