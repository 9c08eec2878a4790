//! May these be removed?

use std::collections::HashSet;
use std::path::PathBuf;

use crate::doubt::{Doubt, DoubtKind};
use crate::graph::{DiskId, Graph, Inner};
use crate::index::SlotSet;
use crate::query::dependents::Found;
use crate::query::doubts;
use crate::usage::{InUse, Usage};

/// Yes, no, or nobody can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "only Yes permits a removal"]
pub enum Verdict {
    /// Nothing stands in the way.
    Yes,
    /// Something does: see the blockers.
    No,
    /// Nothing that is known does, but not everything could be asked: see the doubts.
    Unknown,
}

impl Verdict {
    /// The word that stands in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// What sort of thing stands in the way of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BlockerKind {
    /// A disk that needs the image, or may.
    Dependent,
    /// Somebody has the image open.
    InUse,
    /// An owner names the image as one of its disks.
    Owner,
    /// The image is a snapshot that a catalogue lists.
    Snapshot,
    /// A person has pinned it.
    Pinned,
    /// It lies in the trash, from where it can still be taken back.
    Trash,
}

impl BlockerKind {
    /// The word that stands in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dependent => "dependent",
            Self::InUse => "in-use",
            Self::Owner => "owner",
            Self::Snapshot => "snapshot",
            Self::Pinned => "pinned",
            Self::Trash => "trash",
        }
    }
}

/// One thing that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Blocker {
    /// The dependent, or the image itself if it is in use.
    pub path: PathBuf,
    /// The disk at `path`.
    pub disk: DiskId,
    /// The image that it stands in the way of; where it does so of several, the nearest.
    pub image: DiskId,
    /// Which sort.
    pub kind: BlockerKind,
    /// Number of edges to the image; 0 for the image itself.
    pub depth: u32,
    /// What a person should know.
    pub detail: String,
}

/// The judgement on one member of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageRemoval {
    /// Which image.
    pub disk: DiskId,
    /// The verdict on it, as a member of the set.
    pub verdict: Verdict,
    /// Bytes that removing it gives back.
    pub frees: u64,
}

/// Whether a set of images may be removed, with everything that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "only a verdict of Yes permits a removal"]
pub struct Removal {
    /// The verdict on the set.
    pub verdict: Verdict,
    /// The images asked about, each once, in the order asked.
    pub images: Vec<ImageRemoval>,
    /// Everything known to stand in the way, nearest first.
    pub blockers: Vec<Blocker>,
    /// Everything that could not be asked.
    pub doubts: Vec<Doubt>,
    /// Bytes that removing the whole set gives back.
    pub frees: u64,
    /// What was asked: always "headers"; "locks" where the use of the images was, "owners" where they were, and
    /// what else the caller has asked.
    pub checked: Vec<&'static str>,
}

impl Graph {
    /// Whether the images of `set` may be removed together: its members do not block each other.
    /// Stale ids are a doubt. O(dependents of the set + doubts), however the set is made up.
    ///
    /// Rests on the headers alone; give [`Removal::with_usage`] a say before acting on it. And on the scope: what lies
    /// beside a disk that is not [`Disk::in_scope`](crate::Disk::in_scope) was not asked: such a file in the set is a
    /// doubt.
    pub fn removal(&self, set: &[DiskId]) -> Removal {
        let inner = &*self.inner;
        let mut seen = HashSet::new();
        let members: Vec<DiskId> = set.iter().copied().filter(|id| seen.insert(*id)).collect();
        let live: Vec<u32> =
            members.iter().filter(|id| inner.is_live(**id)).map(|id| id.slot).collect();
        let mut found = inner.dependents_of(&live);
        let above = found.iter().map(|found| found.dependent.disk.slot);
        let settled: SlotSet = live.iter().copied().chain(above).collect();
        found.retain(|found| !seen.contains(&found.dependent.disk));
        let blocked = inner.blocked_by(&found, |slot| settled.contains(&slot));
        let blocker = |Found { dependent, on }: Found| Blocker {
            path: inner.path(dependent.disk.slot).to_owned(),
            disk: dependent.disk,
            image: inner.id(on),
            kind: BlockerKind::Dependent,
            depth: dependent.depth,
            detail: describe(dependent.certain, dependent.depth, dependent.kind.name()),
        };
        let blockers: Vec<Blocker> = found.into_iter().map(blocker).collect();
        let stale = members.len() - live.len();
        // What depends on them and is no member is in the way, whoever depends on that.
        let open: SlotSet = live.iter().copied().collect();
        let mut doubts: Vec<Doubt> = inner.scope_doubts(&settled, &open);
        doubts.extend(std::iter::repeat_with(doubts::stale).take(stale));
        let images = members
            .iter()
            .map(|&disk| ImageRemoval {
                disk,
                verdict: verdict(
                    inner.is_live(disk) && blocked.contains(&disk.slot),
                    !doubts.is_empty(),
                ),
                frees: inner.live(disk).map_or(0, |known| known.exclusive_bytes()),
            })
            .collect();
        Removal {
            verdict: verdict(!blockers.is_empty(), !doubts.is_empty()),
            images,
            blockers,
            doubts,
            frees: self.freed_by(&members),
            checked: vec!["headers"],
        }
    }
}

