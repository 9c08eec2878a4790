//! Directories that left the place where they were, and those that came.
//!
//! One that was renamed or moved within the scope does both: what it holds is taken out under the old path and put in
//! under the new one, as it is known, for it was watched all the time. Only what changes with the path is made anew.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use diskdag_qcow2::reference::{JsonReference, Reference};

use crate::doubt::{Doubt, Skipped};
use crate::facts::Key;
use crate::graph::bytes;
use crate::scan::content::Content;
use crate::scan::live::watches::{Dirty, Identity};
use crate::scan::paths::{join, os_str, split};
use crate::scan::record::Inner;
use crate::scan::tables::{Altered, Intricate, NOTHING, Tables};
use crate::scan::work::Found;

/// Which directories are not where they were.
#[derive(Debug, Default)]
pub(super) struct Shift {
    /// Those that left, with all that lay below them, by their positions in the record.
    pub(super) left: BTreeSet<u32>,
    /// The paths at which the topmost of them lay.
    pub(super) tops: Vec<PathBuf>,
    /// Why some of them can be entered no more.
    pub(super) doubts: Vec<Doubt>,
}

impl Shift {
    /// What a look at the places that were told of has shown. Not where anything else may have changed with it.
    pub(super) fn of(
        inner: &Inner,
        roots: &[PathBuf],
        skipped: &[Skipped],
        dirty: &Dirty,
        found: &Found,
    ) -> Result<Self, Intricate> {
        let mut shift = Self::default();
        for at in &found.revisited {
            let (folder, _) = inner.folder(at.identity).ok_or(Intricate)?;
            for name in &at.gone {
                shift.leave(inner, folder.path.join(os_str(name)));
            }
        }
        let mut closed: Vec<&(Identity, Doubt)> = found.closed.iter().collect();
        // Of what lies below another nothing is to be said: nobody finds it any more.
        closed.sort_by(|(_, one), (_, other)| one.path.cmp(&other.path));
        for (identity, doubt) in closed {
            if !shift.has_left(inner, *identity) {
                shift.leave(inner, doubt.path.clone());
                shift.doubts.push(doubt.clone());
            }
        }
        match shift.is_all(inner, roots, skipped, dirty, found) {
            true => Ok(shift),
            false => Err(Intricate),
        }
    }

    /// Which directories left.
    pub(super) fn identities<'i>(
        &self,
        inner: &'i Inner,
    ) -> impl Iterator<Item = Identity> + use<'i, '_> {
        self.left.iter().filter_map(|at| Some(inner.of_position(*at)?.0.identity()))
    }

    fn leave(&mut self, inner: &Inner, top: PathBuf) {
        let mut below = vec![top.clone()];
        while let Some(path) = below.pop() {
            let Some(at) = inner.at(&path).filter(|at| self.left.insert(*at)) else { continue };
            let folder = inner.of_position(at).into_iter().flat_map(|(folder, _)| folder.folders());
            below.extend(folder.map(|name| path.join(os_str(name))));
        }
        self.tops.push(top);
    }

    fn has_left(&self, inner: &Inner, identity: Identity) -> bool {
        inner.position(identity).is_some_and(|at| self.left.contains(&at))
    }

    /// Whether that accounts for everything that was told and found.
    fn is_all(
        &self,
        inner: &Inner,
        roots: &[PathBuf],
        skipped: &[Skipped],
        dirty: &Dirty,
        found: &Found,
    ) -> bool {
        let is_known = |identity: &Identity| inner.position(*identity).is_some();
        let has_left = |identity: &Identity| self.has_left(inner, *identity);
        let is_root = |path: &Path| roots.iter().any(|root| root == path);
        let came: HashSet<(Identity, &Path)> =
            found.folders.iter().map(|folder| (folder.identity(), &*folder.path)).collect();
        // One may be entered by its path that nobody finds any more, as the one above it cannot be listed.
        let is_hidden =
            |path: &Path| self.doubts.iter().any(|closed| path.starts_with(&closed.path));
        let met = found.elsewhere.iter();
        // One that was asked for on two accounts is met twice.
        let mut met = met.map(|(identity, path)| (*identity, &**path));
        dirty.lost.iter().filter(|at| is_known(at)).chain(&found.moved).all(has_left)
            && found.folders.iter().all(|folder| {
                let identity = folder.identity();
                let is_new = !is_known(&identity) || has_left(&identity);
                is_new && folder.is_told && !is_root(&folder.path) && !is_hidden(&folder.path)
            })
            && !found.revisited.iter().any(|at| has_left(&at.identity))
            && !roots.iter().any(|root| self.leads(root))
            && met.all(|at| came.contains(&at))
            && found.skipped.iter().all(|place| skipped.contains(place))
            && !skipped.iter().any(|place| self.leads(&place.path))
    }

    /// Takes out what left.
    pub(super) fn take_out(
        &self,
        inner: &Inner,
        tables: &mut Tables,
        found: &Found,
        altered: &mut Altered,
    ) -> Result<(), Intricate> {
        if self.left.is_empty() && self.tops.is_empty() {
            return Ok(());
        }
        if tables.directories.has_outside_below(&self.tops) {
            return Err(Intricate);
        }
        // What was missed there is missed under another name, or not any more.
        let missed = tables.loose.keys().filter(|key| self.is_below(key));
        altered.displaced.extend(missed.cloned());
        let mut numbers = Vec::with_capacity(self.left.len());
        for (folder, parts) in self.left.iter().filter_map(|at| inner.of_position(*at)) {
            let number = tables.directories.of_identity(folder.identity()).ok_or(Intricate)?;
            if !tables.directories.is_plain(number) {
                return Err(Intricate);
            }
            tables.clear(number, parts, altered)?;
            numbers.push((number, folder.identity()));
        }
        let came: HashSet<Identity> = found.folders.iter().map(|at| at.identity()).collect();
        for (number, _) in &numbers {
            tables.directories.uproot(*number);
        }
        for (_, identity) in numbers.iter().filter(|(_, identity)| !came.contains(identity)) {
            tables.directories.remove(*identity)?;
        }
        Ok(())
    }

    /// Whether something was named by a path that led by way of what left.
    fn is_below(&self, key: &Key) -> bool {
        let Key::Name(name) = key else { return false };
        self.leads(Path::new(os_str(name)))
    }

    /// Whether a path leads by way of what left.
    pub(super) fn leads(&self, path: &Path) -> bool {
        self.tops.iter().any(|top| path.starts_with(top))
    }

    /// Whether a directory that could not be entered is one of those that there are.
    pub(super) fn is_there(&self, came: &HashSet<&Path>, doubt: &Doubt) -> bool {
        let above = doubt.path.parent();
        !self.leads(&doubt.path)
            || self.tops.contains(&doubt.path)
            || above.is_some_and(|above| came.contains(above))
    }
}

