//! A hash table of slots by key or by path, of which versions share whatever is the same in both.
//!
//! Extendible hashing: the first bits of a hash name a bucket, a small table of its own behind a
//! reference count ([`Bucket`]). A bucket that is full is split in two, and nothing else moves: no insertion
//! costs more than one bucket, however many disks there are, and a version costs the buckets that
//! differ from the next.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use triomphe::Arc as Shared;

use crate::bucket::{Bucket, Entry, FULL, first_bits};
use crate::pages::{Paged, Pages};
use crate::sizes::cut;
use foldhash::fast::FixedState;

/// Finds slots. The keys stay where they are, in the disks' facts; one key may lead to several
/// slots.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    /// Bucket numbers by the first `bits` bits of a hash.
    directory: Shared<Vec<u32>>,
    bits: u32,
    buckets: Pages<Bucket, { cut(64, 2) }>,
    count: u32,
    hasher: FixedState,
}

/// A bucket of more equal bits is not split any more: its entries have one hash, so that they
/// cannot be told apart.
const MOST_BITS: u32 = 24;

impl Default for Index {
    fn default() -> Self {
        // Whoever may name files could choose names that collide under a seed that is known.
        let seed = RandomState::new().build_hasher().finish();
        let hasher = FixedState::with_seed(seed);
        let buckets = Pages::of(Bucket::default());
        Self { directory: Shared::new(vec![0]), bits: 0, buckets, count: 1, hasher }
    }
}

impl Index {
    /// All of these, sorted once.
    pub(crate) fn of<K: Hash>(items: impl Iterator<Item = (K, u32)>) -> Self {
        let mut index = Self::default();
        let entry = |(key, slot): (K, u32)| Entry { hash: index.hash(&key), slot };
        let mut entries: Vec<Entry> = items.map(entry).collect();
        entries.sort_unstable();
        while entries.len() >> index.bits > FULL / 2 && index.bits < MOST_BITS {
            index.bits += 1;
        }
        let bits = index.bits;
        let directory = Shared::make_mut(&mut index.directory);
        directory.clear();
        let mut rest = &entries[..];
        for number in 0..1_u32 << bits {
            let mine;
            let ends =
                rest.partition_point(|entry| first_bits(entry.hash, bits) <= number as usize);
            (mine, rest) = rest.split_at(ends);
            *index.buckets.at(number) = Bucket::of(bits, mine);
            directory.push(number);
        }
        index.count = 1 << bits;
        index
    }

    /// The hash under which a key is found.
    #[inline]
    pub(crate) fn hash(&self, key: &(impl Hash + ?Sized)) -> u32 {
        // The upper half; the cast cannot lose a bit of it.
        u32::try_from(self.hasher.hash_one(key) >> 32).unwrap_or(0)
    }

    /// The slots inserted under a hash, in no particular order. A few may be there because another key
    /// has the same one.
    #[inline]
    pub(crate) fn candidates(&self, hash: u32) -> impl Iterator<Item = u32> + '_ {
        self.buckets.get(self.bucket(hash)).candidates(hash)
    }

    /// Inserts `slot` under a hash.
    pub(crate) fn insert(&mut self, hash: u32, slot: u32) {
        loop {
            let number = self.bucket(hash);
            let bucket = self.buckets.at(number);
            if bucket.len() < FULL || bucket.bits() >= MOST_BITS {
                bucket.insert(Entry { hash, slot });
                return;
            }
            self.split(number, hash);
        }
    }

    /// Takes away what was inserted so; nothing else.
    pub(crate) fn remove(&mut self, hash: u32, slot: u32) {
        let number = self.bucket(hash);
        self.buckets.at(number).remove(Entry { hash, slot });
    }

    fn bucket(&self, hash: u32) -> u32 {
        self.directory[first_bits(hash, self.bits)]
    }

    /// Gives half of a bucket's entries to a new one.
    fn split(&mut self, number: u32, hash: u32) {
        let bucket = self.buckets.at(number);
        let other = bucket.split();
        let bits = bucket.bits();
        let directory = Shared::make_mut(&mut self.directory);
        if bits > self.bits {
            *directory = directory.iter().flat_map(|bucket| [*bucket; 2]).collect();
            self.bits += 1;
        }
        // All its places stand side by side; the upper half of them is the new one's.
        let half = 1 << (self.bits - bits);
        let first = first_bits(hash, bits - 1) * 2 * half;
        directory[first + half..first + 2 * half].fill(self.count);
        *self.buckets.at(self.count) = other;
        self.count += 1;
    }
}

/// Sets and maps of slots. Slots are dense small numbers of our own, so a fast hash is enough.
pub(crate) type SlotSet = hashbrown::HashSet<u32, FixedState>;
pub(crate) type SlotMap<T> = hashbrown::HashMap<u32, T, FixedState>;

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(index: &Index, key: u32) -> Vec<u32> {
        let mut slots: Vec<u32> = index.candidates(index.hash(&key)).collect();
        slots.sort_unstable();
        slots
    }

    #[test]
    fn everything_inserted_is_found_in_every_version() {
        let mut index = Index::default();
        for key in 0..20_000_u32 {
            index.insert(index.hash(&key), key);
        }
        let before = index.clone();
        for key in (0..20_000_u32).step_by(2) {
            index.remove(index.hash(&key), key);
            index.remove(index.hash(&key), key + 1);
        }
        for key in 0..20_000_u32 {
            assert!(slots(&before, key).contains(&key));
            assert_eq!(slots(&index, key).contains(&key), key % 2 == 1, "{key}");
        }
    }

    #[test]
    fn all_at_once_are_found_as_if_one_by_one() {
        for count in [0, 1, 200, 5_000_u32] {
            let keys: Vec<u32> = (0..count).map(|slot| slot / 2).collect();
            let mut index = Index::of(keys.iter().zip(0..));
            for slot in count..2 * count {
                index.insert(index.hash(&(slot / 2)), slot);
            }
            for key in 0..count {
                let found = slots(&index, key);
                assert!(found.contains(&(2 * key)) && found.contains(&(2 * key + 1)), "{key}");
            }
        }
    }

    #[test]
    fn one_key_leads_to_many_slots() {
        let mut index = Index::default();
        for slot in 0..3_000 {
            index.insert(index.hash(&1_u32), slot);
        }
        assert_eq!(slots(&index, 1), (0..3_000).collect::<Vec<_>>());
    }
}
