//! A fleet as records given to a graph, without a file.

use diskdag_graph::{ApplyError, Change, DiskId, Facts, Graph, Key};

/// The graph in which each disk stands on its parent, and the id of each disk by its number.
///
/// # Errors
/// What the graph says: that it can't hold so many.
pub fn graph(parents: &[Option<usize>]) -> Result<(Graph, Vec<DiskId>), ApplyError> {
    let key = |disk: usize| Key::File { device: 1, inode: disk as u64 };
    let mut graph = Graph::new();
    graph.apply(parents.iter().enumerate().map(|(disk, parent)| {
        let facts = Facts::new(key(disk)).at(format!("/images/disk-{disk:07}.qcow2"));
        Change::Insert(match parent {
            Some(parent) => facts.backed_by(key(*parent)),
            None => facts,
        })
    }))?;
    let ids = (0..parents.len()).filter_map(|disk| graph.find_key(&key(disk))).collect();
    Ok((graph, ids))
}
