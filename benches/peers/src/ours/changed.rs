//! A graph that is kept current: each change by itself, as a daemon sees them.

use crate::{Result, fleet};
use diskdag_graph::{Change, DiskId, EdgeFacts, Facts, Graph, Key};

/// A graph whose leaves come and go.
pub(crate) struct Changed {
    graph: Graph,
    ids: Vec<DiskId>,
    /// Held while changes are made, so that they may not be made in place.
    held: Option<Graph>,
}

/// As `fleet::graph` names them.
fn key(disk: usize) -> Key {
    Key::File { device: 1, inode: disk as u64 }
}

fn leaf(disk: usize, parent: usize) -> Change {
    let facts = Facts::new(key(disk)).at(format!("/images/disk-{disk:07}.qcow2"));
    Change::Insert(facts.backed_by(key(parent)))
}

impl Changed {
    pub(crate) fn of(parents: &[Option<usize>]) -> Result<Self> {
        let (graph, ids) = fleet::graph(parents)?;
        Ok(Self { graph, ids, held: None })
    }

    /// Adds a leaf on a disk, and takes it away again.
    pub(crate) fn come_and_go(&mut self, parent: usize) -> Result<()> {
        let new = self.ids.len();
        self.graph.apply([leaf(new, parent)])?;
        let id = self.graph.find_key(&key(new)).ok_or("the leaf is not there")?;
        self.graph.apply([Change::Remove(id)])?;
        Ok(())
    }

    /// Takes a leaf away and puts it back on its parent.
    pub(crate) fn go_and_come(&mut self, disk: usize, parent: usize) -> Result<()> {
        let old = *self.ids.get(disk).ok_or("no such disk")?;
        self.graph.apply([Change::Remove(old)])?;
        self.graph.apply([leaf(disk, parent)])?;
        self.ids[disk] = self.graph.find_key(&key(disk)).ok_or("the leaf is not there")?;
        Ok(())
    }

    /// The same while a reader holds the version before each change.
    pub(crate) fn go_and_come_read(&mut self, disk: usize, parent: usize) -> Result<()> {
        self.held = Some(self.graph.clone());
        self.go_and_come(disk, parent)
    }

    /// Puts a disk, with all that depends on it, on another one.
    pub(crate) fn repoint(&mut self, disk: usize, parent: usize) -> Result<()> {
        let disk = *self.ids.get(disk).ok_or("no such disk")?;
        let references = vec![EdgeFacts::backing(key(parent))];
        self.graph.apply([Change::Repoint { disk, references }])?;
        Ok(())
    }

    /// The numbers of all that depend on a disk, added up.
    pub(crate) fn above(&self, disk: usize) -> u64 {
        let id = self.ids.get(disk).copied();
        id.map_or(0, |id| self.graph.dependents(id).fold(0, |sum, id| sum + id.number()))
    }

    /// The ids of the same disks in a plain array.
    pub(crate) fn ids(&self) -> &[DiskId] {
        &self.ids
    }
}
