//! The names and files of a fleet: found by directory and name, and by inode.
//!
//! A file is known by device and inode; a directory too, so that `b/../a/base` and `a/base` are
//! looked up as the same name in the same directory without a normalisation that symbolic links
//! would make wrong.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::{HashMap, HashSet, HashTable};

use crate::facts::{EdgeFacts, Facts, Finding, Key};
use crate::graph::bytes;
use crate::scan::content::Content;
use crate::scan::directories::Directories;
use crate::scan::paths::join;
use crate::scan::record::{Entry, Part};

pub(super) type Hasher = foldhash::fast::RandomState;

/// Stands for "no file": what has no backing file, and whatever a name or file is that is no more.
pub(super) const NOTHING: u32 = u32::MAX;
/// Stands for "not resolved in the plain way".
pub(super) const ELABORATE: u32 = u32::MAX - 1;

/// One name of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    pub(super) directory: u32,
    pub(super) file: u32,
    pub(super) part: u32,
    pub(super) entry: u32,
    /// The file that it is backed by, [`NOTHING`] or [`ELABORATE`].
    pub(super) backing: u32,
}

/// One file, whatever it is called.
#[derive(Debug)]
pub(super) struct File {
    /// The first name that was met, in [`Tables::names`].
    pub(super) name: u32,
    pub(super) in_scope: bool,
    /// A reference declares it as qcow2, and it is not: never taken for a raw disk then.
    pub(super) disowned: bool,
    /// It has more names, see [`Tables::further`].
    pub(super) has_further: bool,
    /// Something asked for it or refers to it, so it is a disk whatever it holds.
    wanted: AtomicBool,
}

/// Every name and every file, and what references have said of them.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) directories: Directories,
    pub(super) parts: Vec<Arc<Part>>,
    pub(super) files: Vec<File>,
    pub(super) by_inode: HashTable<u32>,
    pub(super) names: Vec<Name>,
    pub(super) by_name: HashTable<u32>,
    pub(super) hasher: Hasher,
    /// The other names of files that have several.
    pub(super) further: HashMap<u32, Vec<u32>, Hasher>,
    /// The edges of names whose references are not resolved in the plain way.
    pub(super) edges: HashMap<u32, Vec<EdgeFacts>, Hasher>,
    /// By file.
    pub(super) findings: HashMap<u32, Vec<Finding>, Hasher>,
    /// By file: a reference declares it as a format that is not read here.
    pub(super) declared: HashMap<u32, Box<[u8]>, Hasher>,
    /// Nodes that are no files, by their key.
    pub(super) loose: HashMap<Key, Facts, Hasher>,
    /// Names with references that QEMU resolves from its working directory: any new file may be
    /// meant by them.
    pub(super) possible: HashSet<u32, Hasher>,
    /// Names whose references are still to be resolved.
    pub(super) pending: Vec<u32>,
    /// Numbers that stand for nothing any more.
    pub(super) free_names: Vec<u32>,
    pub(super) free_files: Vec<u32>,
    free_parts: Vec<u32>,
}

impl Tables {
    /// The part of a name, and the name's entry in it.
    pub(super) fn entry(&self, name: &Name) -> (&Part, &Entry) {
        let part = &*self.parts[name.part as usize];
        (part, &part.entries[name.entry as usize])
    }

    pub(super) fn bytes_of(&self, name: u32) -> &[u8] {
        let (part, entry) = self.entry(&self.names[name as usize]);
        part.name(entry)
    }

    pub(super) fn path(&self, name: u32) -> Vec<u8> {
        let directory = self.names[name as usize].directory;
        join(bytes(self.directories.path(directory)), self.bytes_of(name))
    }

    /// The path under which a file is shown, whichever of its names was met first.
    pub(super) fn file_path(&self, file: u32) -> Vec<u8> {
        let is_file = &self.files[file as usize];
        let shown = is_file.has_further.then(|| self.names_of(file).first().copied()).flatten();
        self.path(shown.unwrap_or(is_file.name))
    }

    /// What a file holds, with the part that its spans are of.
    pub(super) fn content(&self, file: u32) -> (&Part, &Content) {
        let (part, entry) = self.entry(&self.names[self.files[file as usize].name as usize]);
        (part, &entry.content)
    }

    pub(super) fn want(&self, file: u32) {
        self.files[file as usize].wanted.store(true, Ordering::Relaxed);
    }

