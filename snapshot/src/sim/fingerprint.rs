//! What tells one state of a disk from another.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use super::directory::{Directory, Entries};
use super::disk::{Disk, Node, ROOT};
use super::file::File;

/// A name of a regular file, and what lies there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeenFile {
    /// The name.
    pub path: PathBuf,
    /// The file.
    pub inode: u64,
    /// Its length, and the hash of its bytes: equal for equal ones.
    pub bytes: (u64, u64),
    /// Its permissions.
    pub mode: u32,
}

/// Which of the two states of a disk is looked at.
#[derive(Clone, Copy)]
enum Side {
    Live,
    Durable,
}

impl Disk {
    /// Equal for equal trees: names, bytes, attributes, which names are the same file, and what of it all is
    /// pending. The numbers of inodes don't count.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.tree(Side::Live, &mut hasher);
        if !self.is_clean() {
            self.tree(Side::Durable, &mut hasher);
            self.pending(&mut hasher);
        }
        hasher.finish()
    }

    /// The same of what everybody sees now, durable or not; all but the directory `except`.
    #[must_use]
    pub fn visible(&self, except: &Path) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.walk_tree(Side::Live, self.find(except, false).ok(), &mut hasher);
        hasher.finish()
    }

    /// Every name of a regular file that everybody sees now, in the order of the paths.
    #[must_use]
    pub fn files(&self) -> Vec<SeenFile> {
        let (mut files, mut left) = (Vec::new(), vec![(ROOT, PathBuf::from("/"))]);
        while let Some((inode, path)) = left.pop() {
            match self.node(inode) {
                Ok(Node::Directory(directory)) => {
                    let inside = directory.live.iter();
                    left.extend(inside.map(|(name, inode)| (*inode, path.join(name))));
                }
                Ok(Node::File(file)) => files.push(SeenFile {
                    path,
                    inode,
                    bytes: file.live.hash(),
                    mode: file.attributes.mode,
                }),
                _ => {}
            }
        }
        files.sort();
        files
    }

    fn tree(&self, side: Side, hasher: &mut DefaultHasher) {
        self.walk_tree(side, None, hasher);
    }

    fn walk_tree(&self, side: Side, except: Option<u64>, hasher: &mut DefaultHasher) {
        let mut met = HashMap::new();
        let mut left = vec![ROOT];
        met.extend(except.map(|inode| (inode, usize::MAX)));
        while let Some(inode) = left.pop() {
            let next = met.len();
            let number = *met.entry(inode).or_insert(next);
            number.hash(hasher);
            let Some(node) = self.nodes.get(&inode).filter(|_| number == next) else { continue };
            match &**node {
                Node::File(file) => hash_file(file, side, hasher),
                Node::Symlink(target) => target.hash(hasher),
                Node::Directory(directory) => {
                    let entries = entries(directory, side);
                    entries.len().hash(hasher);
                    for (name, inode) in entries.iter() {
                        name.hash(hasher);
                        left.push(*inode);
                    }
                }
            }
        }
    }

    /// Versions between what is durable and what everybody sees.
    fn pending(&self, hasher: &mut DefaultHasher) {
        for node in self.nodes.values() {
            match &**node {
                Node::File(file) => {
                    for (index, versions) in &file.dirty.sectors {
                        (index, versions).hash(hasher);
                    }
                    file.dirty.lengths.hash(hasher);
                    for attributes in &file.dirty.attributes {
                        attributes.mode.hash(hasher);
                    }
                }
                // The steps name inodes; how many there are tells enough beside both trees.
                Node::Directory(directory) => directory.pending.len().hash(hasher),
                Node::Symlink(_) => {}
            }
        }
    }
}

fn hash_file(file: &File, side: Side, hasher: &mut DefaultHasher) {
    let (data, attributes) = match side {
        Side::Live => (&file.live, &file.attributes),
        Side::Durable => (&file.durable, &file.durable_attributes),
    };
    data.hash().hash(hasher);
    attributes.owner.hash(hasher);
    attributes.mode.hash(hasher);
    attributes.extended.hash(hasher);
}

const fn entries(directory: &Directory, side: Side) -> &Entries {
    match side {
        Side::Live => &directory.live,
        Side::Durable => &directory.durable,
    }
}
