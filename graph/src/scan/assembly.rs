//! The assembly: names become files, files become disks.
//!
//! A file is known by device and inode; a directory too, so that `b/../a/base` and `a/base` are
//! looked up as the same name in the same directory without a normalisation that symbolic links
//! would make wrong. Only names that the walk has not met cost system calls: one `stat` per
//! distinct directory part, and one safe opening per file.

use std::hash::BuildHasher;
use std::io;
use std::path::Path;
use std::sync::Arc;

use diskdag_qcow2::open::{FileKind, OpenError, Stat, open_image};
use hashbrown::{HashMap, HashTable};

use crate::facts::{EdgeFacts, Facts, Finding, Key};
use crate::graph::bytes;
use crate::scan::content::{Content, FormatName, read};
use crate::scan::paths::{join, os_str, split};
use crate::scan::text::{Span, Text};
use crate::scan::walk::{Found, Listed, Seen};
use crate::sys::{Measures, causes, is_symlink_loop};

type Hasher = foldhash::fast::RandomState;

/// One name of a file.
pub(super) struct Name {
    pub(super) directory: u32,
    pub(super) name: Span,
    pub(super) file: u32,
    pub(super) is_symlink: bool,
}

/// One file, whatever it is called.
pub(super) struct File {
    pub(super) stat: Option<Measures>,
    pub(super) content: Content,
    /// Its first name, in [`Assembly::names`].
    pub(super) name: u32,
    pub(super) further: Vec<u32>,
    pub(super) in_scope: bool,
    /// Something asked for it or refers to it, so it is a disk whatever it holds.
    pub(super) wanted: bool,
    /// A reference declares it as a format that is not read here.
    pub(super) declared: Option<FormatName>,
    /// A reference declares it as qcow2, and it is not: never taken for a raw disk then.
    pub(super) disowned: bool,
    pub(super) edges: Vec<EdgeFacts>,
    /// For a file of several names: under which of them each edge was resolved. Shorter than the
    /// edges, or empty, as long as all come from the first.
    pub(super) edge_names: Vec<u32>,
    pub(super) findings: Vec<Finding>,
}

/// Where a path leads.
pub(super) enum Place {
    File(u32),
    Nowhere { path: Vec<u8>, gap: Gap },
}

/// Why a path leads to no file that can be read.
#[derive(Clone, Debug)]
pub(super) enum Gap {
    Missing,
    NotAFile(FileKind),
    Refused(String),
    Unreadable(String),
}

pub(super) struct Assembly {
    directories: Vec<Listed>,
    /// By device and inode.
    directory_of: HashMap<(u64, u64), u32, Hasher>,
    /// By the very bytes of the path.
    directory_at: HashMap<Box<[u8]>, Result<u32, Gap>, Hasher>,
    pub(super) files: Vec<File>,
    by_inode: HashMap<(u64, u64), u32, Hasher>,
    pub(super) names: Vec<Name>,
    by_name: HashTable<u32>,
    hasher: Hasher,
    pub(super) text: Text,
    /// Nodes that are no files, by their key.
    pub(super) loose: HashMap<Key, Facts, Hasher>,
    /// Names whose references are still to be resolved.
    pub(super) pending: Vec<u32>,
    pub(super) opened: u64,
    buffer: Vec<u8>,
}

impl Assembly {
    /// Takes over what a walk found.
    pub(super) fn new(found: &mut Found) -> Self {
        let files = std::mem::take(&mut found.files);
        let mut assembly = Self {
            directories: std::mem::take(&mut found.directories),
            directory_of: HashMap::default(),
            directory_at: HashMap::default(),
            files: Vec::with_capacity(files.len()),
            by_inode: HashMap::with_capacity_and_hasher(files.len(), Hasher::default()),
            names: Vec::with_capacity(files.len()),
            by_name: HashTable::with_capacity(files.len()),
            hasher: Hasher::default(),
            text: std::mem::take(&mut found.text),
            loose: HashMap::default(),
            pending: Vec::new(),
            opened: found.opened,
            buffer: Vec::new(),
        };
        for (listed, number) in assembly.directories.iter().zip(0..) {
            assembly.directory_of.insert((listed.device, listed.inode), number);
            assembly.directory_at.insert(bytes(&listed.path).into(), Ok(number));
        }
        for seen in files {
            assembly.take(seen, true);
        }
        assembly
    }

    pub(super) fn directory_path(&self, directory: u32) -> &Path {
        self.directories.get(directory as usize).map_or(Path::new(""), |listed| &listed.path)
    }

    pub(super) fn path(&self, name: u32) -> Vec<u8> {
        let name = &self.names[name as usize];
        join(bytes(self.directory_path(name.directory)), self.text.get(name.name))
    }

    /// Whether the walk has met this file.
    pub(super) fn is_in_scope(&self, key: &Key) -> bool {
        let Key::File { device, inode } = *key else { return false };
        let file = self.by_inode.get(&(device, inode));
        file.is_some_and(|file| self.files[*file as usize].in_scope)
    }

    /// Puts the name to show first: the first that is no symbolic link in alphabetical order, so
    /// that a second scan shows the same.
    pub(super) fn sort_names(&mut self, file: u32) {
        let entry = &mut self.files[file as usize];
        if entry.further.is_empty() {
            return;
        }
        // Edges that came before a second name did are those of the first.
        entry.edge_names.resize(entry.edges.len(), entry.name);
        let mut names = std::mem::take(&mut entry.further);
        names.push(entry.name);
        names.sort_by_cached_key(|name| (self.names[*name as usize].is_symlink, self.path(*name)));
        let entry = &mut self.files[file as usize];
        entry.name = names.remove(0);
        entry.further = names;
    }

