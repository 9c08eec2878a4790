//! What a scan has learned, kept for the next one: every directory with its entries, and of every
//! file what its header said.
//!
//! Nothing here is believed unseen. A file counts as the one that was read if device, inode, length
//! and both times are the same, and if it was then so long unchanged that a later change would
//! show; a directory likewise. Everything else is read again.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashbrown::HashMap;

use crate::scan::part::Part;
use crate::scan::paths::os_str;
use crate::scan::work::Revisited;
use crate::sys::Measures;

/// What a scan has learned: give it to the next scan of the same directories, and that costs one
/// `stat` per file that has not changed. A handle: cloning costs one reference count.
///
/// It speaks of directories, not of a scope: a scan of other roots uses what fits.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Inner {
    /// How many records came before it.
    pub(crate) generation: u64,
    /// In the order of their paths.
    pub(crate) folders: Vec<Folder>,
    /// The entries of all folders, in the order of the folders.
    pub(crate) parts: Vec<OfFolder>,
    /// Files out of the scope that references led to, by the path that led there.
    pub(crate) outside: Arc<Outside>,
    /// What else the scan has found out that made it; of no use to the next one.
    walk: Arc<Walk>,
    by_identity: HashMap<(u64, u64), u32, foldhash::fast::RandomState>,
}

/// What a record keeps of its own scan alone.
#[derive(Clone, Debug, Default)]
struct Walk {
    /// Directories that it has not looked at: an earlier one has.
    kept: HashSet<(u64, u64)>,
    /// Other paths at which directories lie.
    elsewhere: Vec<((u64, u64), PathBuf)>,
}

/// A part, and the number of the directory that it is of.
pub(crate) type OfFolder = (u32, Arc<Part>);

/// Files by the paths that led to them.
pub(crate) type Outside = HashMap<Box<[u8]>, Arc<Part>, foldhash::fast::RandomState>;

/// A part as a worker hands it in: the identity of the directory, which part of it, the entries.
pub(crate) type Brought = ((u64, u64), u32, Arc<Part>);

/// A directory that was listed.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    pub(crate) path: Arc<Path>,
    /// As it was before it was listed.
    pub(crate) measures: Measures,
    /// Nothing that was there before this listing can have escaped it.
    pub(crate) is_settled: bool,
    /// The system tells of all changes in it, if it is watched: it lies on no network.
    pub(crate) is_told: bool,
    /// The names of the directories in it, each with a NUL.
    pub(crate) folders: Arc<[u8]>,
}

impl Record {
    pub(crate) fn new(folders: Vec<Folder>, parts: Vec<Brought>) -> Self {
        Self { inner: Arc::new(Inner::put_together(folders, parts)) }
    }

    /// Makes it the successor of `before`: it keeps what that knows of directories out of `roots`,
    /// which this scan has not looked at, and of files out of the scope, as well as those met now.
    pub(crate) fn continues(
        &mut self,
        before: &Self,
        roots: &[PathBuf],
        met: Vec<(Box<[u8]>, Arc<Part>)>,
    ) {
        let is_searched = |path: &Path| roots.iter().any(|root| path.starts_with(root));
        let inner = Arc::make_mut(&mut self.inner);
        inner.generation = before.inner.generation + 1;
        let elsewhere =
            before.inner.outside.iter().filter(|(path, _)| !is_searched(Path::new(os_str(path))));
        let outside = Arc::make_mut(&mut inner.outside);
        outside.extend(elsewhere.map(|(path, part)| (path.clone(), Arc::clone(part))));
        outside.extend(met);
        let is_kept = |folder: &Folder| {
            !inner.by_identity.contains_key(&folder.measures.identity())
                && !is_searched(&folder.path)
        };
        let kept: Vec<Folder> =
            before.inner.folders.iter().filter(|at| is_kept(at)).cloned().collect();
        if kept.is_empty() {
            return;
        }
        Arc::make_mut(&mut inner.walk).kept = kept.iter().map(Folder::identity).collect();
        let mut parts = Vec::new();
        for folder in &kept {
            let identity = folder.measures.identity();
            let entries = before.inner.folder(identity).map_or(&[][..], |(_, parts)| parts);
            let entries = entries.iter().zip(0..);
            parts.extend(entries.map(|((_, part), number)| (identity, number, Arc::clone(part))));
        }
        inner.add(kept, parts);
    }

