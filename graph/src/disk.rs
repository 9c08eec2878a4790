//! Views of one disk and of one edge.

use std::path::Path;

use diskdag_qcow2::reference::Rule;

use crate::facts::{Certainty, EdgeFacts, EdgeKind, Facts, Finding, Format, KeyRef, State};
use crate::graph::{DiskId, Inner};
use crate::records::{Known, NameOf, Paths, as_path, format_of};

/// One node of a graph.
#[derive(Clone, Copy, Debug)]
pub struct Disk<'g> {
    inner: &'g Inner,
    slot: u32,
    known: Known<'g>,
}

impl<'g> Disk<'g> {
    pub(crate) fn new(inner: &'g Inner, slot: u32, known: Known<'g>) -> Self {
        Self { inner, slot, known }
    }

    /// The id, for asking the graph.
    pub fn id(&self) -> DiskId {
        self.inner.id(self.slot)
    }

    /// What makes it this disk.
    pub fn key(&self) -> KeyRef<'g> {
        self.known.key()
    }

    /// Every path that leads to it.
    pub fn paths(&self) -> impl ExactSizeIterator<Item = &'g Path> + use<'g> {
        let paths: Paths<'g> = self.known.paths();
        paths
    }

    /// The path to show; for a node that has none the name that it is known by, or nothing for a file.
    pub fn path(&self) -> &'g Path {
        match (self.known.paths().next(), self.known.key()) {
            (Some(path), _) => path,
            (None, KeyRef::Name(name)) => as_path(name),
            (None, KeyRef::File { .. }) => Path::new(""),
        }
    }

    /// What it is.
    pub fn format(&self) -> Format {
        self.known.format()
    }

    /// Whether it can be used.
    pub fn state(&self) -> State {
        self.known.state()
    }

    /// Why not, if not.
    pub fn reason(&self) -> Option<&'g str> {
        self.known.reason()
    }

    /// Size as the guest sees it, in bytes.
    pub fn virtual_size(&self) -> Option<u64> {
        self.known.virtual_size()
    }

    /// Bytes allocated on the host's file system.
    pub fn actual_size(&self) -> Option<u64> {
        self.known.actual_size()
    }

    /// Length of the file in bytes, which is what a reference that declares it raw makes of it.
    pub fn length(&self) -> Option<u64> {
        self.known.length()
    }

    /// Bytes of [`Disk::actual_size`] that the file system shares with other files, as far as it was asked.
    pub fn reflinked(&self) -> u64 {
        self.known.reflinked()
    }

    /// What is odd about it.
    pub fn findings(&self) -> &'g [Finding] {
        self.known.findings()
    }

    /// What it needs, as it was told: one entry per edge, in the order of [`Edge`] positions.
    /// O(references), which are nearly always one at most.
    pub fn references(&self) -> Vec<Reference<'g>> {
        self.needs().into_iter().map(|edge| edge.facts).collect()
    }

    /// Whether it lies in the scope, not only at the end of a reference that leads out of it.
    pub fn in_scope(&self) -> bool {
        self.known.in_scope()
    }

    /// All facts, put together again as they were told.
    pub fn facts(&self) -> Facts {
        let references = self.references().iter().map(Reference::to_facts).collect();
        self.known.facts(references)
    }

    /// Whether [`Disk::facts`] would be these; without putting them together.
    pub fn is_as_in(&self, facts: &Facts) -> bool {
        self.known.is_as_in(facts) && {
            let targets = self.inner.needs(self.slot).into_iter().map(|arc| arc.to);
            let mut pairs = targets.zip(&facts.references);
            pairs.all(|(target, edge)| {
                self.inner.known(target).is_some_and(|target| target.key() == edge.target)
            })
        }
    }

    /// The edges to what it needs, in the order of its references.
    pub fn needs(&self) -> Vec<Edge<'g>> {
        let inner = self.inner;
        let arcs = self.known.references_to(inner.needs(self.slot));
        arcs.filter_map(|(name, arc)| inner.edge_named(arc, name)).collect()
    }

    /// The edges from those that need it directly.
    pub fn needed_by(&self) -> impl Iterator<Item = Edge<'g>> + use<'g> {
        let inner = self.inner;
        inner.slots.incoming(self.slot).filter_map(move |arc| inner.edge(arc))
    }

    /// Whether anything at all needs it. O(1).
    pub fn is_needed(&self) -> bool {
        self.inner.slots.has_incoming(self.slot)
    }
}

/// One edge: `from` needs `to`.
#[derive(Clone, Copy, Debug)]
pub struct Edge<'g> {
    /// The overlay.
    pub from: DiskId,
    /// What it needs.
    pub to: DiskId,
    /// Why, by which name, and how sure that is.
    pub facts: Reference<'g>,
}

/// What is known of one edge: [`EdgeFacts`] as the graph holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference<'g> {
    /// Backing file or data file.
    pub kind: EdgeKind,
    /// What the overlay needs.
    pub target: KeyRef<'g>,
    /// The reference byte for byte as the image holds it.
    pub name: &'g [u8],
    /// The format that the image declares for its target, if it does.
    pub format: Option<&'g [u8]>,
    /// The rule by which the name was resolved.
    pub rule: Rule,
    /// Whether the target is surely the one meant.
    pub certainty: Certainty,
    /// The chain ends at the target whatever the target itself refers to.
    pub ends_chain: bool,
}

impl<'g> Reference<'g> {
    pub(crate) fn new(target: KeyRef<'g>, name: NameOf<'g>) -> Self {
        let NameOf { kind, certainty, ends_chain, rule, format, name } = name;
        Self { kind, target, name, format, rule, certainty, ends_chain }
    }

    /// The same, to be kept.
    pub fn to_facts(&self) -> EdgeFacts {
        EdgeFacts {
            kind: self.kind,
            target: self.target.to_key(),
            name: self.name.into(),
            format: self.format.map(format_of),
            rule: self.rule,
            certainty: self.certainty,
            ends_chain: self.ends_chain,
        }
    }
}
