//! Everything that there is to say.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use diskdag_graph::scan::{Control, Scanned, SupposeError, Supposed, Supposition};
use diskdag_graph::{
    Blocker, BlockerKind, DepthPolicy, Disk, DiskId, Doubt, Graph, Hindrance, ProcessAccess,
    QemuLocks, Remedy, Removal, State, Verdict,
};

use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::health::Health;
use crate::verbs::can_rm;
use crate::verbs::what_if::named::Named;
use crate::verbs::what_if::parted::{self, Asked, OfPool};

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
        let disk = |one: &Named| id_of.get(&*one.is_at).copied();
        let supposition = |one: &Named| one.supposition(disk, Path::to_owned);
        let all = named.iter().map(|one| supposition(one).ok_or_else(|| unknown(one)));
        let after = suppose(scanned, &all.collect::<Result<Vec<_>, _>>()?)?;
        let of_kind = |kinds: &'static [&str]| {
            named.iter().filter(|one| kinds.contains(&one.kind)).filter_map(disk)
        };
        let removed: Vec<DiskId> = of_kind(&["rm"]).collect();
        let replaced = after.replaced.iter().map(|(_, disk)| *disk);
        let goes: Vec<DiskId> = removed.iter().copied().chain(replaced).collect();
        let hindered = named.iter().filter_map(|one| hindered(graph, one.kind, disk(one)?));
        let hindered: Vec<Hindered> = hindered.collect();
        // All else is done by then, as far as it can be.
        let is_done =
            |one: &Named| !hindered.iter().any(|it| it.is_hopeless() && Some(it.disk) == disk(one));
        let before = match goes.is_empty() {
            true => None,
            false => Some(suppose(scanned, &first(&named, &after, disk, is_done))?.what.graph),
        };
        let before = before.as_ref().unwrap_or(&after.what.graph);
        let removal = (!goes.is_empty())
            .then(|| can_rm::ask(scanned, before, before.removal(&goes)))
            .transpose()?;
        let mut moved: Vec<DiskId> = of_kind(&["mv"]).collect();
        if named.iter().any(|one| one.is_directory) {
            moved.extend(elsewhere(graph, &after.what.graph));
        }
        let displaced = after.replaced.iter().map(|(_, disk)| *disk);
        let displaced: Vec<DiskId> = moved.iter().copied().chain(displaced).collect();
        let pools = parted::asked(graph, &after.what.graph, &displaced, &named)?;
        let (held, unasked) = held(graph, &after.what.graph, &moved, &pools);
        let parted = parted::of(graph, &after.what.graph, &pools);
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
        let as_asked = paths.iter().filter_map(|path| Some((*id_of.get(&**path)?, &**path)));
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

    /// What the images that are made take, as qemu-img makes them.
    pub(super) fn takes(&self) -> u64 {
        let graph = &self.after.what.graph;
        let made = self.named.iter().filter(|one| one.kind == "create");
        let made = made.filter_map(|one| graph.disk(graph.find(&one.path)?)?.actual_size());
        made.fold(0, u64::saturating_add)
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
    pools: &[Asked],
) -> (Vec<Blocker>, Vec<Doubt>) {
    if moved.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let headers = graph.removal(moved);
    let of_headers = headers.doubts.len();
    let mut all = headers.with_usage(graph, &QemuLocks);
    let is_moved: HashSet<DiskId> = moved.iter().copied().collect();
    for Asked { pool, disks } in pools {
        let disks = disks.iter().copied().filter(|disk| is_moved.contains(disk));
        let headers = graph.removal(&disks.collect::<Vec<_>>());
        let of_headers = headers.doubts.len();
        let Removal { blockers, mut doubts, .. } = pool.judge(graph, headers);
        all.blockers.extend(blockers);
        all.doubts.extend(doubts.split_off(of_headers));
    }
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
    (all.blockers, all.doubts.split_off(of_headers))
}

/// The disks that have other paths then.
fn elsewhere(graph: &Graph, after: &Graph) -> Vec<DiskId> {
    let is_elsewhere = |disk: &Disk<'_>| {
        let after = after.disk(disk.id()).filter(|after| after.state() != State::Missing);
        after.is_some_and(|after| !disk.paths().eq(after.paths()))
    };
    graph.disks().filter(is_elsewhere).map(|disk| disk.id()).collect()
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
    disk: impl Fn(&Named) -> Option<DiskId> + Copy,
    is_done: impl Fn(&Named) -> bool,
) -> Vec<Supposition> {
    let replaces = |number: usize| after.replaced.iter().any(|(by, _)| *by == number);
    let put_off = named.iter().enumerate().filter(|(number, _)| replaces(*number));
    let put_off: HashMap<PathBuf, &Path> =
        put_off.filter_map(|(_, one)| Some((one.lands()?.to_owned(), &*one.path))).collect();
    let called = |path: &Path| put_off.get(path).copied().unwrap_or(path).to_owned();
    let stays = |(number, one): (usize, &Named)| {
        let is_first =
            one.kind != "rm" && !replaces(number) && (one.kind != "flatten" || is_done(one));
        is_first.then(|| one.supposition(disk, called)).flatten()
    };
    named.iter().enumerate().filter_map(stays).collect()
}

/// What was looked for by its name was found; this is for those who look in another way.
fn unknown(one: &Named) -> Failure {
    let message = format!("{}: no disk of the scope", escape::path(&one.path));
    Failure::new(Exit::NotFound, "not-found", message)
}

fn suppose(scanned: &Scanned, all: &[Supposition]) -> Result<Supposed, Failure> {
    scanned.suppose(all, &Control::default()).map_err(|error| {
        let (exit, kind) = match &error {
            SupposeError::Scan(error) => return Failure::from(*error),
            SupposeError::NoDirectory { .. } | SupposeError::NotThere { .. } => {
                (Exit::NotFound, "not-found")
            }
            SupposeError::Unreadable { .. } => (Exit::Unknown, "unreadable"),
            SupposeError::NotSearched { .. } => (Exit::Unknown, "not-searched"),
            SupposeError::Mounted { .. } | SupposeError::Linked { .. } => {
                (Exit::Unsupported, "not-supported")
            }
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