    /// Notes where directories lie beside the paths under which they are shown.
    pub(crate) fn lies_elsewhere(&mut self, elsewhere: &[((u64, u64), PathBuf)]) {
        if !elsewhere.is_empty() {
            let inner = Arc::make_mut(&mut self.inner);
            Arc::make_mut(&mut inner.walk).elsewhere = elsewhere.to_vec();
        }
    }

    /// Number of directories and of entries.
    pub fn len(&self) -> usize {
        self.inner.folders.len()
            + self.inner.parts.iter().map(|(_, part)| part.entries.len()).sum::<usize>()
    }

    /// Whether both hold the very same entries of the same directories.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let (one, other) = (&self.inner, &other.inner);
        one.folders.len() == other.folders.len()
            && one.parts.len() == other.parts.len()
            && one.folders.iter().zip(&other.folders).all(|(one, other)| one.path == other.path)
            && one
                .parts
                .iter()
                .zip(&other.parts)
                .all(|((_, one), (_, other))| Arc::ptr_eq(one, other))
    }

    /// Whether nothing was learned.
    pub fn is_empty(&self) -> bool {
        self.inner.folders.is_empty() && self.inner.outside.is_empty()
    }
}

impl Inner {
    /// Puts together what workers have brought, in an order that does not depend on them.
    fn put_together(mut folders: Vec<Folder>, parts: Vec<Brought>) -> Self {
        folders.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        let mut inner = Self::new(folders, Vec::new(), Arc::default());
        let folder = |(identity, number, part): Brought| {
            Some((*inner.by_identity.get(&identity)?, number, part))
        };
        let mut parts: Vec<_> = parts.into_iter().filter_map(folder).collect();
        parts.sort_unstable_by_key(|(folder, number, _)| (*folder, *number));
        inner.parts = parts.into_iter().map(|(folder, _, part)| (folder, part)).collect();
        inner
    }

    /// Takes in what has changed in a few directories, after those at some positions have left their places, and
    /// directories that came.
    pub(super) fn take_in(
        &mut self,
        folders: Vec<Folder>,
        parts: Vec<Brought>,
        revisited: Vec<Revisited>,
        left: &BTreeSet<u32>,
    ) {
        self.generation += 1;
        for Revisited { identity, told, folders, gone, before, now } in revisited {
            let Some(number) = self.by_identity.get(&identity).copied() else { continue };
            let range = self.range(number);
            let before: HashSet<*const Part> = before.iter().map(Arc::as_ptr).collect();
            let stays = |(_, part): &&OfFolder| !before.contains(&Arc::as_ptr(part));
            let stay = self.parts.get(range.clone()).unwrap_or_default().iter().filter(stays);
            let new: Vec<OfFolder> =
                stay.cloned().chain(now.into_iter().map(|part| (number, part))).collect();
            self.parts.splice(range, new);
            let Some(folder) = self.folders.get_mut(number as usize) else { continue };
            // Its listing is patched, not made anew: whoever has no watch is not to rest on it.
            folder.is_settled &= told.is_empty();
            if !folders.is_empty() || !gone.is_empty() {
                let stays = |name: &&[u8]| gone.iter().all(|gone| gone != name);
                let stay = folder.folders().filter(stays);
                let mut names: Vec<u8> = stay.flat_map(|name| [name, b"\0"].concat()).collect();
                names.extend_from_slice(&folders);
                folder.folders = names.into();
            }
        }
        if !folders.is_empty() || !left.is_empty() {
            self.resettle(folders, parts, left);
        }
    }

    /// Takes out directories at some positions, and puts in others.
    fn resettle(&mut self, mut came: Vec<Folder>, mut brought: Vec<Brought>, left: &BTreeSet<u32>) {
        came.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        brought.sort_unstable_by_key(|(identity, number, _)| (*identity, *number));
        let folders = std::mem::take(&mut self.folders);
        let mut parts = std::mem::take(&mut self.parts).into_iter().peekable();
        let mut came = came.into_iter().peekable();
        for (folder, number) in folders.into_iter().zip(0..) {
            while let Some(first) = came.next_if(|first| first.path < folder.path) {
                self.settle(first, &brought);
            }
            let at = number_of(&self.folders);
            let stays = !left.contains(&number);
            while let Some((_, part)) = parts.next_if(|(of, _)| *of == number) {
                if stays {
                    self.parts.push((at, part));
                }
            }
            if stays {
                self.folders.push(folder);
            }
        }
        came.for_each(|folder| self.settle(folder, &brought));
        let identities = self.folders.iter().map(|folder| folder.measures.identity()).zip(0..);
        self.by_identity = identities.collect();
    }

