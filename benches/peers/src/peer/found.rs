//! petgraph's `StableDiGraph` with what a user has to keep beside it so that a disk can be found again: its
//! path in the node, and a map of keys and one of paths. No labels, no doubts, no versions.

use std::collections::HashMap;
use std::path::PathBuf;

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

    fn remove(&mut self, disk: usize) {
        if let Some(node) = self.by_key.remove(&(1, disk as u64))
            && let Some(path) = self.graph.remove_node(node)
        {
            self.by_path.remove(&path);
        }
    }

    /// Adds a leaf on a disk, and takes it away again.
    pub(crate) fn come_and_go(&mut self, parent: usize) {
        let new = self.graph.node_count();
        self.insert(new, Some(parent));
        self.remove(new);
    }
}
