//! What would have come of it: the graph as it would be, and what is worth saying of it.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::disk::Disk;
use crate::doubt::Doubt;
use crate::facts::{Change, EdgeKind, Facts, Key, State};
use crate::graph::{DiskId, Graph};
use crate::query::WhatIf;
use crate::scan::live::changes_to;
use crate::scan::named::Named;
use crate::scan::scanned::Scanned;
use crate::scan::suppose::supposition::SupposeError;
use crate::scan::suppose::world::Identity;

/// What would come of suppositions. Ids are of [`WhatIf::graph`], and of the graph that was asked where they name
/// what is not in that.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Supposed {
    /// The graph as it would be, and what would be missing, broken, needed no more. Its [`WhatIf::freed`] counts
    /// what was replaced.
    pub what: WhatIf,
    /// Disks that would be gone because another takes their name, each with the number of the supposition by which.
    pub replaced: Vec<(usize, DiskId)>,
    /// References that would lead elsewhere by the same name, or nowhere: what they lead to now has another path,
    /// or something else has its. By path. Who names a disk that is removed is not among them.
    pub strayed: Vec<Strayed>,
    /// Disks that are missing and would be there, each with one that needs it. By path.
    pub found: Vec<(DiskId, DiskId)>,
    /// Owners that would no longer find a disk under the path that they name.
    pub bereft: Vec<Bereft>,
    /// Disks that lie in scope and would not: nobody would be asked about what lies beside them.
    pub outside: Vec<DiskId>,
    /// Bytes to be copied because a file would lie on another file system.
    pub copied: u64,
}

/// A reference that would not lead where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Strayed {
    /// The disk that refers.
    pub disk: DiskId,
    /// As what.
    pub kind: EdgeKind,
    /// By which name.
    pub name: Box<[u8]>,
    /// To which disk, which would still be there or be replaced.
    pub was: DiskId,
    /// What would be found under that name; nothing where it would be missing.
    pub now: Option<DiskId>,
    /// That would be an overlay of the other, at whatever depth: nothing else is read until somebody writes to it.
    pub is_overlay: bool,
}

/// An owner that would not find its disk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bereft {
    /// Who.
    pub owner: Box<str>,
    /// The path that it names.
    pub path: PathBuf,
    /// The disk that it means.
    pub disk: DiskId,
    /// What it would find there instead, if anything.
    pub now: Option<DiskId>,
}

impl Supposed {
    pub(super) fn between(
        before: &Scanned,
        now: &Scanned,
        named: &Named,
        replaced: Vec<(usize, Identity)>,
        copied: u64,
    ) -> Result<Self, SupposeError> {
        let graph = &before.graph;
        let (changes, told) = changes(graph, &now.graph);
        let what = graph.what_if(changes)?;
        let disk = |(number, (device, inode)): (usize, Identity)| {
            let disk = graph.find_key(&Key::File { device, inode })?;
            what.graph
                .disk(disk)
                .is_none_or(|disk| disk.state() == State::Missing)
                .then_some((number, disk))
        };
        let replaced: Vec<(usize, DiskId)> = replaced.into_iter().filter_map(disk).collect();
        let mut supposed = Self {
            what,
            replaced,
            strayed: Vec::new(),
            found: Vec::new(),
            bereft: Vec::new(),
            outside: Vec::new(),
            copied,
        };
        for id in told {
            supposed.compare(graph, id);
        }
        let after = &supposed.what.graph;
        let path = |id: DiskId| after.disk(id).map(|disk| disk.path());
        supposed.strayed.sort_by(|one, other| {
            (path(one.disk), &one.name).cmp(&(path(other.disk), &other.name))
        });
        supposed.found.sort_by_key(|(found, by)| (path(*found), path(*by)));
        supposed.found.dedup_by_key(|(found, _)| *found);
        supposed.outside.sort_by_key(|disk| path(*disk));
        supposed.bereft = supposed.bereft(before, named);
        supposed.keep_new(graph);
        Ok(supposed)
    }

    /// Of what is missing and broken that alone which was well: a disk whose chain has an end that is missing is not
    /// broken by a move of its own. Yet what one of its names leads to can be lost all the same. And what has to be
    /// re-pointed to is not of no use, nor is what that needs.
    fn keep_new(&mut self, before: &Graph) {
        let was_broken: HashSet<DiskId> =
            before.missing().flat_map(|missing| before.dependents(missing)).collect();
        let what = &mut self.what;
        what.broken.retain(|disk| !was_broken.contains(disk));
        let graph = &what.graph;
        what.newly_missing.retain(|missing| {
            let mut needed_by = graph.disk(*missing).into_iter().flat_map(|disk| disk.needed_by());
            needed_by.any(|edge| {
                let (kind, name) = (edge.facts.kind, edge.facts.name);
                !was_broken.contains(&edge.from) || loses(before, graph, edge.from, (kind, name))
            })
        });
        let mut of_use: HashSet<DiskId> = self.strayed.iter().map(|one| one.was).collect();
        let needed = of_use.iter().flat_map(|disk| graph.dependencies(*disk));
        let needed: Vec<DiskId> = needed.map(|dependency| dependency.disk).collect();
        of_use.extend(needed);
        what.unneeded.retain(|disk| !of_use.contains(disk));
    }

