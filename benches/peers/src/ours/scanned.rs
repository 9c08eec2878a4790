//! Directories into graphs, and the question from nothing.

use crate::Result;
use diskdag_graph::scan::{Control, Record, Scan, Scope};
use diskdag_graph::{Graph, ScopeSource};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// The graph of a directory.
pub(crate) fn scan(dir: &Path, threads: NonZeroUsize) -> Result<Graph> {
    let scope = Scope::declared([dir.to_owned()], ScopeSource::Flag);
    Ok(Scan::new(scope).threads(threads).run(&Control::default())?.graph)
}

/// The same with so many readers that may wait for the disk at a time.
pub(crate) fn scan_cold(dir: &Path, threads: NonZeroUsize, readers: NonZeroUsize) -> Result<Graph> {
    let scope = Scope::declared([dir.to_owned()], ScopeSource::Flag);
    let scan = Scan::new(scope).threads(threads).readers(readers);
    Ok(scan.run(&Control::default())?.graph)
}

/// What a scan has learned, on file.
pub(crate) fn save_index(dir: &Path, index: &Path, threads: NonZeroUsize) -> Result<()> {
    let scope = Scope::declared([dir.to_owned()], ScopeSource::Flag);
    let scanned = Scan::new(scope).threads(threads).run(&Control::default())?;
    Ok(scanned.record.save(index)?)
}

/// The graph of a directory, by a process that starts from a saved index. Every file is asked, and
/// none is opened.
pub(crate) fn start_again(dir: &Path, index: &Path, threads: NonZeroUsize) -> Result<Graph> {
    let scope = Scope::declared([dir.to_owned()], ScopeSource::Flag);
    let scan = Scan::new(scope).threads(threads);
    let scanned = scan.run_after(&Record::load(index)?, &Control::default())?;
    match scanned.statistics.opened {
        0 => Ok(scanned.graph),
        opened => Err(format!("{opened} files were opened").into()),
    }
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
    let scope = Scope::declared([dir.to_owned()], ScopeSource::Flag);
    let scan = Scan::new(scope).threads(threads).images(vec![image.to_owned()]);
    let scanned = scan.run(&Control::default())?;
    let graph = scanned.graph;
    let image = scanned.images.into_iter().next().ok_or("no image")??;
    let removal = graph.removal(&[image]);
    let mut paths = removal.blockers.into_iter().map(|blocker| blocker.path).collect::<Vec<_>>();
    paths.sort();
    Ok(paths)
}
