//! Slots by hash, about a hundred of them, of which versions share one array until it is written.
//!
//! The entries are sorted, and hashes are spread evenly, so the place of one is near where it would be if they were so
//! exactly. How many there are stands beside the reference to the array and not in it: so what is read first is
//! nearly always one of the two cache lines that hold what is looked for.

use triomphe::Arc as Shared;

use crate::labels::NONE;
use crate::sizes::cut;

/// A slot, under the upper half of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) hash: u32,
    pub(crate) slot: u32,
}

/// Entries in a bucket when it is to be split.
pub(crate) const FULL: usize = cut(128, 4);
/// Room that a bucket gets for more, at least.
const ROOM: usize = 8;

const FREE: Entry = Entry { hash: 0, slot: NONE };

/// Entries whose hashes share some first bits.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    places: Shared<[Entry]>,
    count: u32,
    bits: u32,
}

impl Default for Bucket {
    fn default() -> Self {
        Self::of(0, &[])
    }
}

impl Bucket {
    /// A bucket of these, sorted, which share so many first bits of their hashes.
    pub(crate) fn of(bits: u32, entries: &[Entry]) -> Self {
        Self::with_room(bits, entries, 0)
    }

    fn with_room(bits: u32, entries: &[Entry], room: usize) -> Self {
        let free = std::iter::repeat_n(FREE, room);
        let count = u32::try_from(entries.len()).unwrap_or(NONE);
        Self { places: entries.iter().copied().chain(free).collect(), count, bits }
    }

    pub(crate) fn len(&self) -> usize {
        self.count as usize
    }

    /// How many first bits of the hash all entries share.
    pub(crate) fn bits(&self) -> u32 {
        self.bits
    }

    #[inline]
    fn entries(&self) -> &[Entry] {
        &self.places[..self.len()]
    }

    /// The slots under a hash.
    #[inline]
    pub(crate) fn candidates(&self, hash: u32) -> impl Iterator<Item = u32> + '_ {
        let from = &self.entries()[self.place(Entry { hash, slot: 0 })..];
        from.iter().take_while(move |entry| entry.hash == hash).map(|entry| entry.slot)
    }

    pub(crate) fn insert(&mut self, entry: Entry) {
        let len = self.len();
        if len == self.places.len() {
            // Doubled, half of it would stay empty for long.
            *self = Self::with_room(self.bits, &self.places, ROOM.max(len / 8));
        }
        let at = self.place(entry);
        let places = self.places();
        places.copy_within(at..len, at + 1);
        places[at] = entry;
        self.count += 1;
    }

    /// Takes away this entry, if it is there.
    pub(crate) fn remove(&mut self, entry: Entry) {
        let len = self.len();
        let at = self.place(entry);
        if self.entries().get(at) == Some(&entry) {
            self.places().copy_within(at + 1..len, at);
            self.count -= 1;
        }
    }

    /// Keeps those whose next bit is not set; the others are returned.
    pub(crate) fn split(&mut self) -> Self {
        let bits = self.bits + 1;
        let is_set = |entry: &Entry| first_bits(entry.hash, bits) & 1 == 1;
        let (own, others) =
            self.entries().split_at(self.entries().partition_point(|entry| !is_set(entry)));
        let others = Self::with_room(bits, others, ROOM);
        *self = Self::with_room(bits, own, ROOM);
        others
    }

    /// The places, to be written: a copy of them if another version shares these.
    #[inline]
    fn places(&mut self) -> &mut [Entry] {
        if !self.places.is_unique() {
            self.places = self.places.iter().copied().collect();
        }
        Shared::get_mut(&mut self.places).unwrap_or_default()
    }

    /// Where a hash would be if all were spread evenly.
    #[inline]
    fn guess(&self, hash: u32) -> usize {
        let rest = hash.checked_shl(self.bits).unwrap_or(0);
        usize::try_from((u64::from(rest) * u64::from(self.count)) >> 32).unwrap_or(0)
    }

    /// The place of the first entry that is not less.
    #[inline]
    fn place(&self, entry: Entry) -> usize {
        let entries = self.entries();
        // So many only if they have one hash.
        if entries.len() > 2 * FULL {
            return entries.partition_point(|have| *have < entry);
        }
        let mut at = self.guess(entry.hash);
        while at > 0 && entries[at - 1] >= entry {
            at -= 1;
        }
        while entries.get(at).is_some_and(|have| *have < entry) {
            at += 1;
        }
        at
    }
}

/// The first `bits` bits of a hash as a number.
#[inline]
pub(crate) fn first_bits(hash: u32, bits: u32) -> usize {
    hash.checked_shr(32 - bits).unwrap_or(0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beside a vector: hashes spread evenly, crowded at the end, and all the same.
    #[test]
    fn agrees_with_a_vector() {
        let mut random = 3_u32;
        let mut below = |bound: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) % bound
        };
        for crowd in [u32::MAX, 40, 1] {
            let mut bucket = Bucket::default();
            let mut model: Vec<Entry> = Vec::new();
            for slot in 0..6_000 {
                if !model.is_empty() && below(20) < 9 {
                    let gone =
                        model.swap_remove(below(u32::try_from(model.len()).unwrap()) as usize);
                    bucket.remove(Entry { slot: slot + 1, ..gone });
                    bucket.remove(gone);
                } else {
                    let hash = u32::MAX - below(crowd.min(1 << 24)) * (u32::MAX / crowd);
                    model.push(Entry { hash, slot });
                    bucket.insert(Entry { hash, slot });
                }
                assert_eq!(bucket.len(), model.len());
                let hash = model.last().map_or(7, |entry| entry.hash);
                for hash in [hash, below(crowd.min(1 << 24))] {
                    let mut found: Vec<u32> = bucket.candidates(hash).collect();
                    found.sort_unstable();
                    let mut expected: Vec<u32> = model
                        .iter()
                        .filter(|entry| entry.hash == hash)
                        .map(|entry| entry.slot)
                        .collect();
                    expected.sort_unstable();
                    assert_eq!(found, expected, "{slot}");
                }
            }
            model.sort_unstable();
            assert_eq!(bucket.entries(), model);
            let other = bucket.split();
            assert_eq!(bucket.len() + other.len(), model.len());
            for Entry { hash, slot } in model {
                let holder = if hash >> 31 == 0 { &bucket } else { &other };
                assert!(holder.candidates(hash).any(|found| found == slot));
            }
        }
    }
}
