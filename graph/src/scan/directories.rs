//! The directories of a fleet: found by identity, by path, and from one another.

use std::hash::BuildHasher;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashbrown::{HashMap, HashTable};

use crate::graph::bytes;
use crate::scan::paths::split;
use crate::scan::question::Gap;
use crate::scan::tables::{Hasher, Intricate, place};

/// So many paths of one directory are told apart.
const MOST_PATHS: usize = 64;

/// One directory.
#[derive(Debug)]
struct Directory {
    /// Under which it is shown.
    path: Arc<Path>,
    /// The one in which the walk has found it under its own name, not through a symbolic link: that
    /// is where `..` leads. Of the others nobody knows.
    parent: Option<u32>,
    /// The walk has listed it.
    is_in_scope: bool,
    /// How many paths led here that were asked for, beside that one.
    notes: u32,
    /// Files in it were met that the walk has not met.
    has_met: bool,
}

/// Every directory that was met, by number.
#[derive(Debug, Default)]
pub(super) struct Directories {
    all: Vec<Directory>,
    by_identity: HashMap<(u64, u64), u32, Hasher>,
    /// By the very bytes of a path: what came of asking for it.
    by_path: HashMap<Box<[u8]>, Result<u32, Gap>, Hasher>,
    /// Those that have a parent, by it and their name in it.
    by_name: HashTable<u32>,
    hasher: Hasher,
    /// Numbers that stand for nothing any more.
    free: Vec<u32>,
    /// Directories that are mounted once more, and where.
    elsewhere: Vec<(u32, Box<[u8]>)>,
}

impl Directories {
    pub(super) fn add(&mut self, path: &Arc<Path>, identity: (u64, u64), is_in_scope: bool) -> u32 {
        let path_of = Arc::clone(path);
        let new = Directory { path: path_of, parent: None, is_in_scope, notes: 0, has_met: false };
        let number = place(&mut self.all, &mut self.free, new);
        self.by_identity.insert(identity, number);
        self.by_path.insert(bytes(path).into(), Ok(number));
        number
    }

