//! Names and files found: by directory and name, by inode, by key.

use std::hash::BuildHasher;
use std::sync::Arc;

use crate::facts::Key;
use crate::scan::part::Part;
use crate::scan::paths::split;
use crate::scan::tables::Tables;
use crate::scan::tables::grow::short;

impl Tables {
    /// The file of this identity.
    pub(in crate::scan) fn find_inode(&self, identity: (u64, u64)) -> Option<u32> {
        self.by_inode.find(self.hash_of(identity), |file| self.identity(file) == Some(identity))
    }

    pub(in crate::scan) fn hash_of(&self, identity: (u64, u64)) -> u32 {
        short(self.hasher.hash_one(identity))
    }

    pub(in crate::scan) fn hash_of_name(&self, name: u32) -> u32 {
        let directory = self.names[name as usize].directory;
        short(self.hasher.hash_one((directory, self.bytes_of(name))))
    }

    /// The directory that the first part of a path leads to, where the walk knows that: nothing for
    /// the directory that the path is relative to.
    pub(in crate::scan) fn directory(&self, from: u32, part: &[u8]) -> Option<u32> {
        match part.first() {
            Some(b'/') => self.directories.at(part)?.as_ref().ok().copied(),
            _ => self.directories.follow(from, part),
        }
    }

    /// The number of this name in a directory.
    pub(in crate::scan) fn find_name(&self, directory: u32, bytes: &[u8]) -> Option<u32> {
        let hash = short(self.hasher.hash_one((directory, bytes)));
        self.by_name.find(hash, |name| {
            self.names[name as usize].directory == directory && self.bytes_of(name) == bytes
        })
    }

    /// The file of this name in a directory.
    pub(in crate::scan) fn find(&self, directory: u32, bytes: &[u8]) -> Option<u32> {
        self.find_name(directory, bytes).map(|name| self.names[name as usize].file)
    }

    /// The file that has this key.
    pub(in crate::scan) fn file_of(&self, key: &Key) -> Option<u32> {
        match key {
            Key::File { device, inode } => self.find_inode((*device, *inode)),
            // Not even what it is could be learned of it.
            Key::Name(path) => {
                let file = self.at(path)?;
                self.identity(file).is_none().then_some(file)
            }
        }
    }

    /// The file that lies at a path, whose directory the walk has met under that path.
    pub(in crate::scan) fn at(&self, path: &[u8]) -> Option<u32> {
        let (directory, name) = split(path);
        self.find(*self.directories.at(directory)?.as_ref().ok()?, name)
    }

    /// The part that a name is in.
    pub(in crate::scan) fn part_of(&self, name: u32) -> &Arc<Part> {
        &self.parts[self.names[name as usize].part as usize]
    }
}
