//! A disk with a file system on it: plain data, without whoever uses it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::directory::{Change, Directory};
use super::file::{File, Keep};
use crate::fs::{Entry, Kind, Stat};

/// The top directory's number.
pub(super) const ROOT: u64 = 1;

/// The number of the only device.
const DEVICE: u64 = 1;

/// The state of a file system: what everybody sees, what is durable, and what lies between. Cheap to
/// clone: what is the same is shared.
#[derive(Clone, Debug)]
pub struct Disk {
    pub(super) nodes: BTreeMap<u64, Arc<Node>>,
    next: u64,
    /// How many sectors and inodes there may be at most.
    pub(super) room: Room,
}

/// How much a disk takes; `None` is as much as you like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) sectors: Option<u64>,
    pub(super) inodes: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    File(File),
    Directory(Directory),
    Symlink(PathBuf),
}

impl Default for Disk {
    fn default() -> Self {
        let root = Arc::new(Node::Directory(Directory::default()));
        Self::of(BTreeMap::from([(ROOT, root)]), Room::default())
    }
}

impl Disk {
    pub(super) fn of(nodes: BTreeMap<u64, Arc<Node>>, room: Room) -> Self {
        let next = nodes.last_key_value().map_or(ROOT, |(last, _)| *last) + 1;
        Self { nodes, next, room }
    }

    pub(super) fn node(&self, inode: u64) -> io::Result<&Node> {
        self.nodes.get(&inode).map(|node| &**node).ok_or_else(|| ErrorKind::NotFound.into())
    }

    pub(super) fn file(&self, inode: u64) -> io::Result<&File> {
        match self.node(inode)? {
            Node::File(file) => Ok(file),
            _ => Err(not_a_file()),
        }
    }

    pub(super) fn file_mut(&mut self, inode: u64) -> io::Result<&mut File> {
        match self.nodes.get_mut(&inode).map(Arc::make_mut) {
            Some(Node::File(file)) => Ok(file),
            _ => Err(not_a_file()),
        }
    }

    pub(super) fn directory(&self, inode: u64) -> io::Result<&Directory> {
        match self.node(inode)? {
            Node::Directory(directory) => Ok(directory),
            _ => Err(ErrorKind::NotADirectory.into()),
        }
    }

    pub(super) fn directory_mut(&mut self, inode: u64) -> io::Result<&mut Directory> {
        match self.nodes.get_mut(&inode).map(Arc::make_mut) {
            Some(Node::Directory(directory)) => Ok(directory),
            _ => Err(ErrorKind::NotADirectory.into()),
        }
    }

    /// The inode that `path` leads to. Links before the last component are followed; the last one if
    /// wanted.
    pub(super) fn find(&self, path: &Path, follow: bool) -> io::Result<u64> {
        self.walk(path, follow).map(|(inode, _)| inode)
    }

    /// The same, with the path that leads there without links.
    pub(super) fn walk(&self, path: &Path, follow: bool) -> io::Result<(u64, PathBuf)> {
        if !path.is_absolute() {
            return Err(ErrorKind::InvalidInput.into());
        }
        let mut left: Vec<OsString> = components(path);
        let (mut inode, mut reached, mut links) = (ROOT, PathBuf::from("/"), 0);
        while let Some(name) = left.pop() {
            if name == ".." {
                reached.pop();
                inode = self.find(&reached, false)?;
                continue;
            }
            inode = *self.directory(inode)?.live.get(&name).ok_or(ErrorKind::NotFound)?;
            reached.push(&name);
            if let Node::Symlink(target) = self.node(inode)?
                && (follow || !left.is_empty())
            {
                links += 1;
                if links > 40 {
                    return Err(io::Error::other("too many symbolic links"));
                }
                reached.pop();
                if target.is_absolute() {
                    reached = PathBuf::from("/");
                }
                inode = self.find(&reached, false)?;
                left.extend(components(target));
            }
        }
        Ok((inode, reached))
    }

    /// The directory that `path` lies in, and its name there.
    fn place(&self, path: &Path) -> io::Result<(u64, OsString)> {
        let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
        let parent = path.parent().ok_or(ErrorKind::InvalidInput)?;
        let parent = self.find(parent, true)?;
        self.directory(parent)?;
        Ok((parent, name.to_owned()))
    }

    fn entry(&self, path: &Path) -> io::Result<(u64, OsString, u64)> {
        let (parent, name) = self.place(path)?;
        let inode = *self.directory(parent)?.live.get(&name).ok_or(ErrorKind::NotFound)?;
        Ok((parent, name, inode))
    }

    /// Both in one directory: steps over two are more than this simulates, and more than snapshots need.
    fn both(&self, a: &Path, b: &Path) -> io::Result<()> {
        let (in_a, in_b) = (self.place(a)?.0, self.place(b)?.0);
        if in_a == in_b { Ok(()) } else { Err(ErrorKind::CrossesDevices.into()) }
    }

    fn change(&mut self, directory: u64, change: Change) -> io::Result<()> {
        let done = self.directory_mut(directory)?.change(change);
        if done { Ok(()) } else { Err(ErrorKind::AlreadyExists.into()) }
    }

