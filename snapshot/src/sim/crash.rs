//! What a power cut may leave.
//!
//! Every file's sectors, its length and its attributes, and every step on a directory's entries, may
//! have reached the medium or not, each on its own: see the assumptions in [`fs`](crate::fs).

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::choose::{Limits, combinations};
use super::data::Sector;
use super::directory::{Change, Directory, Entries};
use super::disk::{Disk, Node, ROOT};
use super::file::File;
use crate::fs::Attributes;

/// What was pending, one by one: each may be as it was or as it became.
struct Dimension {
    inode: u64,
    options: Options,
}

/// What a part of the disk may be after the power went out; the first is what is durable already.
enum Options {
    Entries(Vec<Entries>),
    Length(Vec<u64>),
    Sector(u64, Vec<Option<Sector>>),
    Attributes(Vec<Arc<Attributes>>),
}

impl Options {
    fn count(&self) -> usize {
        match self {
            Self::Entries(of) => of.len(),
            Self::Length(of) => of.len(),
            Self::Sector(_, of) => of.len(),
            Self::Attributes(of) => of.len(),
        }
    }
}

/// A disk that the power left in one of the ways that it may.
#[derive(Clone, Debug)]
pub struct Remains {
    /// The disk: all that there is on it is durable.
    pub disk: Disk,
    /// Its [`fingerprint`](Disk::fingerprint).
    pub fingerprint: u64,
}

impl Disk {
    /// The states in which a power cut may leave the disk now, each once: all of them, as far as
    /// [`Limits::exact`] reaches.
    #[must_use]
    pub fn power_cuts(&self, limits: Limits) -> Vec<Remains> {
        let dimensions = self.dimensions(limits);
        let options: Vec<_> = dimensions.iter().map(|of| of.options.count()).collect();
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        combinations(&options, limits, |chosen| {
            let disk = self.after(&dimensions, chosen);
            let fingerprint = disk.fingerprint();
            if seen.insert(fingerprint) {
                found.push(Remains { disk, fingerprint });
            }
        });
        found
    }

    /// The disk as the end of a process leaves it, killed or not: everybody still sees what was done, and
    /// what was not forced out still is not.
    #[must_use]
    pub fn killed(&self) -> Self {
        let mut named = HashSet::from([ROOT]);
        for node in self.nodes.values() {
            if let Node::Directory(directory) = &**node {
                named.extend(directory.live.values().chain(directory.durable.values()));
                named.extend(directory.pending.iter().filter_map(|change| match change {
                    Change::Add { inode, .. } => Some(*inode),
                    _ => None,
                }));
            }
        }
        let mut disk = self.clone();
        disk.nodes.retain(|inode, _| named.contains(inode));
        disk
    }

    /// The disk when everything has been forced out: as `sync` leaves it.
    #[must_use]
    pub fn settled(&self) -> Self {
        let mut disk = self.killed();
        for node in disk.nodes.values_mut().filter(|node| !is_clean(node)) {
            match Arc::make_mut(node) {
                Node::File(file) => file.sync(true),
                Node::Directory(directory) => directory.sync(),
                Node::Symlink(_) => {}
            }
        }
        disk.killed()
    }

    /// Whether everything on it is durable.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.nodes.values().all(|node| is_clean(node))
    }

    /// What the page cache gives up is read from the medium again: after an error of `sync` that is not
    /// what was written.
    #[must_use]
    pub fn evicted(&self) -> Self {
        let mut disk = self.clone();
        for node in disk.nodes.values_mut().filter(|node| !is_clean(node)) {
            if let Node::File(file) = Arc::make_mut(node) {
                file.evict();
            }
        }
        disk
    }

    fn dimensions(&self, limits: Limits) -> Vec<Dimension> {
        let mut dimensions = Vec::new();
        let mut named = HashSet::from([ROOT]);
        for (inode, node) in &self.nodes {
            let Node::Directory(directory) = &**node else { continue };
            named.extend(directory.durable.values());
            let options = entries(directory, limits);
            named.extend(options.iter().flat_map(|entries| entries.values()));
            dimensions.push(Dimension { inode: *inode, options: Options::Entries(options) });
        }
        for (inode, node) in self.nodes.iter().filter(|(inode, _)| named.contains(inode)) {
            if let Node::File(file) = &**node {
                let of_file = parts(file).into_iter();
                dimensions.extend(of_file.map(|options| Dimension { inode: *inode, options }));
            }
        }
        dimensions.retain(|of| of.options.count() > 1);
        dimensions
    }

    /// The disk as it is if just that happened.
    fn after(&self, dimensions: &[Dimension], chosen: &[usize]) -> Self {
        let mut by_inode: BTreeMap<u64, Vec<(&Options, usize)>> = BTreeMap::new();
        for (dimension, option) in dimensions.iter().zip(chosen) {
            by_inode.entry(dimension.inode).or_default().push((&dimension.options, *option));
        }
        let mut nodes = BTreeMap::new();
        let mut left = vec![ROOT];
        while let Some(inode) = left.pop() {
            if nodes.contains_key(&inode) {
                continue;
            }
            let Some(node) = self.nodes.get(&inode) else { continue };
            let choices = by_inode.get(&inode).map_or(&[][..], Vec::as_slice);
            let node =
                if is_clean(node) { Arc::clone(node) } else { Arc::new(remains(node, choices)) };
            if let Node::Directory(directory) = &*node {
                left.extend(directory.live.values());
            }
            nodes.insert(inode, node);
        }
        Self::of(nodes, self.room)
    }
}

