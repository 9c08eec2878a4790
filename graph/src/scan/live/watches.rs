//! Which directories are watched, and what was told of them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::sys::{Directory, Notice, Notify};

pub(super) type Identity = (u64, u64);

/// Names, by the directory that they are in.
pub(crate) type NamesIn = HashMap<Identity, HashSet<Vec<u8>>>;

/// How long what somebody writes to a file may stay unseen.
const CALM: Duration = Duration::from_millis(200);
/// What comes within so short a time is looked at together.
pub(super) const BURST: Duration = Duration::from_millis(2);

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
    /// Of watches that have ended not all were told: each is to be set again.
    is_unsure: bool,
    /// Where all that is watched lies, whatever it is called here.
    grounds: BTreeSet<PathBuf>,
    /// Where something is mounted in there.
    mounts: Vec<PathBuf>,
    /// What was told and not yet asked for.
    told: Dirty,
}

impl Table {
    /// Notes where a directory really lies. Those that it lies in have come before it.
    fn note(&mut self, directory: &Directory) {
        // Of one that nobody can name any more there is nothing to be told.
        let Ok(place) = directory.place() else { return };
        if !place.ancestors().any(|above| self.grounds.contains(above)) {
            self.grounds.insert(place);
        }
    }

    /// Whether something that is mounted here hides what is watched, or shows more.
    fn concerns(&self, place: &Path) -> bool {
        self.grounds.iter().any(|ground| place.starts_with(ground) || ground.starts_with(place))
    }
}

/// What has to be looked at again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dirty {
    /// Everything.
    pub(crate) all: bool,
    /// More happened than could be told: that what is known is true nobody can say.
    pub(crate) has_gap: bool,
    pub(crate) names: NamesIn,
    /// Directories whose watch has ended: they were removed, or their file system went away.
    pub(crate) lost: HashSet<Identity>,
    /// Directories that lie elsewhere now, or where others may do what they might not, or the other way round.
    pub(crate) themselves: HashSet<Identity>,
    /// Where something was mounted or unmounted that lies in none of the places that are known to be watched.
    pub(crate) mounts: Vec<PathBuf>,
    /// More than that somebody wrote to a file was told.
    is_urgent: bool,
    /// When it was first told that somebody did.
    written: Option<Instant>,
}

impl Dirty {
    pub(super) fn everything() -> Self {
        Self { all: true, ..Self::default() }
    }

    /// These names, as if they had been told of.
    pub(super) fn add(&mut self, names: impl IntoIterator<Item = (Identity, Vec<u8>)>) {
        for (directory, name) in names {
            self.names.entry(directory).or_default().insert(name);
        }
    }

    /// For how long it is not yet worth looking; nothing where nothing was told.
    fn rest(&self, now: Instant) -> Option<Duration> {
        match self.all || !self.lost.is_empty() || self.is_urgent {
            true => Some(Duration::ZERO),
            false => self.written.map(|written| (written + CALM).saturating_duration_since(now)),
        }
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
        let is_unsure = table.is_unsure;
        if let Some((_, met)) = table.by_identity.get_mut(&identity)
            && (!is_unsure || *met == walk)
        {
            *met = walk;
            return true;
        }
        match self.notify.watch(directory) {
            Ok(watch) => {
                // A directory under another number than it had: the old one is not it any more.
                if let Some(before) = table.by_watch.insert(watch, identity) {
                    table.by_identity.remove(&before);
                }
                let before = table.by_identity.insert(identity, (watch, walk));
                // A directory that was removed, and another made that has its number.
                if let Some((ended, _)) = before.filter(|(before, _)| *before != watch) {
                    table.by_watch.remove(&ended);
                }
                table.note(directory);
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
        table.is_unsure = false;
        self.note_mounts(&mut table);
        !table.has_gap
    }

    /// Has a watch end without anybody being told, as if the notice of that had found no room.
    #[cfg(test)]
    pub(crate) fn lose(&self, directory: Identity) {
        let table = self.table();
        let (watch, _) = table.by_identity[&directory];
        self.notify.forget(watch);
    }

    /// Notes what is mounted inside of what is watched.
    fn note_mounts(&self, table: &mut Table) {
        let mut mounts = self.notify.mounts();
        mounts.retain(|place| table.grounds.iter().any(|ground| place.starts_with(ground)));
        table.mounts = mounts;
    }

    /// Where something is mounted inside of what is watched.
    pub(crate) fn mounts(&self) -> Vec<PathBuf> {
        self.table().mounts.clone()
    }

    /// These are watched no more: they are in the scope no more.
    pub(crate) fn forget(&self, directories: impl IntoIterator<Item = Identity>) {
        let mut table = self.table();
        for directory in directories {
            if let Some((watch, _)) = table.by_identity.remove(&directory) {
                table.by_watch.remove(&watch);
                self.notify.forget(watch);
            }
        }
    }

    /// Whether everything that was met is watched.
    pub(crate) fn is_whole(&self) -> bool {
        !self.table().has_gap
    }

    /// Waits until something was told that is worth looking at, but no longer than `patience`. That
    /// somebody writes to a file is worth it every now and then: guests do nothing else.
    pub(crate) fn wait(&self, patience: Duration) -> io::Result<bool> {
        let until = Instant::now() + patience;
        loop {
            let now = Instant::now();
            let calm = {
                let mut table = self.table();
                self.take_in(&mut table);
                table.told.rest(now)
            };
            let left = until.saturating_duration_since(now);
            match calm {
                Some(Duration::ZERO) => return Ok(true),
                _ if left.is_zero() => return Ok(false),
                Some(calm) => {
                    // What guests write would wake it every time.
                    std::thread::park_timeout(BURST);
                    self.notify.wait(calm.min(left))?;
                }
                None => drop(self.notify.wait(left)?),
            }
        }
    }

    /// Has names looked at again at the next opportunity, as if they had been told of.
    pub(super) fn tell(&self, names: impl IntoIterator<Item = (Identity, Vec<u8>)>) {
        self.table().told.add(names);
    }

    /// Everything that was told until now.
    pub(crate) fn drain(&self) -> Dirty {
        let mut table = self.table();
        self.take_in(&mut table);
        std::mem::take(&mut table.told)
    }

    fn take_in(&self, table: &mut Table) {
        let mut told = std::mem::take(&mut table.told);
        let mut is_moved = false;
        let drained = self.notify.drain(|notice| match notice {
            Notice::Overflow => told.has_gap = true,
            Notice::Mounted { at } => {
                is_moved = true;
                match table.concerns(&at) {
                    true => told.all = true,
                    false => told.mounts.push(at),
                }
            }
            Notice::Gone { watch } => {
                if let Some(identity) = table.by_watch.remove(&watch) {
                    told.lost.insert(identity);
                    table.by_identity.remove(&identity);
                    self.notify.forget(watch);
                }
            }
            Notice::Itself { watch } => {
                let Some(identity) = table.by_watch.get(&watch) else { return };
                told.themselves.insert(*identity);
                told.names.entry(*identity).or_default();
                told.is_urgent = true;
            }
            Notice::Entry { watch, name, is_write } => {
                let Some(identity) = table.by_watch.get(&watch) else { return };
                told.names.entry(*identity).or_default().insert(name);
                match is_write {
                    true => drop(told.written.get_or_insert_with(Instant::now)),
                    false => told.is_urgent = true,
                }
            }
        });
        told.has_gap |= drained.is_err();
        table.is_unsure |= told.has_gap;
        told.all |= told.has_gap;
        table.told = told;
        if is_moved {
            self.note_mounts(table);
        }
    }
}
