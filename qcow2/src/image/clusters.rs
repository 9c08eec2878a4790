//! Decompressed clusters: a small cache of them, and what it takes to make them.
//!
//! A guest reads a compressed cluster in pieces; without a cache each piece would decompress it anew.
//! Whole clusters go past the cache, straight into the reader's buffer.
#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex, PoisonError};
use std::vec::Vec;

use crate::codec::Decoders;

/// Shards, each behind a lock of its own.
const SHARDS: usize = 8;
/// Clusters of a shard at most; a shard is searched linearly.
const SHARD_CLUSTERS: usize = 64;
/// Bytes of a shard at most, or one cluster: 16 MiB in all.
const SHARD_BYTES: usize = 2 << 20;
/// How many sets of decoders are kept for the next reader.
const SPARE: usize = 16;

/// A compressed cluster: of which image, and where in its file it begins.
pub(super) type Key = (u32, u64);

/// What decompressing one cluster takes; kept for the next.
#[derive(Default)]
pub(super) struct Workshop {
    pub(super) decoders: Decoders,
    /// The compressed bytes.
    pub(super) input: Vec<u8>,
}

struct Entry {
    key: Key,
    cluster: Arc<[u8]>,
    age: u64,
}

#[derive(Default)]
struct Shard {
    entries: Vec<Entry>,
    clock: u64,
    bytes: usize,
}

/// See the module.
#[derive(Default)]
pub(super) struct Clusters {
    shards: [Mutex<Shard>; SHARDS],
    spare: Mutex<Vec<Workshop>>,
}

impl Clusters {
    /// The cluster, if it is there.
    pub(super) fn get(&self, key: Key) -> Option<Arc<[u8]>> {
        let mut shard = self.shard(key)?.lock().unwrap_or_else(PoisonError::into_inner);
        shard.clock += 1;
        let now = shard.clock;
        let entry = shard.entries.iter_mut().find(|entry| entry.key == key)?;
        entry.age = now;
        Some(Arc::clone(&entry.cluster))
    }

    /// Keeps a cluster, in the place of those that were not asked for the longest.
    pub(super) fn insert(&self, key: Key, cluster: Arc<[u8]>) {
        let Some(shard) = self.shard(key) else { return };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.entries.iter().any(|entry| entry.key == key) {
            return;
        }
        shard.bytes += cluster.len();
        shard.clock += 1;
        let age = shard.clock;
        while shard.entries.len() >= SHARD_CLUSTERS || shard.bytes > SHARD_BYTES {
            let oldest = shard.entries.iter().enumerate().min_by_key(|(_, entry)| entry.age);
            let Some((oldest, _)) = oldest else { break };
            let gone = shard.entries.swap_remove(oldest);
            shard.bytes -= gone.cluster.len();
        }
        shard.entries.push(Entry { key, cluster, age });
    }

    /// Lends a workshop; it comes back to the others afterwards.
    pub(super) fn work<R>(&self, work: impl FnOnce(&mut Workshop) -> R) -> R {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut workshop = spare.unwrap_or_default();
        let done = work(&mut workshop);
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE {
            spare.push(workshop);
        }
        done
    }

    fn shard(&self, (image, offset): Key) -> Option<&Mutex<Shard>> {
        let mixed = (offset ^ u64::from(image) << 44).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61;
        self.shards.get(usize::try_from(mixed).unwrap_or_default())
    }
}
