//! A graph that is kept current: each change by itself, as a daemon sees them.

use crate::leaves::Leaves;
use crate::{Result, fleet};
use diskdag_graph::{Change, DiskId, EdgeFacts, Facts, Graph, Key};

/// A graph whose leaves come and go.
pub(crate) struct Changed {
    graph: Graph,
    ids: Vec<DiskId>,
    /// A reader holds the version before each leaf that goes, so that it may not go in place.
    pub(crate) is_read: bool,
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
        Ok(Self { graph, ids, is_read: false, held: None })
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

impl Leaves for Changed {
    fn has(&self, leaf: usize) -> bool {
        self.graph.find_key(&key(leaf)).is_some()
    }

    fn add(&mut self, disk: usize, on: usize) -> Result<()> {
        self.held = None;
        self.graph.apply([leaf(disk, on)])?;
        Ok(())
    }

    fn remove(&mut self, leaf: usize) -> Result<()> {
        let id = self.graph.find_key(&key(leaf)).ok_or("the leaf is not there")?;
        self.held = self.is_read.then(|| self.graph.clone());
        self.graph.apply([Change::Remove(id)])?;
        Ok(())
    }
}