    /// What is to be said of a disk that needs or is something else.
    fn compare(&mut self, before: &Graph, id: DiskId) {
        let after = &self.what.graph;
        let (Some(was), Some(is)) = (before.disk(id), after.disk(id)) else { return };
        if was.in_scope() && !is.in_scope() && is.state() != State::Missing {
            self.outside.push(id);
        }
        let is_missing = |graph: &Graph, disk: DiskId| {
            graph.disk(disk).is_none_or(|disk| disk.state() == State::Missing)
        };
        let needs = is.needs();
        let mut seen = HashSet::new();
        for edge in was.needs() {
            let (kind, name) = (edge.facts.kind, edge.facts.name);
            let same: Vec<DiskId> = needs
                .iter()
                .filter(|now| (now.facts.kind, now.facts.name) == (kind, name))
                .map(|now| now.to)
                .collect();
            // Another name, or none: that is what was supposed.
            if same.is_empty()
                || same.contains(&edge.to)
                || !seen.insert((kind, name.to_vec(), edge.to))
            {
                continue;
            }
            let found = same.iter().copied().find(|to| !is_missing(after, *to));
            if is_missing(before, edge.to) {
                self.found.extend(found.map(|found| (found, id)));
                continue;
            }
            let is_replaced = self.replaced.iter().any(|(_, disk)| *disk == edge.to);
            if is_replaced || !is_missing(after, edge.to) {
                let is_overlay = found.is_some_and(|now| after.depends_on(now, edge.to).is_yes());
                let (name, was) = (name.into(), edge.to);
                self.strayed.push(Strayed { disk: id, kind, name, was, now: found, is_overlay });
            }
        }
    }

    /// What could be asked before and cannot be then: what lies behind names that were exchanged.
    pub fn unread(&self, before: &Graph) -> Vec<Doubt> {
        let known = before.doubts();
        let mut doubts = self.what.graph.doubts();
        doubts.retain(|doubt| !known.contains(doubt));
        doubts
    }

    fn bereft(&self, before: &Scanned, named: &Named) -> Vec<Bereft> {
        let after = &self.what.graph;
        let mut bereft = Vec::new();
        for (disk, number, claim) in before.owned.claims() {
            let is_there = after.disk(disk).is_some_and(|disk| disk.state() != State::Missing);
            let key = before.graph.disk(disk).map(|disk| disk.key().to_key());
            let Some(now) = named.claims.get(number).filter(|_| is_there) else { continue };
            if now.as_ref().ok() == key.as_ref() {
                continue;
            }
            let now = now.as_ref().ok().and_then(|key| after.find_key(key));
            bereft.push(Bereft { owner: claim.owner.clone(), path: claim.path.clone(), disk, now });
        }
        bereft.sort_by(|one, other| (&one.owner, &one.path).cmp(&(&other.owner, &other.path)));
        bereft
    }
}

/// Whether more is missing than was under a name that a disk holds. Where the disk has the paths that it had, what is
/// newly missing was there; another path makes another name of what was missing.
fn loses(before: &Graph, after: &Graph, disk: DiskId, by: (EdgeKind, &[u8])) -> bool {
    let (Some(was), Some(is)) = (before.disk(disk), after.disk(disk)) else { return true };
    let missing = |graph: &Graph, disk: &Disk<'_>| {
        let needs = disk.needs().into_iter().filter(|it| (it.facts.kind, it.facts.name) == by);
        let to: HashSet<DiskId> = needs.map(|edge| edge.to).collect();
        let is_missing =
            |to: &&DiskId| graph.disk(**to).is_none_or(|disk| disk.state() == State::Missing);
        to.iter().filter(is_missing).count()
    };
    let paths = |disk: &Disk<'_>| disk.paths().map(PathBuf::from).collect::<HashSet<_>>();
    paths(&was) == paths(&is) || missing(after, &is) > missing(before, &was)
}

/// What makes one graph the other, and the disks that are in both and not the same.
fn changes(before: &Graph, now: &Graph) -> (Vec<Change>, Vec<DiskId>) {
    // Nobody has asked again what is reflinked.
    let facts = now.disks().map(|disk| {
        let known = before.find_key(disk.key()).and_then(|id| before.disk(id));
        let reflinked = known.map_or(disk.reflinked(), |known| known.reflinked());
        Facts { reflinked, ..disk.facts() }
    });
    let (changes, _) = changes_to(before, facts.collect());
    let told = changes.iter().filter_map(|change| match change {
        Change::Insert(facts) => before.find_key(&facts.key),
        _ => None,
    });
    let told = told.collect();
    (changes, told)
}
