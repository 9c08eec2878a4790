//! The assembly: names become files, files become disks.
//!
//! A file is known by device and inode; a directory too, so that `b/../a/base` and `a/base` are
//! looked up as the same name in the same directory without a normalisation that symbolic links
//! would make wrong. Only names that the walk has not met cost system calls, and those are made by
//! the [`Crew`].

use std::hash::BuildHasher;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::{HashMap, HashTable};

use crate::facts::{EdgeFacts, Facts, Finding, Key};
use crate::graph::bytes;
use crate::scan::ScanError;
use crate::scan::content::Content;
use crate::scan::crew::Crew;
use crate::scan::paths::join;
use crate::scan::question::{Gap, Met};
use crate::scan::record::{Entry, Inner, Part};

pub(super) type Hasher = foldhash::fast::RandomState;

/// Stands for "no file": what has no backing file.
pub(super) const NOTHING: u32 = u32::MAX;
/// Stands for "not resolved in the plain way".
pub(super) const ELABORATE: u32 = u32::MAX - 1;

/// One name of a file.
#[derive(Clone, Copy)]
pub(super) struct Name {
    pub(super) directory: u32,
    pub(super) file: u32,
    part: u32,
    entry: u32,
    /// The file that it is backed by, [`NOTHING`] or [`ELABORATE`].
    pub(super) backing: u32,
}

/// One file, whatever it is called.
pub(super) struct File {
    /// The first name that was met, in [`Assembly::names`].
    pub(super) name: u32,
    pub(super) in_scope: bool,
    /// A reference declares it as qcow2, and it is not: never taken for a raw disk then.
    pub(super) disowned: bool,
    /// It has more names, see [`Assembly::further`].
    pub(super) has_further: bool,
    /// Something asked for it or refers to it, so it is a disk whatever it holds.
    wanted: AtomicBool,
}

pub(super) struct Assembly<'c> {
    pub(super) crew: &'c Crew,
    /// By their numbers, the paths under which they are shown.
    directories: Vec<Arc<Path>>,
    pub(super) directory_of: HashMap<(u64, u64), u32, Hasher>,
    /// By the very bytes of the path.
    pub(super) directory_at: HashMap<Box<[u8]>, Result<u32, Gap>, Hasher>,
    parts: Vec<Arc<Part>>,
    pub(super) files: Vec<File>,
    by_inode: HashTable<u32>,
    pub(super) names: Vec<Name>,
    by_name: HashTable<u32>,
    hasher: Hasher,
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
    /// Names whose references are still to be resolved.
    pub(super) pending: Vec<u32>,
    /// What was found out before anybody asked, by path.
    pub(super) ahead: HashMap<Vec<u8>, Met, Hasher>,
    /// Files out of the scope, by the path that led there.
    pub(super) outside: Vec<(Box<[u8]>, Arc<Part>)>,
    pub(super) opened: u64,
}

impl<'c> Assembly<'c> {
    /// Takes over what a walk found.
    pub(super) fn new(crew: &'c Crew, record: &Inner) -> Self {
        let count = record.parts.iter().map(|(_, part)| part.entries.len()).sum();
        let mut assembly = Self {
            crew,
            directories: Vec::with_capacity(record.folders.len()),
            directory_of: HashMap::default(),
            directory_at: HashMap::default(),
            parts: Vec::with_capacity(record.parts.len()),
            files: Vec::with_capacity(count),
            by_inode: HashTable::with_capacity(count),
            names: Vec::with_capacity(count),
            by_name: HashTable::with_capacity(count),
            hasher: Hasher::default(),
            further: HashMap::default(),
            edges: HashMap::default(),
            findings: HashMap::default(),
            declared: HashMap::default(),
            loose: HashMap::default(),
            pending: Vec::new(),
            ahead: HashMap::default(),
            outside: Vec::new(),
            opened: 0,
        };
        for folder in &record.folders {
            assembly.add_directory(&folder.path, folder.measures.identity());
        }
        for (folder, part) in &record.parts {
            assembly.add_part(*folder, Arc::clone(part), true);
        }
        assembly
    }

    pub(super) fn add_directory(&mut self, path: &Arc<Path>, identity: (u64, u64)) -> u32 {
        let number = u32::try_from(self.directories.len()).unwrap_or(u32::MAX);
        self.directories.push(Arc::clone(path));
        self.directory_of.insert(identity, number);
        self.directory_at.insert(bytes(path).into(), Ok(number));
        number
    }

