//! What the catalogues of pools have to say about a removal that somebody else judges by the headers.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use diskdag_graph::{Blocker, BlockerKind, Disk, DiskId, Doubt, DoubtKind, Graph, Removal};

use super::{Pool, find_top};
use crate::catalogue::State;
use crate::error::{Error, ErrorKind};
use crate::fs::{Fs, is_absent};
use crate::host::Host;

impl Pool {
    /// The pools that these files lie in, each once. One look per directory on the way up, however many files
    /// lie below it; a file that is not there lies where its name says. A directory that may not be searched
    /// has none that could be asked: nor can what lies in it, which every scan says.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] where it cannot be told.
    pub fn around<'p>(
        host: &Host,
        files: impl IntoIterator<Item = &'p Path>,
    ) -> Result<Vec<Self>, Error> {
        let mut seen: HashSet<PathBuf> = HashSet::new();
        let mut pools: BTreeMap<PathBuf, Self> = BTreeMap::new();
        // What is no absolute path is the name of something that is no file.
        for file in files.into_iter().filter(|file| file.is_absolute()) {
            let Some(dir) = file.parent().filter(|dir| !seen.contains(*dir)) else { continue };
            seen.insert(dir.to_owned());
            let Some(real) = nearest(&*host.fs, dir) else { continue };
            match find_top(&*host.fs, &real) {
                Ok(Some(top)) => {
                    pools.entry(top.clone()).or_insert_with(|| Self::at(host, top));
                }
                Ok(None) => {}
                Err(ErrorKind::Io { cause, .. })
                    if cause.kind() == io::ErrorKind::PermissionDenied => {}
                Err(kind) => return Err(kind.into()),
            }
        }
        Ok(pools.into_values().collect())
    }

    /// Adds what this pool's catalogue knows of the images that are to be removed: a snapshot that is listed
    /// blocks, and so do a pin and what still lies in the trash. An operation that has begun and not ended is
    /// a doubt, and so is a catalogue that cannot be read or that nobody stands by: never "nothing".
    pub fn judge(&self, graph: &Graph, mut removal: Removal) -> Removal {
        let doubt =
            |reason: String| Doubt { path: self.top().to_owned(), kind: DoubtKind::Other, reason };
        let state = match self.state() {
            Ok(state) => state,
            Err(error) => {
                let reason = format!("the pool's catalogue cannot be read: {}", causes(&error));
                return removal.with_doubt(doubt(reason));
            }
        };
        let images: Vec<DiskId> = removal.images.iter().map(|image| image.disk).collect();
        let disks = images.into_iter().filter_map(|image| graph.disk(image));
        let blockers: Vec<Blocker> = disks.flat_map(|disk| self.blockers(&state, &disk)).collect();
        removal = removal.with_blockers(blockers);
        for op in state.intents.keys() {
            let reason = format!("operation {op} of the pool has begun and not ended");
            removal = removal.with_doubt(doubt(reason));
        }
        if !state.confirmed {
            let reason = "the pool's catalogue was rebuilt, and nobody has confirmed it";
            removal = removal.with_doubt(doubt(reason.to_owned()));
        }
        removal.with_checked("catalogue")
    }

    fn blockers(&self, state: &State, disk: &Disk<'_>) -> Vec<Blocker> {
        let mut found = Vec::new();
        let mut add = |path: &Path, kind, detail| {
            let (path, image) = (path.to_owned(), disk.id());
            found.push(Blocker { path, disk: image, image, kind, depth: 0, detail });
        };
        for path in disk.paths() {
            // A path that leads nowhere names nothing that is recorded.
            let Ok(real) = self.fs().resolve(path) else { continue };
            let Some(recorded) = self.recorded(&real) else { continue };
            if let Some(record) = state.snapshot_at(&recorded) {
                let of = self.path(&record.disk);
                let detail = format!("is the snapshot {} of {}", record.name, of.display());
                add(path, BlockerKind::Snapshot, detail);
                if let Some(pin) = state.pins.get(&record.id) {
                    add(path, BlockerKind::Pinned, format!("is pinned: {}", pin.reason));
                }
            }
            if let Some(item) = state.trash.values().find(|item| item.file == recorded) {
                let detail = format!("lies in the trash, as item {}", item.id);
                add(path, BlockerKind::Trash, detail);
            }
        }
        found
    }
}

/// The directory without symbolic links; of one that is not there, the nearest above it that is. Nothing for
/// what cannot be entered, or what no directory can be called: nor can a file in it be opened.
fn nearest(fs: &dyn Fs, dir: &Path) -> Option<PathBuf> {
    for dir in dir.ancestors() {
        match fs.resolve(dir) {
            Ok(real) => return Some(real),
            Err(error) if is_absent(&error) => {}
            Err(_) => return None,
        }
    }
    None
}

/// An error and what it comes from.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
