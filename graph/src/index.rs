//! A hash table of slots by key or by path, of which versions share whatever is the same in both.
//!
//! Extendible hashing: the first bits of a hash name a bucket, a small table of its own behind a
//! reference count. A bucket that is full is split in two, and nothing else moves: no insertion
//! costs more than one bucket, however many disks there are, and a version costs the buckets that
//! differ from the next.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use triomphe::Arc as Shared;

use crate::pages::{Paged, Pages};
use foldhash::fast::FixedState;

/// Finds slots. The keys stay where they are, in the disks' facts; one key may lead to several
/// slots.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    /// Bucket numbers by the first `bits` bits of a hash.
    directory: Shared<Vec<u32>>,
    bits: u32,
    buckets: Pages<Option<Shared<Bucket>>, 64>,
    count: u32,
    hasher: FixedState,
}

#[derive(Clone, Debug, Default)]
struct Bucket {
    /// How many first bits of the hash all entries share.
    bits: u32,
    /// Sorted.
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    /// The upper half of the hash.
    hash: u32,
    slot: u32,
}

/// Entries in a bucket when it is split.
const FULL: usize = 256;
/// Room that a bucket without any gets for more.
const ROOM: usize = 16;

/// A bucket of more equal bits is not split any more: its entries have one hash, so that they
/// cannot be told apart.
const MOST_BITS: u32 = 24;

impl Default for Index {
    fn default() -> Self {
        // Whoever may name files could choose names that collide under a seed that is known.
        let seed = RandomState::new().build_hasher().finish();
        let mut buckets = Pages::of(None);
        *buckets.at(0) = Some(Shared::default());
        let hasher = FixedState::with_seed(seed);
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
            *index.buckets.at(number) = Some(Shared::new(Bucket { bits, entries: mine.to_vec() }));
            directory.push(number);
        }
        index.count = 1 << bits;
        index
    }

    /// The slots inserted under the hash of `key`, in no particular order. A few may be there
    /// because another key has the same hash.
    pub(crate) fn candidates(&self, key: &(impl Hash + ?Sized)) -> impl Iterator<Item = u32> + '_ {
        let hash = self.hash(key);
        let bucket = self.buckets.get(self.bucket(hash)).as_deref();
        let from = bucket
            .map_or(&[][..], |bucket| &bucket.entries[bucket.place(Entry { hash, slot: 0 })..]);
        let same = from.iter().take_while(move |entry| entry.hash == hash);
        same.map(|entry| entry.slot)
    }

    /// Inserts `slot` under `key`.
    pub(crate) fn insert(&mut self, key: &(impl Hash + ?Sized), slot: u32) {
        let hash = self.hash(key);
        loop {
            let number = self.bucket(hash);
            let bucket = Shared::make_mut(self.buckets.at(number).get_or_insert_default());
            if bucket.entries.len() < FULL || bucket.bits >= MOST_BITS {
                let entry = Entry { hash, slot };
                if bucket.entries.len() == bucket.entries.capacity() {
                    // Doubled, half of it would stay empty for long.
                    bucket.entries.reserve_exact(ROOM.max(bucket.entries.len() / 8));
                }
                let at = bucket.place(entry);
                bucket.entries.insert(at, entry);
                return;
            }
            self.split(number, hash);
        }
    }

    /// Takes away what was inserted so; nothing else.
    pub(crate) fn remove(&mut self, key: &(impl Hash + ?Sized), slot: u32) {
        let hash = self.hash(key);
        let number = self.bucket(hash);
        let Some(bucket) = self.buckets.at(number) else { return };
        let bucket = Shared::make_mut(bucket);
        let entry = Entry { hash, slot };
        let at = bucket.place(entry);
        if bucket.entries.get(at) == Some(&entry) {
            bucket.entries.remove(at);
        }
    }

    fn hash(&self, key: &(impl Hash + ?Sized)) -> u32 {
        // The upper half; the cast cannot lose a bit of it.
        u32::try_from(self.hasher.hash_one(key) >> 32).unwrap_or(0)
    }

    fn bucket(&self, hash: u32) -> u32 {
        self.directory[first_bits(hash, self.bits)]
    }

    /// Gives half of a bucket's entries to a new one.
    fn split(&mut self, number: u32, hash: u32) {
        let Some(bucket) = self.buckets.at(number) else { return };
        let bucket = Shared::make_mut(bucket);
        bucket.bits += 1;
        let bits = bucket.bits;
        let goes = bucket.entries.partition_point(|entry| first_bits(entry.hash, bits) & 1 == 0);
        let other = Bucket { bits, entries: bucket.entries.split_off(goes) };
        bucket.entries.shrink_to(goes + ROOM);
        let directory = Shared::make_mut(&mut self.directory);
        if bits > self.bits {
            *directory = directory.iter().flat_map(|bucket| [*bucket; 2]).collect();
            self.bits += 1;
        }
        // All its places stand side by side; the upper half of them is the new one's.
        let half = 1 << (self.bits - bits);
        let first = first_bits(hash, bits - 1) * 2 * half;
        directory[first + half..first + 2 * half].fill(self.count);
        *self.buckets.at(self.count) = Some(Shared::new(other));
        self.count += 1;
    }
}

impl Bucket {
    /// The place of the first entry that is not less. Hashes are spread evenly, so that is near
    /// where it would be if they were so exactly; unless many have one hash.
    fn place(&self, entry: Entry) -> usize {
        if self.entries.len() > FULL {
            return self.entries.partition_point(|have| *have < entry);
        }
        let rest = entry.hash.checked_shl(self.bits).unwrap_or(0);
        let share = (u64::from(rest) * self.entries.len() as u64) >> 32;
        let mut at = usize::try_from(share).unwrap_or(0);
        while at > 0 && self.entries[at - 1] >= entry {
            at -= 1;
        }
        while self.entries.get(at).is_some_and(|have| *have < entry) {
            at += 1;
        }
        at
    }
}

/// The first `bits` bits of a hash as a number.
fn first_bits(hash: u32, bits: u32) -> usize {
    hash.checked_shr(32 - bits).unwrap_or(0) as usize
}

/// Sets and maps of slots. Slots are dense small numbers of our own, so a fast hash is enough.
pub(crate) type SlotSet = hashbrown::HashSet<u32, FixedState>;
pub(crate) type SlotMap<T> = hashbrown::HashMap<u32, T, FixedState>;

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(index: &Index, key: u32) -> Vec<u32> {
        let mut slots: Vec<u32> = index.candidates(&key).collect();
        slots.sort_unstable();
        slots
    }

    #[test]
    fn everything_inserted_is_found_in_every_version() {
        let mut index = Index::default();
        for key in 0..20_000_u32 {
            index.insert(&key, key);
        }
        let before = index.clone();
        for key in (0..20_000_u32).step_by(2) {
            index.remove(&key, key);
            index.remove(&key, key + 1);
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
                index.insert(&(slot / 2), slot);
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
            index.insert(&1_u32, slot);
        }
        assert_eq!(slots(&index, 1), (0..3_000).collect::<Vec<_>>());
    }
}