    pub(super) fn directory_path(&self, directory: u32) -> &Path {
        self.directories.get(directory as usize).map_or(Path::new(""), |path| path)
    }

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
        join(bytes(self.directory_path(directory)), self.bytes_of(name))
    }

    /// The path of the first name of a file.
    pub(super) fn file_path(&self, file: u32) -> Vec<u8> {
        self.path(self.files[file as usize].name)
    }

    /// What a file holds, with the part that its spans are of.
    pub(super) fn content(&self, file: u32) -> (&Part, &Content) {
        let (part, entry) = self.entry(&self.names[self.files[file as usize].name as usize]);
        (part, &entry.content)
    }

    pub(super) fn want(&self, file: u32) {
        self.files[file as usize].wanted.store(true, Ordering::Relaxed);
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

    /// The names of a file, the one to show first: the first that is no symbolic link in
    /// alphabetical order, so that a second scan shows the same.
    pub(super) fn names_of(&self, file: u32) -> Vec<u32> {
        let first = self.files[file as usize].name;
        let mut names = self.further.get(&file).cloned().unwrap_or_default();
        names.push(first);
        names.sort_by_cached_key(|name| {
            let (_, entry) = self.entry(&self.names[*name as usize]);
            (entry.is_symlink, self.path(*name))
        });
        names
    }

    fn find_inode(&self, identity: (u64, u64)) -> Option<u32> {
        let is_it = |file: &u32| self.identity(*file) == Some(identity);
        self.by_inode.find(self.hasher.hash_one(identity), is_it).copied()
    }

    fn identity(&self, file: u32) -> Option<(u64, u64)> {
        let name = &self.names[self.files[file as usize].name as usize];
        self.entry(name).1.measures.map(|measures| measures.identity())
    }

    /// Adds the names of a part, and the files that no other name has brought already. Says which
    /// file the last of them is.
    pub(super) fn add_part(
        &mut self,
        directory: u32,
        added: Arc<Part>,
        in_scope: bool,
    ) -> Option<u32> {
        let part = u32::try_from(self.parts.len()).unwrap_or(u32::MAX);
        self.parts.push(Arc::clone(&added));
        let mut last = None;
        for (entry, position) in added.entries.iter().zip(0..) {
            if matches!(entry.content, Content::Elsewhere) {
                continue;
            }
            let name = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
            let next = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
            let known = match &entry.measures {
                Some(measures) => self.insert_inode(measures.identity(), next),
                None => next,
            };
            let backing = NOTHING;
            self.names.push(Name { directory, file: known, part, entry: position, backing });
            if known == next {
                let wanted = AtomicBool::new(false);
                let (disowned, has_further) = (false, false);
                self.files.push(File { name, in_scope, disowned, has_further, wanted });
            } else {
                self.files[known as usize].has_further = true;
                self.further.entry(known).or_default().push(name);
            }
            self.insert_name(directory, added.name(entry), name);
            if matches!(entry.content, Content::Image(_)) {
                self.pending.push(name);
            }
            last = Some(known);
        }
        last
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

    /// The file of this name in a directory.
    pub(super) fn find(&self, directory: u32, bytes: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one((directory, bytes));
        let same = |name: &u32| {
            let have = &self.names[*name as usize];
            have.directory == directory && self.bytes_of(*name) == bytes
        };
        self.by_name.find(hash, same).map(|name| self.names[*name as usize].file)
    }

    /// Adds a file out of the scope.
    pub(super) fn meet(&mut self, directory: u32, path: Vec<u8>, part: Arc<Part>) -> Option<u32> {
        self.outside.push((path.into(), Arc::clone(&part)));
        self.add_part(directory, part, false)
    }
}

/// Does `each` for all numbers below `count`, in as many runs as there are threads.
pub(super) fn in_parallel<T: Send>(
    threads: usize,
    count: usize,
    each: impl Fn(std::ops::Range<usize>) -> T + Sync,
) -> Vec<T> {
    /// Fewer than these are done before a thread has begun.
    const FEW: usize = 2048;
    let threads = threads.min(count / FEW).max(1);
    let cut = |run: usize| count * run / threads;
    let each = &each;
    std::thread::scope(|scope| {
        let others: Vec<_> =
            (1..threads).map(|run| scope.spawn(move || each(cut(run)..cut(run + 1)))).collect();
        let mut all = vec![each(0..cut(1))];
        for other in others {
            match other.join() {
                Ok(result) => all.push(result),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    })
}

/// Nothing of a scan is kept when it was stopped.
pub(super) type Step<T> = Result<T, ScanError>;
