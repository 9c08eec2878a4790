//! Everything that there is to say.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use diskdag_graph::scan::{Control, Scanned, SupposeError, Supposed, Supposition};
use diskdag_graph::{
    Blocker, BlockerKind, DepthPolicy, DiskId, Doubt, Graph, Hindrance, ProcessAccess, QemuLocks,
    Remedy, Removal, State, Verdict,
};

use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::health::Health;
use crate::verbs::can_rm;
use crate::verbs::what_if::named::Named;
use crate::verbs::what_if::parted::{self, OfPool};

/// A disk that would be flattened or put elsewhere, and what keeps that from being done.
pub(super) struct Hindered {
    pub(super) disk: DiskId,
    pub(super) is_flattened: bool,
    pub(super) by: Vec<Hindrance>,
}

pub(super) struct Told<'g> {
    pub(super) scanned: &'g Scanned,
    pub(super) named: Vec<Named>,
    /// The images that are removed, as they were named.
    pub(super) asked: HashMap<DiskId, &'g Path>,
    pub(super) after: Supposed,
    /// Nothing where nothing is removed, nor replaced.
    pub(super) removal: Option<Removal>,
    /// Why what is moved has to stay: who has it open, and what a catalogue would no longer find.
    pub(super) held: Vec<Blocker>,
    /// Disks that pools would not find where they have them.
    pub(super) parted: Vec<OfPool>,
    /// What keeps disks from being flattened or put elsewhere as things are.
    pub(super) hindered: Vec<Hindered>,
    /// Bytes that those which are moved, flattened or put elsewhere take over, at most.
    pub(super) copies: u64,
    /// Tops of chains that would be deeper than the policy has it, and deeper than they are.
    pub(super) deep: Vec<(DiskId, u32)>,
    /// What could not be asked.
    pub(super) doubts: Vec<Doubt>,
}