    /// Makes the directories that lie in one, whose names are given each with a NUL, its children.
    pub(super) fn adopt(&mut self, identity: (u64, u64), names: &[u8]) {
        let Some(number) = self.of_identity(identity) else { return };
        let mut path = bytes(self.path(number)).to_vec();
        if path.last() != Some(&b'/') {
            path.push(b'/');
        }
        let length = path.len();
        for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            path.truncate(length);
            path.extend_from_slice(name);
            let Some(Ok(child)) = self.by_path.get(&*path) else { continue };
            let child = *child;
            let Some(directory) = self.all.get_mut(child as usize) else { continue };
            // Met under another path before, it is shown under that.
            if directory.parent.is_some() || bytes(&directory.path) != path {
                continue;
            }
            directory.parent = Some(number);
            let hash = self.hasher.hash_one((number, name));
            let (all, hasher) = (&self.all, &self.hasher);
            self.by_name.insert_unique(hash, child, |child| hasher.hash_one(name_of(all, *child)));
        }
    }

    /// The path under which a directory is shown.
    pub(super) fn path(&self, directory: u32) -> &Path {
        self.all.get(directory as usize).map_or(Path::new(""), |directory| &directory.path)
    }

    pub(super) fn is_in_scope(&self, directory: u32) -> bool {
        self.all.get(directory as usize).is_some_and(|directory| directory.is_in_scope)
    }

    /// All numbers of directories, those that stand for nothing any more among them.
    pub(super) fn numbers(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.all.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn of_identity(&self, identity: (u64, u64)) -> Option<u32> {
        self.by_identity.get(&identity).copied()
    }

    /// The identity of a directory. O(directories): hardly anybody has to ask.
    pub(super) fn identity(&self, number: u32) -> Option<(u64, u64)> {
        let mut all = self.by_identity.iter();
        all.find(|(_, directory)| **directory == number).map(|(identity, _)| *identity)
    }

    /// Notes where directories lie beside the path under which they are shown.
    pub(super) fn lie_elsewhere(&mut self, mut elsewhere: Vec<((u64, u64), PathBuf)>) {
        elsewhere.sort_unstable();
        for (identity, path) in elsewhere {
            if let Some(number) = self.of_identity(identity)
                && self.path(number) != path
            {
                self.elsewhere.push((number, bytes(&path).into()));
            }
        }
    }

    /// Paths at which a directory may lie beside the one under which it is shown: it or one above it is
    /// mounted once more. Whether it does lie there has to be asked.
    pub(super) fn other_paths(&self, directory: u32) -> Vec<Vec<u8>> {
        if self.elsewhere.is_empty() {
            return Vec::new();
        }
        let mut paths = vec![bytes(self.path(directory)).to_vec()];
        let mut next = 0;
        while next < paths.len() && paths.len() < MOST_PATHS {
            for (number, other) in &self.elsewhere {
                let shown = bytes(self.path(*number));
                for (old, new) in [(shown, &**other), (other, shown)] {
                    let rest = paths[next].strip_prefix(old);
                    let rest = rest.filter(|rest| matches!(rest.first(), None | Some(b'/')));
                    let path = rest.map(|rest| [new, rest].concat());
                    paths.extend(path.filter(|path| !paths.contains(path)));
                }
            }
            next += 1;
        }
        paths.split_off(1)
    }

    /// Whether the walk has found this directory behind a symbolic link, or has found it elsewhere and nothing
    /// behind the link.
    pub(super) fn is_led_to(&self, link: &Path, identity: (u64, u64)) -> bool {
        let number = self.of_identity(identity).filter(|number| self.is_in_scope(*number));
        match (number, self.at(bytes(link))) {
            (Some(number), Some(known)) => known.as_ref() == Ok(&number),
            (number, None) => number.is_some(),
            (None, Some(_)) => false,
        }
    }

    /// What is known of a path, by its very bytes.
    pub(super) fn at(&self, path: &[u8]) -> Option<&Result<u32, Gap>> {
        self.by_path.get(path)
    }

    /// Notes what came of asking for a path.
    pub(super) fn note(&mut self, path: &[u8], found: Result<u32, Gap>) {
        if let Ok(number) = found
            && let Some(directory) = self.all.get_mut(number as usize)
        {
            directory.notes += 1;
        }
        self.by_path.insert(path.into(), found);
    }

    /// The path is to be asked for again.
    pub(super) fn forget_note(&mut self, path: &[u8]) {
        match self.by_path.get(path) {
            // Where it is shown it lies.
            Some(Ok(number)) if bytes(self.path(*number)) == path => return,
            Some(Ok(number)) => {
                if let Some(directory) = self.all.get_mut(*number as usize) {
                    directory.notes = directory.notes.saturating_sub(1);
                }
            }
            Some(Err(_)) | None => {}
        }
        self.by_path.remove(path);
    }

    /// Notes that a file was met in a directory that the walk has not met there.
    pub(super) fn note_met(&mut self, number: u32) {
        if let Some(directory) = self.all.get_mut(number as usize) {
            directory.has_met = true;
        }
    }

    /// Whether a directory may be taken from where it is: if nothing is known of it but what the walk has found.
    pub(super) fn is_plain(&self, number: u32) -> bool {
        let is_plain = |directory: &Directory| directory.is_in_scope && !directory.has_met;
        self.elsewhere.is_empty() && self.all.get(number as usize).is_some_and(is_plain)
    }

    /// Whether directories are mounted more than once.
    pub(super) fn lie_twice(&self) -> bool {
        !self.elsewhere.is_empty()
    }

    /// Whether a directory that the walk has not listed lies below one of these paths.
    pub(super) fn has_outside_below(&self, paths: &[PathBuf]) -> bool {
        let mut outside = self.all.iter().filter(|directory| !directory.is_in_scope);
        outside.any(|directory| paths.iter().any(|path| directory.path.starts_with(path)))
    }

    /// Takes a directory from where it is; it keeps its number.
    pub(super) fn uproot(&mut self, number: u32) {
        let Some(directory) = self.all.get(number as usize) else { return };
        let path = bytes(&directory.path);
        if self.by_path.get(path) == Some(&Ok(number)) {
            self.by_path.remove(path);
        }
        if let Some(parent) = directory.parent {
            let hash = self.hasher.hash_one((parent, split(path).1));
            if let Ok(found) = self.by_name.find_entry(hash, |child| *child == number) {
                found.remove();
            }
        }
        if let Some(directory) = self.all.get_mut(number as usize) {
            directory.parent = None;
        }
    }

    /// Has a directory that was uprooted lie at a path.
    pub(super) fn settle(&mut self, number: u32, path: &Arc<Path>) {
        self.by_path.insert(bytes(path).into(), Ok(number));
        if let Some(directory) = self.all.get_mut(number as usize) {
            directory.path = Arc::clone(path);
        }
    }

    /// Takes its number from a directory that was uprooted; not if other paths are known to lead there.
    pub(super) fn remove(&mut self, identity: (u64, u64)) -> Result<(), Intricate> {
        let number = self.by_identity.remove(&identity).ok_or(Intricate)?;
        let directory = self.all.get_mut(number as usize).ok_or(Intricate)?;
        if directory.notes > 0 {
            return Err(Intricate);
        }
        (directory.is_in_scope, directory.path) = (false, Path::new("").into());
        self.free.push(number);
        Ok(())
    }

    /// Follows a relative path through directories that the walk has met, without asking anybody;
    /// nothing where it leads through another. Nor where it leads into a directory and out of it again: it breaks
    /// when that one goes, which is told to nobody who looks only at what lies at its end.
    pub(super) fn follow(&self, from: u32, path: &[u8]) -> Option<u32> {
        let mut is_down = false;
        path.split(|byte| *byte == b'/').try_fold(from, |at, component| match component {
            b"" | b"." => Some(at),
            b".." if is_down => None,
            b".." => self.all.get(at as usize)?.parent,
            name => {
                is_down = true;
                self.child(at, name)
            }
        })
    }

    fn child(&self, parent: u32, name: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one((parent, name));
        self.by_name.find(hash, |child| name_of(&self.all, *child) == (parent, name)).copied()
    }
}

/// The parent of a directory that has one, and its name in it.
fn name_of(all: &[Directory], child: u32) -> (u32, &[u8]) {
    all.get(child as usize).map_or((u32::MAX, b""), |child| {
        (child.parent.unwrap_or(u32::MAX), split(bytes(&child.path)).1)
    })
}
