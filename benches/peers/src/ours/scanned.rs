//! Directories into graphs, and the question from nothing.

use crate::Result;
use diskdag_graph::scan::{Control, Scan, Scope};
use diskdag_graph::{Graph, ScopeSource};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// The graph of a directory.
pub(crate) fn scan(dir: &Path, threads: NonZeroUsize) -> Result<Graph> {
    let scope = Scope::declared([dir.to_owned()], ScopeSource::Flag);
    Ok(Scan::new(scope).threads(threads).run(&Control::default())?.graph)
}

/// Disks and edges.
pub(crate) fn size(graph: &Graph) -> (usize, usize) {
    (graph.len(), graph.edge_count())
}

/// May `image` be removed, asked with no graph there yet: everything that stands in the way, sorted.
///
/// Uses as many threads as there are processors.
pub(crate) fn blockers(dir: &Path, image: &Path) -> Result<Vec<PathBuf>> {
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let graph = scan(dir, threads)?;
    let image = graph.find(image).ok_or("the scan did not find the image")?;
    let removal = graph.removal(&[image]);
    let mut paths = removal.blockers.into_iter().map(|blocker| blocker.path).collect::<Vec<_>>();
    paths.sort();
    Ok(paths)
}