impl<'g> Told<'g> {
    pub(super) fn of(
        scanned: &'g Scanned,
        named: Vec<Named>,
        ids: &[DiskId],
        paths: &'g [PathBuf],
    ) -> Result<Self, Failure> {
        let graph = &scanned.graph;
        let id_of: HashMap<&Path, DiskId> =
            paths.iter().map(|path| &**path).zip(ids.iter().copied()).collect();
        let disk = |path: &Path| id_of.get(path).copied();
        let as_named = |path: &Path| path.to_owned();
        let all = named.iter().map(|one| one.supposition(disk, as_named));
        let all: Vec<Supposition> = all.collect::<Option<_>>().unwrap_or_default();
        let after = suppose(scanned, &all)?;
        let of_kind = |kinds: &'static [&str]| {
            let named = named.iter().filter(|one| kinds.contains(&one.kind));
            named.filter_map(|one| disk(&one.path))
        };
        let removed: Vec<DiskId> = of_kind(&["rm"]).collect();
        let replaced = after.replaced.iter().map(|(_, disk)| *disk);
        let goes: Vec<DiskId> = removed.iter().copied().chain(replaced).collect();
        let hindered = named.iter().filter_map(|one| hindered(graph, one.kind, disk(&one.path)?));
        let hindered: Vec<Hindered> = hindered.collect();
        // All else is done by then, as far as it can be.
        let is_done = |one: &Named| {
            !hindered.iter().any(|it| it.is_hopeless() && Some(it.disk) == disk(&one.path))
        };
        let before = match goes.is_empty() {
            true => None,
            false => Some(suppose(scanned, &first(&named, &after, disk, is_done))?.what.graph),
        };
        let before = before.as_ref().unwrap_or(&after.what.graph);
        let removal = (!goes.is_empty())
            .then(|| can_rm::ask(scanned, before, before.removal(&goes)))
            .transpose()?;
        let moved: Vec<DiskId> = of_kind(&["mv"]).collect();
        let (held, unasked) = held(graph, &after.what.graph, &moved)?;
        let displaced = after.replaced.iter().map(|(_, disk)| *disk);
        let displaced: Vec<DiskId> = moved.iter().copied().chain(displaced).collect();
        let parted = parted::of(graph, &after.what.graph, &displaced)?;
        let mut doubts = match &removal {
            Some(removal) => removal.doubts.clone(),
            None => Health::of(graph).doubts,
        };
        // Who else needs what is moved there, and would lose it, nobody looked for.
        let outside = moved.iter().filter_map(|disk| graph.out_of_scope(*disk));
        let more: Vec<Doubt> =
            outside.chain(unasked).filter(|doubt| !doubts.contains(doubt)).collect();
        doubts.extend(more);
        doubts.extend(after.unread(graph));
        let changed: Vec<DiskId> = of_kind(&["rebase", "flatten"]).collect();
        let copies = changed.into_iter().map(|disk| copied(graph, before, disk));
        let copies = copies.fold(after.copied, u64::saturating_add);
        let deep = after.what.graph.deepest_chains(DepthPolicy::default().warn, usize::MAX);
        let is_new = |(top, depth): &(DiskId, u32)| graph.depth(*top) < *depth;
        let deep = deep.into_iter().filter(is_new).collect();
        let as_asked = paths.iter().filter_map(|path| Some((disk(path)?, &**path)));
        let asked = as_asked.filter(|(disk, _)| removed.contains(disk)).collect();
        Ok(Self {
            scanned,
            named,
            asked,
            after,
            removal,
            held,
            parted,
            hindered,
            copies,
            deep,
            doubts,
        })
    }

    /// The verdict on what goes, and on what is moved where that has to stay.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        match self.held.is_empty() {
            true => self.removal.as_ref().map(|removal| removal.verdict),
            false => Some(Verdict::No),
        }
    }

    /// Everything in the way of what goes or is moved.
    pub(super) fn blockers(&self) -> impl Iterator<Item = &Blocker> {
        self.removal.iter().flat_map(|removal| &removal.blockers).chain(&self.held)
    }

    /// Whether somebody would not find what it needs.
    pub(super) fn is_broken(&self) -> bool {
        let what = &self.after.what;
        let strays = self.after.strayed.iter().any(|one| !one.is_overlay);
        !what.broken.is_empty()
            || !what.newly_missing.is_empty()
            || !what.cycles.is_empty()
            || strays
            || !self.after.bereft.is_empty()
            || !self.parted.is_empty()
            || self.hindered.iter().any(Hindered::is_hopeless)
    }

    pub(super) fn exit(&self) -> Exit {
        let verdict = self.verdict();
        Exit::Refused
            .when(verdict == Some(Verdict::No))
            .or(Exit::Unknown.when(verdict == Some(Verdict::Unknown) || !self.doubts.is_empty()))
            .or(Exit::Broken.when(self.is_broken()))
    }

    /// Where a disk would be; where it is, if it would not be there.
    pub(super) fn path(&self, id: DiskId) -> &Path {
        let of = |graph: &'_ Graph| graph.disk(id).is_some();
        if let Some(asked) = self.asked.get(&id) {
            return asked;
        }
        let graph =
            if of(&self.after.what.graph) { &self.after.what.graph } else { &self.scanned.graph };
        graph.disk(id).map_or(Path::new(""), |disk| disk.path())
    }

    pub(super) fn paths<'a>(&'a self, ids: &'a [DiskId]) -> impl Iterator<Item = &'a Path> {
        ids.iter().map(|id| self.path(*id))
    }

    /// Where a disk would be; nothing if it would not.
    pub(super) fn place(&self, id: DiskId) -> Option<&Path> {
        let disk = self.after.what.graph.disk(id)?;
        (disk.state() != State::Missing).then(|| disk.path())
    }

    /// Where a disk is.
    pub(super) fn was(&self, id: DiskId) -> &Path {
        self.scanned.graph.disk(id).map_or(Path::new(""), |disk| disk.path())
    }

    /// What would be missing, each with those that need it themselves.
    pub(super) fn missing(&self) -> impl Iterator<Item = (&Path, Vec<&Path>)> {
        self.after.what.newly_missing.iter().map(|id| {
            let disk = self.after.what.graph.disk(*id);
            let needed_by = disk.into_iter().flat_map(|disk| disk.needed_by());
            let mut needed_by: Vec<&Path> = needed_by.map(|edge| self.path(edge.from)).collect();
            needed_by.sort_unstable();
            needed_by.dedup();
            (self.path(*id), needed_by)
        })
    }

    /// What the disks that would be needed no more give back.
    pub(super) fn unneeded_bytes(&self) -> u64 {
        self.after.what.graph.freed_by(&self.after.what.unneeded)
    }
}

