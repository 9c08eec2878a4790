//! From one state of the graph to the next: the changes, and what is worth telling of them.

use std::path::{Path, PathBuf};

use crate::facts::{Change, Facts, Key, State};
use crate::graph::{DiskId, Graph};
use crate::index::SlotSet;
use crate::scan::paths::os_str;

/// What happened to a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// It was not there before.
    Appeared,
    /// It is called, or needs, or is something else than before. That a guest has written to it is
    /// no event.
    Changed,
    /// It is gone. What needs it still does: the disk of the event is the missing one, if any does.
    Gone,
    /// It is needed, and not there.
    Missing,
    /// Not everything could be followed: everything was asked again.
    Rescanned,
}

impl EventKind {
    /// The word that stands in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Appeared => "appeared",
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::Missing => "missing",
            Self::Rescanned => "rescanned",
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// To which file; the first directory of the scope where it is about everything.
    pub path: PathBuf,
    /// The disk, as long as it, or the need of another for it, is in the graph.
    pub disk: Option<DiskId>,
}

/// The changes that make `graph` one of these disks and no others.
pub(in crate::scan) fn changes_to(graph: &Graph, now: Vec<Facts>) -> (Vec<Change>, Vec<Told>) {
    let slots = now.iter().filter_map(|facts| graph.find_key(&facts.key));
    let stays: SlotSet = slots.map(|disk| disk.slot).collect();
    let disks = graph.disks().map(|disk| disk.id());
    let gone = disks.filter(|disk| !stays.contains(&disk.slot)).collect();
    between(graph, now, gone)
}

/// The changes after which some disks are these, and those that are gone are no more.
pub(super) fn between(
    graph: &Graph,
    now: Vec<Facts>,
    gone: Vec<DiskId>,
) -> (Vec<Change>, Vec<Told>) {
    let mut changes = Vec::new();
    let mut told = Vec::new();
    for facts in now {
        let before = graph.find_key(&facts.key);
        let known = before.and_then(|disk| graph.disk(disk));
        let kind = match known {
            Some(known) if known.is_as_in(&facts) => continue,
            Some(known) if is_same(&known.facts(), &facts) => None,
            _ if facts.state == State::Missing => Some(EventKind::Missing),
            Some(known) if known.state() != State::Missing => Some(EventKind::Changed),
            _ => Some(EventKind::Appeared),
        };
        if let Some(kind) = kind {
            told.push(Told { kind, facts: facts.clone() });
        }
        changes.push(Change::Insert(facts));
    }
    for disk in gone.into_iter().filter_map(|id| graph.disk(id)) {
        if graph.inner.is_placeholder(disk.id().slot) {
            continue;
        }
        if disk.state() != State::Missing {
            told.push(Told { kind: EventKind::Gone, facts: disk.facts() });
        }
        changes.push(Change::Remove(disk.id()));
    }
    // First what is no more, then what there is instead.
    told.sort_by_key(|told| told.kind != EventKind::Gone);
    (changes, told)
}

/// An event before the graph knows of it.
pub(in crate::scan) struct Told {
    kind: EventKind,
    facts: Facts,
}

impl Told {
    /// The event, as the graph knows the disk now.
    pub(super) fn event(self, graph: &Graph) -> Event {
        let by_path = || graph.find(self.facts.paths.first()?);
        let disk = graph.find_key(&self.facts.key).or_else(by_path);
        let path = match (self.facts.paths.first(), disk.and_then(|disk| graph.disk(disk))) {
            (Some(path), _) => path.to_path_buf(),
            (None, Some(disk)) => disk.path().to_owned(),
            // What was no file is known by its name.
            (None, None) => match &self.facts.key {
                Key::Name(name) => Path::new(os_str(name)).to_owned(),
                Key::File { .. } => PathBuf::new(),
            },
        };
        Event { kind: self.kind, path, disk }
    }
}

/// Whether only sizes differ, which change under every guest.
fn is_same(before: &Facts, now: &Facts) -> bool {
    before.paths == now.paths
        && before.format == now.format
        && before.state == now.state
        && before.reason == now.reason
        && before.virtual_size == now.virtual_size
        && before.references == now.references
        && before.dependencies == now.dependencies
        && before.findings == now.findings
        && before.in_scope == now.in_scope
}
