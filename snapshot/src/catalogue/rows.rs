//! Rows of which versions share whatever is the same in both.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Deref;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use immutable_chunkmap::map::Map;
use immutable_chunkmap::set::Set;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use twox_hash::XxHash3_64;

use super::{SnapshotRecord, Standing};
use crate::name::{Id, SnapshotName};

/// Keys in a node of the tree: what a change copies, for each node on the way, if another version has it too.
const NODE: usize = 64;

/// Rows by id, in their order. A clone costs O(1) and shares all rows; a change costs O(log n), whoever else holds
/// the version before it.
pub struct Rows<V>(Map<Id, Arc<V>, NODE>);

impl<V> Rows<V> {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self(Map::new())
    }

    /// How many. O(1).
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none. O(1).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row of this id. O(log n).
    #[must_use]
    pub fn get(&self, id: &Id) -> Option<&V> {
        self.0.get(id).map(|row| &**row)
    }

    /// Whether there is one. O(log n).
    #[must_use]
    pub fn contains_key(&self, id: &Id) -> bool {
        self.0.get(id).is_some()
    }

    /// Puts a row in, and gives the one that had the id before. O(log n).
    pub fn insert(&mut self, id: Id, row: V) -> Option<Arc<V>> {
        self.0.insert_cow(id, Arc::new(row))
    }

    /// Takes a row out. O(log n).
    pub fn remove(&mut self, id: &Id) -> Option<Arc<V>> {
        self.0.remove_cow(id)
    }

    /// Ids and rows, by id.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Id, &V)> {
        self.0.into_iter().map(|(id, row)| (id, &**row))
    }

    /// The rows, by id.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.iter().map(|(_, row)| row)
    }

    /// The ids, in their order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Id> {
        self.iter().map(|(id, _)| id)
    }
}

impl<V> Default for Rows<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> Clone for Rows<V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<V: PartialEq> PartialEq for Rows<V> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<V: Eq> Eq for Rows<V> {}

impl<V: fmt::Debug> fmt::Debug for Rows<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<V> FromIterator<(Id, V)> for Rows<V> {
    fn from_iter<I: IntoIterator<Item = (Id, V)>>(rows: I) -> Self {
        Self(rows.into_iter().map(|(id, row)| (id, Arc::new(row))).collect())
    }
}

impl<V: Serialize> Serialize for Rows<V> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Rows<V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OfRows<V>(std::marker::PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for OfRows<V> {
            type Value = Rows<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("rows by id")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Rows<V>, A::Error> {
                let mut rows = Rows::new();
                while let Some((id, row)) = map.next_entry()? {
                    rows.insert(id, row);
                }
                Ok(rows)
            }
        }

        from.deserialize_map(OfRows(std::marker::PhantomData))
    }
}

/// Snapshots by id; found as well by the file that holds them, by disk and name, and by being unsealed.
#[derive(Clone, Default)]
pub struct Snapshots {
    rows: Rows<SnapshotRecord>,
    /// Hashes of files, each with the ids that it may be. What is found is compared.
    files: Set<(u64, Id), NODE>,
    /// The same of disks with names, of those that are kept.
    names: Set<(u64, Id), NODE>,
    unsealed: BTreeSet<Id>,
}

impl Snapshots {
    /// Puts a snapshot in, and gives what was recorded of it before. O(log n).
    pub fn insert(&mut self, id: Id, record: SnapshotRecord) -> Option<Arc<SnapshotRecord>> {
        let before = self.remove(&id);
        self.files.insert_cow((of_file(&record.file), id));
        if record.standing == Standing::Kept {
            self.names.insert_cow((of_name(&record.disk, &record.name), id));
        }
        if record.unsealed {
            self.unsealed.insert(id);
        }
        self.rows.insert(id, record);
        before
    }

    /// Takes one out. O(log n).
    pub fn remove(&mut self, id: &Id) -> Option<Arc<SnapshotRecord>> {
        let record = self.rows.remove(id)?;
        self.files.remove_cow(&(of_file(&record.file), *id));
        self.names.remove_cow(&(of_name(&record.disk, &record.name), *id));
        self.unsealed.remove(id);
        Some(record)
    }

    /// The one whose file this is. O(log n).
    pub(super) fn at(&self, file: &Path) -> Option<&SnapshotRecord> {
        self.found(&self.files, of_file(file)).find(|record| record.file == file)
    }

    /// The oldest of those that are kept under this name. O(log n).
    pub(super) fn named(&self, disk: &Path, name: &SnapshotName) -> Option<&SnapshotRecord> {
        let mut found = self.found(&self.names, of_name(disk, name));
        found.find(|record| record.name == *name && record.disk == disk)
    }

    /// Those whose files may still be writable.
    pub fn unsealed(&self) -> impl Iterator<Item = &SnapshotRecord> {
        self.unsealed.iter().filter_map(|id| self.rows.get(id))
    }

    fn found<'s>(
        &'s self,
        index: &'s Set<(u64, Id), NODE>,
        hash: u64,
    ) -> impl Iterator<Item = &'s SnapshotRecord> {
        let range = (hash, Id(0))..=(hash, Id(u64::MAX));
        index.range(range).filter_map(|(_, id)| self.rows.get(id))
    }
}

impl Deref for Snapshots {
    type Target = Rows<SnapshotRecord>;

    fn deref(&self) -> &Rows<SnapshotRecord> {
        &self.rows
    }
}

impl PartialEq for Snapshots {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows
    }
}

impl Eq for Snapshots {}

impl fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows.fmt(f)
    }
}

impl FromIterator<(Id, SnapshotRecord)> for Snapshots {
    fn from_iter<I: IntoIterator<Item = (Id, SnapshotRecord)>>(rows: I) -> Self {
        let mut snapshots = Self::default();
        for (id, record) in rows {
            snapshots.insert(id, record);
        }
        snapshots
    }
}

impl Serialize for Snapshots {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.rows.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Snapshots {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let rows = Rows::<SnapshotRecord>::deserialize(from)?;
        Ok(rows.iter().map(|(id, record)| (*id, record.clone())).collect())
    }
}

fn of_file(file: &Path) -> u64 {
    XxHash3_64::oneshot(file.as_os_str().as_bytes())
}

fn of_name(disk: &Path, name: &SnapshotName) -> u64 {
    let seed = XxHash3_64::oneshot(name.as_bytes());
    XxHash3_64::oneshot_with_seed(seed, disk.as_os_str().as_bytes())
}
