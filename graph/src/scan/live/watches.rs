//! Which directories are watched, and what was told of them.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::sys::{Directory, Notice, Notify};

type Identity = (u64, u64);

/// The watches of one graph. Workers add to them while they walk.
#[derive(Debug)]
pub(crate) struct Watches {
    notify: Notify,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    by_watch: HashMap<i32, Identity>,
    /// The watch of a directory, and the walk that has met it last.
    by_identity: HashMap<Identity, (i32, u64)>,
    walk: u64,
    /// Some directory could not be watched.
    has_gap: bool,
}

/// What has to be looked at again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dirty {
    /// Everything.
    pub(crate) all: bool,
    /// Names, by the directory that they are in.
    pub(crate) names: HashMap<Identity, HashSet<Vec<u8>>>,
    /// Some watch has ended.
    pub(crate) has_lost: bool,
}

impl Dirty {
    /// Whether nothing was told.
    pub(crate) fn is_empty(&self) -> bool {
        !self.all && !self.has_lost && self.names.is_empty()
    }
}

impl Watches {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { notify: Notify::new()?, table: Mutex::default() })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A walk begins: directories that it does not meet are watched no more after it.
    pub(crate) fn begin(&self) {
        let mut table = self.table();
        table.walk += 1;
        table.has_gap = false;
    }

    /// Watches a directory, before anything in it is looked at. Says whether it was watched all the
    /// time since a walk before.
    pub(crate) fn meet(&self, directory: &Directory) -> bool {
        let identity = directory.measures.identity();
        let mut table = self.table();
        let walk = table.walk;
        if let Some((_, met)) = table.by_identity.get_mut(&identity) {
            *met = walk;
            return true;
        }
        match self.notify.watch(directory) {
            Ok(watch) => {
                // A directory under another number than it had: the old one is not it any more.
                if let Some(before) = table.by_watch.insert(watch, identity) {
                    table.by_identity.remove(&before);
                }
                table.by_identity.insert(identity, (watch, walk));
            }
            Err(_) => table.has_gap = true,
        }
        false
    }

    /// A walk has ended. Says whether everything that it has met is watched.
    pub(crate) fn end(&self) -> bool {
        let mut table = self.table();
        let walk = table.walk;
        let Table { by_watch, by_identity, .. } = &mut *table;
        by_identity.retain(|_, (watch, met)| {
            let is_met = *met == walk;
            if !is_met {
                self.notify.forget(*watch);
                by_watch.remove(watch);
            }
            is_met
        });
        !table.has_gap
    }

    pub(crate) fn wait(&self, patience: Duration) -> io::Result<bool> {
        self.notify.wait(patience)
    }

    /// Everything that was told until now.
    pub(crate) fn drain(&self) -> Dirty {
        let mut dirty = Dirty::default();
        let mut table = self.table();
        let drained = self.notify.drain(|notice| match notice {
            Notice::Overflow => dirty.all = true,
            Notice::Gone { watch } => {
                dirty.has_lost = true;
                if let Some(identity) = table.by_watch.remove(&watch) {
                    table.by_identity.remove(&identity);
                    self.notify.forget(watch);
                }
            }
            Notice::Entry { watch, name } => {
                if let Some(identity) = table.by_watch.get(&watch) {
                    dirty.names.entry(*identity).or_default().insert(name);
                }
            }
        });
        dirty.all |= drained.is_err();
        dirty
    }
}