    pub(super) fn want_no_more(&self, file: u32) {
        self.files[file as usize].wanted.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_wanted(&self, file: u32) -> bool {
        self.files[file as usize].wanted.load(Ordering::Relaxed)
    }

    pub(super) fn key(&self, file: u32) -> Key {
        let name = self.files[file as usize].name;
        match self.entry(&self.names[name as usize]).1.measures {
            Some(measures) => Key::File { device: measures.device, inode: measures.inode },
            None => Key::name(self.path(name)),
        }
    }

    /// Whether the walk has met this file.
    pub(super) fn is_in_scope(&self, key: &Key) -> bool {
        let Key::File { device, inode } = *key else { return false };
        let file = self.find_inode((device, inode));
        file.is_some_and(|file| self.files[file as usize].in_scope)
    }

    /// The names of a file in no particular order.
    pub(super) fn all_names_of(&self, file: u32) -> impl Iterator<Item = u32> + '_ {
        let further = self.further.get(&file).into_iter().flatten().copied();
        std::iter::once(self.files[file as usize].name).chain(further)
    }

    /// Names that are known as the only one of their file, which has others by now: nobody tells of that where
    /// a name lies, nor of what was written under another. Each with the directory that it lies in.
    pub(super) fn outdated(
        &self,
        files: impl IntoIterator<Item = u32>,
    ) -> Vec<((u64, u64), Vec<u8>)> {
        let mut outdated = Vec::new();
        for file in files {
            let hard = self
                .all_names_of(file)
                .filter(|name| !self.entry(&self.names[*name as usize]).1.is_symlink);
            let hard: Vec<u32> = hard.collect();
            for &name in hard.iter().filter(|_| hard.len() > 1) {
                // What lies elsewhere is asked every time.
                if self.is_name_in_scope(name) && self.entry(&self.names[name as usize]).1.is_told()
                {
                    let directory = self.names[name as usize].directory;
                    let identity = self.directories.identity(directory);
                    outdated.extend(identity.map(|at| (at, self.bytes_of(name).to_vec())));
                }
            }
        }
        outdated
    }

    /// The names of a file, the one to show first: the first that is no symbolic link in
    /// alphabetical order, so that a second scan shows the same.
    pub(super) fn names_of(&self, file: u32) -> Vec<u32> {
        let mut names: Vec<u32> = self.all_names_of(file).collect();
        names.sort_by_cached_key(|name| {
            let (_, entry) = self.entry(&self.names[*name as usize]);
            (entry.is_symlink, self.path(*name))
        });
        names
    }

    /// The file of this identity.
    pub(super) fn find_inode(&self, identity: (u64, u64)) -> Option<u32> {
        let is_it = |file: &u32| self.identity(*file) == Some(identity);
        self.by_inode.find(self.hash_of(identity), is_it).copied()
    }

    pub(super) fn hash_of(&self, identity: (u64, u64)) -> u64 {
        self.hasher.hash_one(identity)
    }

    pub(super) fn hash_of_name(&self, name: u32) -> u64 {
        let directory = self.names[name as usize].directory;
        self.hasher.hash_one((directory, self.bytes_of(name)))
    }

    pub(super) fn identity(&self, file: u32) -> Option<(u64, u64)> {
        let name = &self.names[self.files[file as usize].name as usize];
        self.entry(name).1.measures.map(|measures| measures.identity())
    }

    /// Gives a part a number.
    pub(super) fn number(&mut self, part: Arc<Part>) -> u32 {
        place(&mut self.parts, &mut self.free_parts, part)
    }

    /// Takes its number from a part that no name is in any more.
    pub(super) fn forget_part(&mut self, number: u32) {
        self.parts[number as usize] = Arc::default();
        self.free_parts.push(number);
    }

    /// Adds the names of a part, and the files that no other name has brought already. Says which
    /// file the last of them is.
    pub(super) fn add_part(
        &mut self,
        directory: u32,
        added: Arc<Part>,
        in_scope: bool,
    ) -> Option<u32> {
        let part = self.number(Arc::clone(&added));
        let mut last = None;
        for (entry, position) in added.entries.iter().zip(0..) {
            if !matches!(entry.content, Content::Elsewhere) {
                let name = self.add_entry(directory, part, (position, entry, &added), in_scope);
                last = Some(self.names[name as usize].file);
            }
        }
        last
    }