/// Files whose headers lead by way of one of these paths of directories, however they go on from there. O(names):
/// asked only where something was looked for by such a path.
pub(super) fn naming(tables: &Tables, ways: &HashSet<Vec<u8>>) -> Vec<u32> {
    let is_by = |directory: u32, path: &[u8]| match split(path).0 {
        [] => false,
        way if way.first() == Some(&b'/') => ways.contains(way),
        way => ways.contains(&join(bytes(tables.directories.path(directory)), way)),
    };
    let leads = |directory: u32, reference: Reference<'_>| match reference {
        Reference::Relative(path) | Reference::Absolute(path) | Reference::DataFile(path) => {
            is_by(directory, path)
        }
        Reference::File(path) => is_by(directory, &path),
        Reference::Json(JsonReference::File { path, .. }) => is_by(directory, &path),
        _ => false,
    };
    let live = tables.names.iter().filter(|name| name.file != NOTHING);
    let naming = live.filter(|name| {
        let (part, entry) = tables.entry(name);
        let Content::Image(image) = &entry.content else { return false };
        let backing = image.backing.map(|span| Reference::classify(part.text.get(span)));
        let data_file = image.data_file.map(|span| Reference::data_file(part.text.get(span)));
        let mut references = backing.into_iter().chain(data_file);
        references.any(|reference| leads(name.directory, reference))
    });
    naming.map(|name| name.file).collect()
}

/// Puts in the directories that came, and what has changed in those that stayed.
pub(super) fn put_in(
    tables: &mut Tables,
    found: &Found,
    altered: &mut Altered,
) -> Result<(), Intricate> {
    let directories = &mut tables.directories;
    for folder in &found.folders {
        match directories.of_identity(folder.identity()) {
            // Out of the scope until now.
            Some(number) if !directories.is_in_scope(number) => return Err(Intricate),
            Some(number) => directories.settle(number, &folder.path),
            None => drop(directories.add(&folder.path, folder.identity(), true)),
        }
    }
    for folder in &found.folders {
        directories.adopt(folder.identity(), &folder.folders);
    }
    for at in &found.revisited {
        directories.adopt(at.identity, &at.folders);
    }
    for at in &found.revisited {
        let directory = tables.directories.of_identity(at.identity).ok_or(Intricate)?;
        tables.exchange(directory, &at.before, &at.now, altered)?;
        // What is no file there may have been missed, or be missed now, or be neither.
        let nowhere = at.told.iter().filter(|name| tables.find_name(directory, name).is_none());
        let path = bytes(tables.directories.path(directory));
        altered.displaced.extend(nowhere.map(|name| Key::name(join(path, name))));
    }
    for (identity, _, part) in &found.parts {
        let directory = tables.directories.of_identity(*identity).ok_or(Intricate)?;
        tables.fill(directory, part, altered)?;
    }
    Ok(())
}