fn is_clean(node: &Node) -> bool {
    match node {
        Node::File(file) => file.is_clean(),
        Node::Directory(directory) => directory.pending.is_empty(),
        Node::Symlink(_) => true,
    }
}

fn remains(node: &Node, choices: &[(&Options, usize)]) -> Node {
    match node {
        Node::File(file) => Node::File(file_remains(file, choices)),
        Node::Directory(directory) => {
            let chosen = choices.iter().find_map(|(options, option)| match options {
                Options::Entries(of) => of.get(*option),
                _ => None,
            });
            let entries = chosen.unwrap_or(&directory.durable);
            Node::Directory(Directory::clean(Arc::clone(entries)))
        }
        Node::Symlink(target) => Node::Symlink(target.clone()),
    }
}

fn file_remains(file: &File, choices: &[(&Options, usize)]) -> File {
    let mut data = Arc::clone(&file.durable);
    let mut attributes = Arc::clone(&file.durable_attributes);
    let mut len = data.len();
    for (options, option) in choices {
        match options {
            Options::Sector(index, of) => {
                if let Some(sector) = of.get(*option).filter(|_| *option > 0) {
                    Arc::make_mut(&mut data).put(*index, sector.clone());
                }
            }
            Options::Length(of) => len = of.get(*option).copied().unwrap_or(len),
            Options::Attributes(of) => {
                attributes = of.get(*option).map_or(attributes, Arc::clone);
            }
            Options::Entries(_) => {}
        }
    }
    if !file.dirty.is_empty() {
        Arc::make_mut(&mut data).end_at(len);
    }
    File::clean(data, attributes)
}

/// What a file's parts may be.
fn parts(file: &File) -> Vec<Options> {
    let dirty = &file.dirty;
    let sectors = dirty.sectors.iter().map(|(index, versions)| {
        let durable = file.durable.sector(*index).cloned();
        Options::Sector(*index, distinct(durable, versions.iter().cloned()))
    });
    let mut parts: Vec<_> = sectors.collect();
    parts.push(Options::Length(distinct(file.durable.len(), dirty.lengths.iter().copied())));
    let attributes = dirty.attributes.iter().cloned();
    parts.push(Options::Attributes(distinct(Arc::clone(&file.durable_attributes), attributes)));
    parts
}

/// The durable state, then the others, each once; what is there now last.
fn distinct<T: PartialEq>(durable: T, versions: impl DoubleEndedIterator<Item = T>) -> Vec<T> {
    let mut others: Vec<T> = Vec::new();
    for version in versions.rev() {
        if version != durable && !others.contains(&version) {
            others.push(version);
        }
    }
    others.push(durable);
    others.reverse();
    others
}

/// What a directory's entries may be.
fn entries(directory: &Directory, limits: Limits) -> Vec<Entries> {
    let steps = directory.pending.len();
    let mut found = Vec::new();
    combinations(&vec![2; steps], limits, |chosen| {
        let happened = |nth: usize| chosen.get(nth).is_some_and(|option| *option > 0);
        found.extend(directory.with(happened));
    });
    found.push(Arc::clone(&directory.live));
    distinct(Arc::clone(&directory.durable), found.into_iter())
}