    /// Adds the name of one entry of a part, and its file if no other name has brought that already.
    pub(super) fn add_name(
        &mut self,
        directory: u32,
        part: u32,
        position: u32,
        in_scope: bool,
    ) -> u32 {
        let added = Arc::clone(&self.parts[part as usize]);
        let entry = &added.entries[position as usize];
        self.add_entry(directory, part, (position, entry, &added), in_scope)
    }

    fn add_entry(
        &mut self,
        directory: u32,
        part: u32,
        (position, entry, added): (u32, &Entry, &Part),
        in_scope: bool,
    ) -> u32 {
        let next = next_of(&self.files, &self.free_files);
        let file = match &entry.measures {
            Some(measures) => self.insert_inode(measures.identity(), next),
            None => next,
        };
        let name = Name { directory, file, part, entry: position, backing: NOTHING };
        let name = place(&mut self.names, &mut self.free_names, name);
        if file == next {
            let wanted = AtomicBool::new(false);
            let (disowned, has_further) = (false, false);
            let new = File { name, in_scope, disowned, has_further, wanted };
            place(&mut self.files, &mut self.free_files, new);
        } else {
            let known = &mut self.files[file as usize];
            known.has_further = true;
            known.in_scope |= in_scope;
            self.further.entry(file).or_default().push(name);
        }
        self.insert_name(directory, added.name(entry), name);
        if matches!(entry.content, Content::Image(_)) {
            self.pending.push(name);
        }
        name
    }

    /// The file of this identity; `next` if it is new.
    fn insert_inode(&mut self, identity: (u64, u64), next: u32) -> u32 {
        use hashbrown::hash_table::Entry::{Occupied, Vacant};
        let (names, parts, files, hasher) = (&self.names, &self.parts, &self.files, &self.hasher);
        let identity_of = |file: &u32| {
            let Name { part, entry, .. } = names[files[*file as usize].name as usize];
            let measures = parts[part as usize].entries[entry as usize].measures;
            measures.map(|measures| measures.identity())
        };
        let hash = hasher.hash_one(identity);
        let rehash = |file: &u32| hasher.hash_one(identity_of(file).unwrap_or_default());
        match self.by_inode.entry(hash, |file| identity_of(file) == Some(identity), rehash) {
            Occupied(known) => *known.get(),
            Vacant(free) => {
                free.insert(next);
                next
            }
        }
    }

    fn insert_name(&mut self, directory: u32, bytes: &[u8], name: u32) {
        let (names, parts, hasher) = (&self.names, &self.parts, &self.hasher);
        let rehash = |name: &u32| {
            let Name { directory, part, entry, .. } = names[*name as usize];
            let part = &parts[part as usize];
            hasher.hash_one((directory, part.name(&part.entries[entry as usize])))
        };
        self.by_name.insert_unique(hasher.hash_one((directory, bytes)), name, rehash);
    }

    /// The directory that the first part of a path leads to, where the walk knows that: nothing for
    /// the directory that the path is relative to.
    pub(super) fn directory(&self, from: u32, part: &[u8]) -> Option<u32> {
        match part.first() {
            Some(b'/') => self.directories.at(part)?.as_ref().ok().copied(),
            _ => self.directories.follow(from, part),
        }
    }

    /// The number of this name in a directory.
    pub(super) fn find_name(&self, directory: u32, bytes: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one((directory, bytes));
        let same = |name: &u32| {
            let have = &self.names[*name as usize];
            have.directory == directory && self.bytes_of(*name) == bytes
        };
        self.by_name.find(hash, same).copied()
    }

    /// The file of this name in a directory.
    pub(super) fn find(&self, directory: u32, bytes: &[u8]) -> Option<u32> {
        self.find_name(directory, bytes).map(|name| self.names[name as usize].file)
    }
}

/// The number that a new element gets.
fn next_of<T>(all: &[T], free: &[u32]) -> u32 {
    let last = || u32::try_from(all.len()).unwrap_or(u32::MAX);
    free.last().copied().unwrap_or_else(last)
}

/// Adds an element, in a place that is free if there is one.
fn place<T>(all: &mut Vec<T>, free: &mut Vec<u32>, new: T) -> u32 {
    let number = next_of(all, free);
    match free.pop() {
        Some(number) => all[number as usize] = new,
        None => all.push(new),
    }
    number
}