impl Inner {
    /// Everything that the `blockers` depend on, as far as `between` says that it matters.
    fn blocked_by(&self, blockers: &[Found], between: impl Fn(u32) -> bool) -> SlotSet {
        let mut work: Vec<u32> = blockers.iter().map(|found| found.dependent.disk.slot).collect();
        let mut walked: SlotSet = work.iter().copied().collect();
        let mut needed = SlotSet::default();
        while let Some(slot) = work.pop() {
            for arc in self.slots.outgoing(slot).filter(|arc| between(arc.to)) {
                needed.insert(arc.to);
                if !arc.ends && walked.insert(arc.to) {
                    work.push(arc.to);
                }
            }
        }
        needed
    }
}

impl Removal {
    /// Adds something that stands in the way and that headers do not tell: a catalogue's record, an owner.
    pub fn with_blocker(self, blocker: Blocker) -> Self {
        self.with_blockers([blocker])
    }

    /// The same for many. What was said already is not said again. O(all that stands in the way).
    pub fn with_blockers(mut self, blockers: impl IntoIterator<Item = Blocker>) -> Self {
        let known = self.blockers.iter().filter(|one| one.kind != BlockerKind::Dependent);
        let mut known: HashSet<Blocker> = known.cloned().collect();
        let new = blockers.into_iter().filter(|one| known.insert(one.clone()));
        let new: Vec<Blocker> = new.collect();
        let blocked: HashSet<DiskId> = new.iter().map(|one| one.image).collect();
        let images = self.images.iter_mut().filter(|image| blocked.contains(&image.disk));
        images.for_each(|image| image.verdict = Verdict::No);
        self.blockers.extend(new);
        // Of what is equally near what was said first comes first.
        self.blockers.sort_by_key(|one| one.depth);
        self.verdict = self.judged();
        self
    }

    /// Adds something that could not be asked, and may stand in the way of each image.
    pub fn with_doubt(mut self, doubt: Doubt) -> Self {
        let all = self.images.iter_mut().map(|image| &mut image.verdict);
        for verdict in all.chain([&mut self.verdict]).filter(|it| **it == Verdict::Yes) {
            *verdict = Verdict::Unknown;
        }
        self.doubts.push(doubt);
        self
    }

    /// Says that something else was asked as well.
    pub fn with_checked(mut self, what: &'static str) -> Self {
        if !self.checked.contains(&what) {
            self.checked.push(what);
        }
        self
    }

    /// Adds what `usage` knows: an image in use blocks, one whose use could not be found out is in
    /// doubt. Several may be asked, one after the other.
    pub fn with_usage(mut self, graph: &Graph, usage: &dyn Usage) -> Self {
        let mut in_use: Vec<Blocker> = Vec::new();
        let known = self.doubts.iter().filter(|doubt| doubt.kind == DoubtKind::Usage);
        let mut known: HashSet<Doubt> = known.cloned().collect();
        let mut asked = false;
        for image in &mut self.images {
            let Some(disk) = graph.disk(image.disk) else { continue };
            let path = disk.path().to_owned();
            match usage.in_use(&path) {
                InUse::No => asked = true,
                InUse::NotAsked => {}
                InUse::Yes { detail, .. } => {
                    asked = true;
                    in_use.push(Blocker {
                        path,
                        disk: image.disk,
                        image: image.disk,
                        kind: BlockerKind::InUse,
                        depth: 0,
                        detail,
                    });
                }
                InUse::Unknown { reason } => {
                    if image.verdict == Verdict::Yes {
                        image.verdict = Verdict::Unknown;
                    }
                    let doubt = Doubt { path, kind: DoubtKind::Usage, reason };
                    if known.insert(doubt.clone()) {
                        self.doubts.push(doubt);
                    }
                }
            }
        }
        let removal = self.with_blockers(in_use);
        if asked { removal.with_checked("locks") } else { removal }
    }

    /// The verdict on the set, from all that is known.
    pub(super) fn judged(&self) -> Verdict {
        verdict(!self.blockers.is_empty(), !self.doubts.is_empty())
    }
}

fn verdict(blocked: bool, in_doubt: bool) -> Verdict {
    match (blocked, in_doubt) {
        (true, _) => Verdict::No,
        (false, true) => Verdict::Unknown,
        (false, false) => Verdict::Yes,
    }
}

fn describe(certain: bool, depth: u32, kind: &str) -> String {
    match (certain, depth) {
        (true, 1) => format!("needs it directly, as its {kind} reference says"),
        (true, _) => format!("needs it {depth} layers up, as its {kind} reference says"),
        (false, _) => {
            let layers = if depth == 1 { "directly" } else { &format!("{depth} layers up") };
            format!(
                "may need it {layers}: a {kind} name on the way is resolved from QEMU's working directory"
            )
        }
    }
}
