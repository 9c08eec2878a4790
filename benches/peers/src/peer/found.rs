//! petgraph's `StableDiGraph` with what a user has to keep beside it so that a disk can be found again: its
//! path in the node, and a map of keys and one of paths. No labels, no doubts, no versions.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::Result;
use crate::leaves::Leaves;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};

/// Device and inode.
type Key = (u64, u64);

/// A graph whose leaves come and go under their keys and paths.
pub(crate) struct Found {
    graph: StableDiGraph<PathBuf, u32, u32>,
    by_key: HashMap<Key, NodeIndex<u32>>,
    by_path: HashMap<PathBuf, NodeIndex<u32>>,
}

impl Found {
    /// The graph of `parents`, each disk with an edge to its parent, which has a lower number.
    pub(crate) fn of(parents: &[Option<usize>]) -> Self {
        let graph = StableDiGraph::with_capacity(parents.len() + 1, parents.len() + 1);
        let mut found = Self { graph, by_key: HashMap::new(), by_path: HashMap::new() };
        for (disk, parent) in parents.iter().enumerate() {
            found.insert(disk, *parent);
        }
        found
    }

    fn insert(&mut self, disk: usize, parent: Option<usize>) {
        let path = PathBuf::from(format!("/images/disk-{disk:07}.qcow2"));
        let node = self.graph.add_node(path.clone());
        if let Some(parent) = parent.and_then(|parent| self.by_key.get(&(1, parent as u64))) {
            self.graph.add_edge(node, *parent, 0);
        }
        self.by_key.insert((1, disk as u64), node);
        self.by_path.insert(path, node);
    }
}

impl Leaves for Found {
    fn has(&self, leaf: usize) -> bool {
        self.by_key.contains_key(&(1, leaf as u64))
    }

    fn add(&mut self, leaf: usize, on: usize) -> Result<()> {
        self.insert(leaf, Some(on));
        Ok(())
    }

    fn remove(&mut self, leaf: usize) -> Result<()> {
        let node = self.by_key.remove(&(1, leaf as u64)).ok_or("the leaf is not there")?;
        let path = self.graph.remove_node(node).ok_or("the leaf is not there")?;
        self.by_path.remove(&path);
        Ok(())
    }
}
