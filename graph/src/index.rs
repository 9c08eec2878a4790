//! A hash table of slots by key or by path.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Finds slots. The keys stay where they are, in the disks' facts; one key may lead to several
/// slots.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    table: HashTable<Entry>,
    hasher: FixedState,
    /// Number of insertions so far.
    told: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u64,
    slot: u32,
    /// When it was inserted, to tell which of several was the last.
    told: u32,
}

impl Default for Index {
    fn default() -> Self {
        // Whoever may name files could choose names that collide under a seed that is known.
        let seed = RandomState::new().build_hasher().finish();
        Self { table: HashTable::new(), hasher: FixedState::with_seed(seed), told: 0 }
    }
}

impl Index {
    /// The slot inserted last under `key` of those that `is_it` accepts.
    pub(crate) fn last(
        &self,
        key: &(impl Hash + ?Sized),
        is_it: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        let same_hash = self.table.iter_hash(hash).filter(|entry| entry.hash == hash);
        let found = same_hash.filter(|entry| is_it(entry.slot));
        found.max_by_key(|entry| entry.told).map(|entry| entry.slot)
    }

    pub(crate) fn insert(&mut self, key: &(impl Hash + ?Sized), slot: u32) {
        let hash = self.hasher.hash_one(key);
        self.told = self.told.wrapping_add(1);
        let entry = Entry { hash, slot, told: self.told };
        self.table.insert_unique(hash, entry, |entry| entry.hash);
    }

    pub(crate) fn reserve(&mut self, more: usize) {
        self.table.reserve(more, |entry| entry.hash);
    }

    pub(crate) fn remove(&mut self, key: &(impl Hash + ?Sized), slot: u32) {
        let hash = self.hasher.hash_one(key);
        let is_it = |entry: &Entry| (entry.hash, entry.slot) == (hash, slot);
        if let Ok(found) = self.table.find_entry(hash, is_it) {
            found.remove();
        }
    }
}

/// Sets and maps of slots. Slots are dense small numbers of our own, so a fast hash is enough.
pub(crate) type SlotSet = hashbrown::HashSet<u32, FixedState>;
pub(crate) type SlotMap<T> = hashbrown::HashMap<u32, T, FixedState>;