/// What holds these disks where they are: somebody has them open, or a catalogue has them by a name that would lead to
/// them no more. And what could not be asked about that.
fn held(
    graph: &Graph,
    after: &Graph,
    moved: &[DiskId],
) -> Result<(Vec<Blocker>, Vec<Doubt>), Failure> {
    if moved.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let headers = graph.removal(moved);
    let of_headers = headers.doubts.len();
    let mut all = can_rm::ask_pools(graph, headers.with_usage(graph, &QemuLocks))?;
    let stays = |one: &Blocker| {
        let mut paths = after.disk(one.image).into_iter().flat_map(|disk| disk.paths());
        paths.any(|path| path == one.path)
    };
    // Under another name, a symbolic link to it, it may be recorded as well: what stays is enough.
    let found: HashSet<(DiskId, String)> =
        all.blockers.iter().filter(|one| stays(one)).map(said).collect();
    all.blockers.retain(|one| match one.kind {
        BlockerKind::InUse => true,
        BlockerKind::Snapshot | BlockerKind::Pinned | BlockerKind::Trash => {
            !found.contains(&said(one))
        }
        _ => false,
    });
    Ok((all.blockers, all.doubts.split_off(of_headers)))
}

/// What keeps a disk from being changed as things are, whatever is changed before.
fn hindered(graph: &Graph, kind: &str, disk: DiskId) -> Option<Hindered> {
    let is_flattened = kind == "flatten";
    if !is_flattened && kind != "rebase" {
        return None;
    }
    // For both it has to be opened, and written to.
    let mut by = graph.hindrances(disk, Remedy::Flatten);
    by.extend(Hindrance::of_use(graph, disk, Remedy::Flatten, &QemuLocks));
    by.extend(Hindrance::of_access(graph, disk, Remedy::Flatten, &ProcessAccess));
    (!by.is_empty()).then_some(Hindered { disk, is_flattened, by })
}

impl Hindered {
    /// Nothing can be copied into what nothing can open. To another backing file it can be pointed all the same.
    pub(super) fn is_hopeless(&self) -> bool {
        self.is_flattened && self.by.iter().any(|one| one.kind.is_end())
    }
}

fn said(one: &Blocker) -> (DiskId, String) {
    (one.image, one.detail.clone())
}

/// All that is done before anything goes: without those moves by which something is replaced. What comes to lie there
/// is called by the name that it has until then.
fn first(
    named: &[Named],
    after: &Supposed,
    disk: impl Fn(&Path) -> Option<DiskId> + Copy,
    is_done: impl Fn(&Named) -> bool,
) -> Vec<Supposition> {
    let replaces = |number: usize| after.replaced.iter().any(|(by, _)| *by == number);
    let put_off = named.iter().enumerate().filter(|(number, _)| replaces(*number));
    let put_off: HashMap<PathBuf, &Path> = put_off
        .flat_map(|(_, one)| one.destinations().into_iter().map(|to| (to, &*one.path)))
        .collect();
    let called = |path: &Path| put_off.get(path).copied().unwrap_or(path).to_owned();
    let stays = |(number, one): (usize, &Named)| {
        let is_first =
            one.kind != "rm" && !replaces(number) && (one.kind != "flatten" || is_done(one));
        is_first.then(|| one.supposition(disk, called)).flatten()
    };
    named.iter().enumerate().filter_map(stays).collect()
}

fn suppose(scanned: &Scanned, all: &[Supposition]) -> Result<Supposed, Failure> {
    scanned.suppose(all, &Control::default()).map_err(|error| {
        let (exit, kind) = match &error {
            SupposeError::Scan(error) => return Failure::from(*error),
            SupposeError::NoDirectory { .. } | SupposeError::NotThere { .. } => {
                (Exit::NotFound, "not-found")
            }
            SupposeError::Unreadable { .. } => (Exit::Unknown, "unreadable"),
            SupposeError::NotAFile { .. } => (Exit::Failed, "not-a-file"),
            _ => (Exit::Usage, "usage"),
        };
        let path = error.path().map(escape::path).unwrap_or_default();
        let message = format!("{path}: {}", escape::words(&error.to_string()));
        Failure::new(exit, kind, message)
    })
}

/// What a disk has to take over when its chain is another: what those hold that are in it no more.
fn copied(before: &Graph, after: &Graph, disk: DiskId) -> u64 {
    let stays: HashSet<DiskId> = after.chain(disk).collect();
    let gone = before.chain(disk).filter(|id| !stays.contains(id));
    let bytes = gone.filter_map(|id| before.disk(id)?.actual_size());
    bytes.fold(0, u64::saturating_add)
}
