//! Views of one disk and of one edge.

use std::path::Path;

use crate::facts::{EdgeFacts, Facts, Finding, Format, Key, State};
use crate::graph::{DiskId, Inner};

/// One node of a graph.
#[derive(Clone, Copy, Debug)]
pub struct Disk<'g> {
    inner: &'g Inner,
    slot: u32,
    facts: &'g Facts,
}

impl<'g> Disk<'g> {
    pub(crate) fn new(inner: &'g Inner, slot: u32, facts: &'g Facts) -> Self {
        Self { inner, slot, facts }
    }

    /// The id, for asking the graph.
    pub fn id(&self) -> DiskId {
        self.inner.id(self.slot)
    }

    /// What makes it this disk.
    pub fn key(&self) -> &'g Key {
        &self.facts.key
    }

    /// Every path that leads to it.
    pub fn paths(&self) -> impl ExactSizeIterator<Item = &'g Path> + use<'g> {
        self.facts.paths.iter().map(|path| &**path)
    }

    /// The path to show; for a node that has none, the name that it is known by.
    pub fn path(&self) -> &'g Path {
        match (self.facts.paths.first(), &self.facts.key) {
            (Some(path), _) => path,
            (None, Key::Name(name)) => name_as_path(name),
            (None, Key::File { .. }) => Path::new(""),
        }
    }

    /// What it is.
    pub fn format(&self) -> Format {
        self.facts.format
    }

    /// Whether it can be used.
    pub fn state(&self) -> State {
        self.facts.state
    }

    /// Why not, if not.
    pub fn reason(&self) -> Option<&'g str> {
        self.facts.reason.as_deref()
    }

    /// Size as the guest sees it, in bytes.
    pub fn virtual_size(&self) -> Option<u64> {
        self.facts.virtual_size
    }

    /// Bytes allocated on the host's file system.
    pub fn actual_size(&self) -> Option<u64> {
        self.facts.actual_size
    }

    /// Length of the file in bytes, which is what a reference that declares it raw makes of it.
    pub fn length(&self) -> Option<u64> {
        self.facts.length
    }

    /// What is odd about it.
    pub fn findings(&self) -> &'g [Finding] {
        &self.facts.findings
    }

    /// What it needs, as it was told: one entry per edge, in the order of [`Edge`] positions.
    pub fn references(&self) -> &'g [EdgeFacts] {
        &self.facts.references
    }

    /// Whether it lies in the scope, not only at the end of a reference that leads out of it.
    pub fn in_scope(&self) -> bool {
        self.facts.in_scope
    }

    /// All facts.
    pub fn facts(&self) -> &'g Facts {
        self.facts
    }

    /// The edges to what it needs, in the order of its references.
    pub fn needs(&self) -> Vec<Edge<'g>> {
        let mut arcs: Vec<_> = self.inner.slots.outgoing(self.slot).collect();
        arcs.sort_unstable_by_key(|arc| arc.position());
        arcs.into_iter().filter_map(|arc| self.inner.edge(arc)).collect()
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
    pub facts: &'g EdgeFacts,
}

#[cfg(unix)]
fn name_as_path(name: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt;
    Path::new(std::ffi::OsStr::from_bytes(name))
}