    /// Adds a name, and its file unless another name has brought it already.
    fn take(&mut self, seen: Seen, in_scope: bool) -> u32 {
        let Seen { directory, name, is_symlink, stat, content } = seen;
        let next = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        let file = match &stat {
            Some(stat) => *self.by_inode.entry((stat.device, stat.inode)).or_insert(next),
            None => next,
        };
        if file == next {
            self.files.push(File {
                stat,
                content,
                name: u32::MAX,
                further: Vec::new(),
                in_scope,
                wanted: false,
                declared: None,
                disowned: false,
                edges: Vec::new(),
                edge_names: Vec::new(),
                findings: Vec::new(),
            });
        }
        self.add_name(directory, name, file, is_symlink);
        file
    }

    fn add_name(&mut self, directory: u32, name: Span, file: u32, is_symlink: bool) {
        let at = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let hash = self.hasher.hash_one((directory, self.text.get(name)));
        self.names.push(Name { directory, name, file, is_symlink });
        let (names, text, hasher) = (&self.names, &self.text, &self.hasher);
        self.by_name.insert_unique(hash, at, |at| {
            let name = &names[*at as usize];
            hasher.hash_one((name.directory, text.get(name.name)))
        });
        let entry = &mut self.files[file as usize];
        if entry.name == u32::MAX {
            entry.name = at;
        } else {
            entry.further.push(at);
        }
        if matches!(entry.content, Content::Image(_)) {
            self.pending.push(at);
        }
    }

    fn find(&self, directory: u32, name: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one((directory, name));
        let same = |at: &u32| {
            let have = &self.names[*at as usize];
            have.directory == directory && self.text.get(have.name) == name
        };
        self.by_name.find(hash, same).map(|at| self.names[*at as usize].file)
    }

    /// Follows a path: absolute, or relative to a directory.
    pub(super) fn locate(&mut self, from: u32, path: &[u8]) -> Place {
        let (directory_part, name) = split(path);
        let directory = if directory_part.is_empty() {
            Ok(from)
        } else if path.first() == Some(&b'/') {
            self.directory(directory_part)
        } else {
            let full = join(bytes(self.directory_path(from)), directory_part);
            self.directory(&full)
        };
        let directory = match directory {
            Ok(directory) => directory,
            Err(gap) => {
                let path = if path.first() == Some(&b'/') {
                    path.to_vec()
                } else {
                    join(bytes(self.directory_path(from)), path)
                };
                return Place::Nowhere { path, gap };
            }
        };
        match self.find(directory, name) {
            Some(file) => Place::File(file),
            None => self.open(directory, name),
        }
    }

    /// The number of a directory, by any path that leads to it.
    fn directory(&mut self, path: &[u8]) -> Result<u32, Gap> {
        if let Some(known) = self.directory_at.get(path) {
            return known.clone();
        }
        let host_path = Path::new(os_str(path));
        let number = std::fs::metadata(host_path)
            .and_then(|metadata| {
                let stat = Stat::of(&metadata);
                let key = (stat.device, stat.inode);
                if let Some(number) = self.directory_of.get(&key) {
                    return Ok(*number);
                }
                let path: Arc<Path> = std::fs::canonicalize(host_path)?.into();
                let number = u32::try_from(self.directories.len()).map_err(io::Error::other)?;
                self.directories.push(Listed { path, device: key.0, inode: key.1 });
                self.directory_of.insert(key, number);
                Ok(number)
            })
            .map_err(|error| gap_of(&error));
        self.directory_at.insert(path.into(), number.clone());
        number
    }

    /// Opens a file that the walk has not met under this name.
    fn open(&mut self, directory: u32, name: &[u8]) -> Place {
        let path = join(bytes(self.directory_path(directory)), name);
        let host_path = Path::new(os_str(&path));
        let opened = match open_image(host_path) {
            Ok(opened) => opened,
            Err(error) => {
                let gap = match error {
                    OpenError::NotFound => Gap::Missing,
                    OpenError::NotRegularFile(kind) => Gap::NotAFile(kind),
                    OpenError::Io(ref error) => gap_of(error),
                    OpenError::RefusedFilesystem { .. } => Gap::Refused(causes(&error)),
                    _ => Gap::Unreadable(causes(&error)),
                };
                return match (gap, std::fs::metadata(host_path)) {
                    (Gap::Unreadable(reason), Ok(metadata)) => {
                        let stat = Measures::from(&Stat::of(&metadata));
                        let content = Content::Unreadable(reason.into());
                        Place::File(self.meet(directory, name, host_path, stat, content))
                    }
                    (gap, _) => Place::Nowhere { path, gap },
                };
            }
        };
        self.opened += 1;
        let stat = Measures::from(&opened.stat);
        let content = if self.by_inode.contains_key(&(stat.device, stat.inode)) {
            // Known by another name: what it holds is known too.
            Content::Other
        } else {
            read(&opened.file, stat.len, &mut self.buffer, &mut self.text)
        };
        Place::File(self.meet(directory, name, host_path, stat, content))
    }

    /// Adds what a reference has led to.
    fn meet(
        &mut self,
        directory: u32,
        name: &[u8],
        path: &Path,
        stat: Measures,
        content: Content,
    ) -> u32 {
        let is_symlink =
            std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_symlink());
        let name = self.text.add(name);
        self.take(Seen { directory, name, is_symlink, stat: Some(stat), content }, false)
    }
}

fn gap_of(error: &io::Error) -> Gap {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    match error.kind() {
        // What no path can lead to is not there: a name too long, a link to itself.
        NotFound | NotADirectory | InvalidFilename => Gap::Missing,
        _ if is_symlink_loop(error) => Gap::Missing,
        _ => Gap::Unreadable(error.to_string()),
    }
}