    /// Puts a directory behind the others, with its entries.
    fn settle(&mut self, folder: Folder, brought: &[Brought]) {
        let (identity, at) = (folder.measures.identity(), number_of(&self.folders));
        let from = brought.partition_point(|(of, ..)| *of < identity);
        let of_it = brought.iter().skip(from).take_while(|(of, ..)| *of == identity);
        self.parts.extend(of_it.map(|(.., part)| (at, Arc::clone(part))));
        self.folders.push(folder);
    }

    /// Adds directories.
    fn add(&mut self, mut folders: Vec<Folder>, mut parts: Vec<Brought>) {
        for ((folder, part), number) in self.parts.drain(..).zip(0..) {
            let Some(folder) = self.folders.get(folder as usize) else { continue };
            parts.push((folder.measures.identity(), number, part));
        }
        folders.append(&mut self.folders);
        let (generation, outside) = (self.generation, std::mem::take(&mut self.outside));
        let walk = std::mem::take(&mut self.walk);
        *self = Self { generation, outside, walk, ..Self::put_together(folders, parts) };
    }

    pub(crate) fn new(folders: Vec<Folder>, parts: Vec<OfFolder>, outside: Arc<Outside>) -> Self {
        let identities = folders.iter().map(|folder| folder.measures.identity()).zip(0..);
        let by_identity = identities.collect();
        Self { generation: 0, folders, parts, outside, walk: Arc::default(), by_identity }
    }

    pub(crate) fn of_generation(self, generation: u64) -> Self {
        Self { generation, ..self }
    }

    /// The directories that the scan has looked at which made this, with their entries.
    pub(super) fn searched(&self) -> impl Iterator<Item = (&Folder, &[OfFolder])> {
        let all = self.folders.iter().zip(0..);
        all.filter(|(folder, _)| self.was_searched(folder.identity())).map(|(folder, number)| {
            (folder, self.parts.get(self.range(number)).unwrap_or_default())
        })
    }

    /// Whether it has looked at this one.
    pub(super) fn was_searched(&self, directory: (u64, u64)) -> bool {
        !self.walk.kept.contains(&directory)
    }

    /// Other paths at which directories lie.
    pub(super) fn elsewhere(&self) -> &[((u64, u64), PathBuf)] {
        &self.walk.elsewhere
    }

    /// Whether the walk has met directories of which nobody tells all changes.
    pub(super) fn has_remote(&self) -> bool {
        self.searched().any(|(folder, _)| !folder.is_told)
    }

    /// The directory of this identity, and its entries.
    pub(crate) fn folder(&self, identity: (u64, u64)) -> Option<(&Folder, &[OfFolder])> {
        let number = *self.by_identity.get(&identity)?;
        Some((self.folders.get(number as usize)?, self.parts.get(self.range(number))?))
    }

    /// The position of a directory.
    pub(super) fn position(&self, identity: (u64, u64)) -> Option<u32> {
        self.by_identity.get(&identity).copied()
    }

    /// The position of the directory that lies at a path.
    pub(super) fn at(&self, path: &Path) -> Option<u32> {
        let at = self.folders.binary_search_by(|folder| (*folder.path).cmp(path)).ok()?;
        u32::try_from(at).ok()
    }

    /// The directory at a position, and its entries.
    pub(super) fn of_position(&self, number: u32) -> Option<(&Folder, &[OfFolder])> {
        Some((self.folders.get(number as usize)?, self.parts.get(self.range(number))?))
    }

    /// Where the entries of a directory are.
    fn range(&self, number: u32) -> std::ops::Range<usize> {
        let from = self.parts.partition_point(|(folder, _)| *folder < number);
        let to = self.parts.partition_point(|(folder, _)| *folder <= number);
        from..to.max(from)
    }
}

fn number_of(folders: &[Folder]) -> u32 {
    u32::try_from(folders.len()).unwrap_or(u32::MAX)
}

impl Folder {
    /// Which directory it is.
    pub(crate) fn identity(&self) -> (u64, u64) {
        self.measures.identity()
    }

    /// The names of the directories in it.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &[u8]> {
        self.folders.split(|byte| *byte == 0).filter(|name| !name.is_empty())
    }
}
