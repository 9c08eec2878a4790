//! The bytes of a file, by sectors; what was never written is a hole.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// What a medium writes whole or not at all, in bytes.
pub(super) const SECTOR: usize = 512;

/// The same as a file's offsets are counted.
pub(super) const SECTOR_BYTES: u64 = 512;

/// The bytes of one sector, shared by all states in which they are the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Sector {
    /// Nothing but zeros: most of what is occupied beforehand.
    Zeros,
    Bytes(Arc<[u8; SECTOR]>),
}

impl Sector {
    fn of(bytes: [u8; SECTOR]) -> Self {
        if bytes == [0; SECTOR] { Self::Zeros } else { Self::Bytes(Arc::new(bytes)) }
    }

    fn bytes(&self) -> [u8; SECTOR] {
        match self {
            Self::Zeros => [0; SECTOR],
            Self::Bytes(bytes) => **bytes,
        }
    }

    /// What it adds to the hash of a file: nothing if it reads as a hole does.
    fn hash_at(&self, index: u64) -> u64 {
        let Self::Bytes(bytes) = self else { return 0 };
        let mut hasher = DefaultHasher::new();
        (index, bytes).hash(&mut hasher);
        hasher.finish()
    }
}

/// How many sectors are shared together.
const RUN: usize = 64;

/// Neighbouring sectors; `None` is a hole.
type Run = [Option<Sector>; RUN];

/// The bytes of a file at one instant. Cheap to clone and to change, as far as it is the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Data {
    len: u64,
    runs: BTreeMap<u64, Arc<Run>>,
    allocated: u64,
    /// The sum of the sectors' hashes, which doesn't depend on their order.
    hash: u64,
}

impl Data {
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Sectors that are not holes.
    pub(super) const fn allocated(&self) -> u64 {
        self.allocated
    }

    pub(super) fn sector(&self, index: u64) -> Option<&Sector> {
        let (run, within) = place(index);
        self.runs.get(&run)?.get(within)?.as_ref()
    }

    /// The sectors from the one with this index on.
    fn sectors(&self, from: u64) -> impl Iterator<Item = (u64, &Sector)> {
        let runs = self.runs.range(from / RUN as u64..);
        let indexed = runs.flat_map(|(run, sectors)| {
            let first = run * RUN as u64;
            sectors.iter().zip(first..).filter_map(|(sector, at)| Some((at, sector.as_ref()?)))
        });
        indexed.filter(move |(index, _)| *index >= from)
    }

    /// Where the next sector begins that is no hole, from `offset` on; `offset` itself if it lies in one.
    pub(super) fn next_data(&self, offset: u64) -> Option<u64> {
        let (index, _) = self.sectors(offset / SECTOR_BYTES).next()?;
        Some((index * SECTOR_BYTES).max(offset))
    }

    /// Where the sectors that begin at `offset` end, one after the other.
    pub(super) fn end_of_data(&self, offset: u64) -> u64 {
        let mut end = offset / SECTOR_BYTES;
        for (index, _) in self.sectors(end) {
            if index != end {
                break;
            }
            end += 1;
        }
        (end * SECTOR_BYTES).min(self.len)
    }

    /// Copies from `offset` on as much as there is and fits.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let there = self.len.saturating_sub(offset);
        let wanted = usize::try_from(there).unwrap_or(usize::MAX).min(buffer.len());
        for (index, within, range) in pieces(offset, wanted) {
            let Some(to) = buffer.get_mut(range) else { continue };
            match self.sector(index) {
                Some(Sector::Bytes(bytes)) => {
                    to.copy_from_slice(bytes.get(within).unwrap_or_default());
                }
                _ => to.fill(0),
            }
        }
        wanted
    }

    /// What the sectors are like after a write, without writing: index and bytes.
    pub(super) fn written(&self, offset: u64, bytes: &[u8]) -> Vec<(u64, Sector)> {
        let mut sectors = Vec::new();
        for (index, within, range) in pieces(offset, bytes.len()) {
            let mut sector = self.sector(index).map_or([0; SECTOR], Sector::bytes);
            if let (Some(to), Some(from)) = (sector.get_mut(within), bytes.get(range)) {
                to.copy_from_slice(from);
            }
            sectors.push((index, Sector::of(sector)));
        }
        sectors
    }

    /// Puts a sector where it belongs, or a hole. Does not change the length.
    pub(super) fn put(&mut self, index: u64, sector: Option<Sector>) {
        let (run, within) = place(index);
        if sector.is_none() && !self.runs.contains_key(&run) {
            return;
        }
        let run = self.runs.entry(run).or_insert_with(|| Arc::new([const { None }; RUN]));
        if let Some(place) = Arc::make_mut(run).get_mut(within) {
            let hash = |sector: &Option<Sector>| sector.as_ref().map_or(0, |it| it.hash_at(index));
            self.hash = self.hash.wrapping_sub(hash(place)).wrapping_add(hash(&sector));
            self.allocated -= u64::from(place.is_some());
            self.allocated += u64::from(sector.is_some());
            *place = sector;
        }
    }

    /// Sets the length. What is cut off is gone: should the file grow again, it reads as zeros.
    pub(super) fn set_len(&mut self, len: u64) {
        if len >= self.len {
            self.len = len;
            return;
        }
        let first = len.div_ceil(SECTOR_BYTES);
        let beyond: Vec<u64> = self.sectors(first).map(|(index, _)| index).collect();
        for index in beyond {
            self.put(index, None);
        }
        self.runs.split_off(&first.div_ceil(RUN as u64));
        self.len = len;
        self.clear_tail();
    }

    /// What lies behind the end in the last sector is zeros.
    fn clear_tail(&mut self) {
        let (index, tail) = (self.len / SECTOR_BYTES, self.len % SECTOR_BYTES);
        let tail = usize::try_from(tail).unwrap_or_default();
        let Some(mut bytes) = self.sector(index).map(Sector::bytes) else { return };
        if let Some(beyond) = bytes.get_mut(tail..) {
            beyond.fill(0);
            self.put(index, Some(Sector::of(bytes)));
        }
    }

    /// Sets the length of a file whose sectors were put together from several states: none lies behind its
    /// end.
    pub(super) fn end_at(&mut self, len: u64) {
        self.len = u64::MAX;
        self.set_len(len);
    }

    /// Sectors that a length of `len` would cut off or cut into.
    pub(super) fn cut_by(&self, len: u64) -> Vec<u64> {
        self.sectors(len / SECTOR_BYTES).map(|(index, _)| index).collect()
    }

    /// Equal for equal bytes: a hole is zeros like others.
    pub(super) const fn hash(&self) -> (u64, u64) {
        (self.len, self.hash)
    }
}

/// Which run a sector is in, and where in it.
fn place(index: u64) -> (u64, usize) {
    (index / RUN as u64, usize::try_from(index % RUN as u64).unwrap_or_default())
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