    /// A new node under a name that was nobody's.
    pub(super) fn make(&mut self, path: &Path, node: Node) -> io::Result<u64> {
        let (parent, name) = self.place(path)?;
        if self.directory(parent)?.live.contains_key(&name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        if self.room.inodes.is_some_and(|room| self.used_inodes() >= room) {
            return Err(ErrorKind::StorageFull.into());
        }
        let inode = self.next;
        self.next += 1;
        self.nodes.insert(inode, Arc::new(node));
        self.change(parent, Change::Add { name, inode })?;
        Ok(inode)
    }

    pub(super) fn link(&mut self, existing: &Path, new: &Path) -> io::Result<()> {
        let (_, _, inode) = self.entry(existing)?;
        self.file(inode)?;
        let (parent, name) = self.place(new)?;
        self.change(parent, Change::Add { name, inode })
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path, replacing: bool) -> io::Result<()> {
        let (parent, from_name, inode) = self.entry(from)?;
        self.both(from, to)?;
        let (_, to_name) = self.place(to)?;
        let replaced = self.directory(parent)?.live.get(&to_name).copied();
        if replaced.is_some() && !replacing {
            return Err(ErrorKind::AlreadyExists.into());
        }
        // Two names of one file stay what they are: POSIX.
        if replaced == Some(inode) {
            return Ok(());
        }
        if let Some(replaced) = replaced
            && !matches!(self.node(replaced)?, Node::File(_))
        {
            return Err(ErrorKind::IsADirectory.into());
        }
        self.change(parent, Change::Move { from: from_name, to: to_name, inode, replaced })
    }

    pub(super) fn exchange(&mut self, a: &Path, b: &Path) -> io::Result<()> {
        let (parent, a_name, in_a) = self.entry(a)?;
        let (_, b_name, in_b) = self.entry(b)?;
        self.both(a, b)?;
        self.change(parent, Change::Exchange { a: (a_name, in_a), b: (b_name, in_b) })
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let (parent, name, inode) = self.entry(path)?;
        if matches!(self.node(inode)?, Node::Directory(_)) {
            return Err(ErrorKind::IsADirectory.into());
        }
        self.change(parent, Change::Remove { name, inode })
    }

    pub(super) fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        let (parent, name, inode) = self.entry(path)?;
        if !self.directory(inode)?.live.is_empty() {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        self.change(parent, Change::Remove { name, inode })
    }

    pub(super) fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        let inode = self.find(path, true)?;
        self.directory_mut(inode)?.sync();
        Ok(())
    }

    pub(super) fn sync_directories(&mut self) {
        for node in self.nodes.values_mut() {
            if matches!(&**node, Node::Directory(directory) if !directory.pending.is_empty())
                && let Node::Directory(directory) = Arc::make_mut(node)
            {
                directory.sync();
            }
        }
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let directory = self.directory(self.find(path, true)?)?;
        let entry = |(name, inode): (&OsString, &u64)| {
            Ok(Entry { name: name.clone(), kind: kind(self.node(*inode)?) })
        };
        directory.live.iter().map(entry).collect()
    }

    pub(super) fn stat(&self, inode: u64) -> io::Result<Stat> {
        let node = self.node(inode)?;
        let (len, sectors, mode) = match node {
            Node::File(file) => (file.live.len(), file.live.allocated(), file.attributes.mode),
            Node::Directory(_) => (0, 0, 0o755),
            Node::Symlink(target) => (target.as_os_str().len() as u64, 0, 0o777),
        };
        Ok(Stat {
            kind: kind(node),
            device: DEVICE,
            inode,
            len,
            allocated: sectors * 512,
            links: self.links(inode),
            mode,
        })
    }

    fn links(&self, inode: u64) -> u64 {
        let directories = self.nodes.values().filter_map(|node| match &**node {
            Node::Directory(directory) => Some(directory),
            _ => None,
        });
        let names = directories.flat_map(|directory| directory.live.values());
        names.filter(|other| **other == inode).count() as u64
    }

    /// Writes, if there is room for all of it.
    pub(super) fn write(&mut self, inode: u64, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        if let Some(room) = self.room.sectors {
            let more = self.file(inode)?.new_sectors(offset, bytes);
            if more > 0 && self.used_sectors() + more > room {
                return Err(ErrorKind::StorageFull.into());
            }
        }
        self.file_mut(inode)?.write(offset, bytes);
        Ok(bytes.len())
    }

    /// Fails to force a file out.
    pub(super) fn lose(&mut self, inode: u64, keep: Keep) -> io::Result<()> {
        self.file_mut(inode)?.lose(keep);
        Ok(())
    }

    /// Sectors of files that have a name. What only an open file keeps is not counted.
    pub(super) fn used_sectors(&self) -> u64 {
        let file = |inode: &u64| self.file(*inode).map_or(0, |file| file.live.allocated());
        self.reachable().iter().map(file).sum()
    }

    pub(super) fn used_inodes(&self) -> u64 {
        self.reachable().len() as u64
    }

    fn reachable(&self) -> Vec<u64> {
        let mut reached = vec![ROOT];
        let mut next = 0;
        while let Some(inode) = reached.get(next).copied() {
            next += 1;
            if let Ok(directory) = self.directory(inode) {
                let new = directory.live.values().filter(|inode| !reached.contains(inode));
                let new: Vec<_> = new.copied().collect();
                reached.extend(new);
            }
        }
        reached.sort_unstable();
        reached.dedup();
        reached
    }
}

/// The names in a path, the last one first.
fn components(path: &Path) -> Vec<OsString> {
    let name = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsStr::new("..").to_owned()),
        _ => None,
    };
    path.components().rev().filter_map(name).collect()
}

const fn kind(node: &Node) -> Kind {
    match node {
        Node::File(_) => Kind::File,
        Node::Directory(_) => Kind::Directory,
        Node::Symlink(_) => Kind::Symlink,
    }
}

fn not_a_file() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "not a regular file")
}
