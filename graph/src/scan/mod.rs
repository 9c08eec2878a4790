//! Scans: from directories to a graph, the only part of this crate that knows the file system.
//!
//! A scan lists every directory in scope once, looks into every regular file once per name, and
//! follows what the images name, also out of the scope. Special files are never opened, network
//! and pseudo file systems below a root are not entered, and what could not be asked is a doubt in
//! the graph's [`Coverage`] or a node with its reason.

mod assembly;
mod content;
mod control;
mod disks;
mod names;
mod paths;
mod references;
mod scope;
mod settings;
mod text;
mod walk;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use control::{Control, Progress};
pub use scope::{Fingerprint, Scope, Waiver};
pub use settings::{Settings, SettingsError};

use crate::doubt::{Coverage, Doubt, DoubtKind, ScopeSource};
use crate::facts::Key;
use crate::graph::{DiskId, Graph, bytes};
use assembly::{Assembly, Gap, Place};
use disks::Disks;
use walk::Found;

/// A scan to be run.
#[derive(Clone, Debug)]
pub struct Scan {
    scope: Scope,
    threads: NonZeroUsize,
    waivers: Vec<Waiver>,
    images: Vec<PathBuf>,
}

/// What a scan found.
#[derive(Clone, Debug)]
pub struct Scanned {
    /// All disks.
    pub graph: Graph,
    /// The images that the question is about, in the order in which they were given.
    pub images: Vec<Result<DiskId, ImageError>>,
    /// What it cost.
    pub statistics: Statistics,
}

/// What a scan cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Directories listed.
    pub directories: u64,
    /// Names of regular files met.
    pub files: u64,
    /// Files opened.
    pub opened: u64,
    /// From the first system call to the finished graph.
    pub elapsed: Duration,
}

/// Why an image that a question is about cannot be in the graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// Nothing is there, and nothing refers to it.
    #[error("no such file")]
    NotFound,
    /// A directory, FIFO, socket or device.
    #[error("not a regular file but {0}")]
    NotAFile(String),
    /// On a file system whose files are not files.
    #[error("{0}")]
    Refused(String),
    /// Not even what it is could be found out.
    #[error("{0}")]
    Unreadable(String),
}

/// Why a scan gave no graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// The caller stopped it, by flag or deadline. There is no partial answer.
    #[error("the scan was stopped before it was finished")]
    Stopped,
    /// There are more files than the graph can hold.
    #[error(transparent)]
    TooMany(#[from] crate::ApplyError),
}

impl Scan {
    /// A scan of `scope`, on one thread.
    pub fn new(scope: Scope) -> Self {
        Self { scope, threads: NonZeroUsize::MIN, waivers: Vec::new(), images: Vec::new() }
    }

    /// No directory is searched: only `images` (absolute paths) and what their chains name. Enough
    /// for [`Graph::chain`], [`Graph::depends_on`] and [`Graph::path`] from one of them, which rest
    /// on its chain alone; not for dependents.
    pub fn follow(images: Vec<PathBuf>) -> Self {
        Self::new(Scope::declared([], ScopeSource::Records)).images(images)
    }

    /// Uses so many threads.
    #[must_use]
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// Doubts that a person has declared known.
    #[must_use]
    pub fn waivers(mut self, waivers: Vec<Waiver>) -> Self {
        self.waivers = waivers;
        self
    }

    /// The images that the question is about, by absolute path. They are in the graph even when
    /// they lie out of the scope or are raw disks without saying so.
    #[must_use]
    pub fn images(mut self, images: Vec<PathBuf>) -> Self {
        self.images = images;
        self
    }

    /// Runs it.
    ///
    /// # Errors
    ///
    /// [`ScanError::Stopped`] when `control` says so. What cannot be read is no error but part of
    /// the answer; a root that cannot be listed is a doubt like any directory.
    pub fn run(&self, control: &Control) -> Result<Scanned, ScanError> {
        let start = Instant::now();
        let mut found = walk::walk(&self.scope.roots, self.threads, control);
        let mut statistics = Statistics {
            directories: found.directories.len() as u64,
            files: found.files.len() as u64,
            ..Statistics::default()
        };
        let mut assembly = Assembly::new(&mut found);
        let places = self.place_images(&mut assembly);
        references::resolve_all(&mut assembly, &|| control.should_stop());
        if control.should_stop() {
            return Err(ScanError::Stopped);
        }
        let Found { doubts, skipped, .. } = found;
        let outside = self.outside(&assembly, &places);
        let coverage = Coverage {
            scope: self.scope.roots.clone(),
            source: self.scope.source,
            doubts: doubts.into_iter().chain(outside).collect(),
            skipped,
            waived: Vec::new(),
        };
        statistics.opened = assembly.opened;
        let mut disks = Disks::new(&self.waivers, coverage);
        let mut graph = Graph::new();
        graph.apply(disks.changes(assembly))?;
        graph.set_coverage(disks.coverage);
        let images = places.into_iter().map(|place| id_of(&graph, place)).collect();
        statistics.elapsed = start.elapsed();
        Ok(Scanned { graph, images, statistics })
    }

    /// The images asked about that lie in none of the declared directories: what is beside them,
    /// where dependents usually are, was not asked.
    fn outside(
        &self,
        assembly: &Assembly,
        places: &[Result<Key, (Key, ImageError)>],
    ) -> Vec<Doubt> {
        if !self.scope.source.is_declaration() {
            return Vec::new();
        }
        let lies_outside = |(place, path): (&Result<Key, _>, &PathBuf)| {
            let key = place.as_ref().ok()?;
            (!assembly.is_in_scope(key)).then(|| Doubt {
                path: path.clone(),
                kind: DoubtKind::OutOfScope,
                reason:
                    "lies in none of the declared directories, so those beside it were not asked"
                        .to_owned(),
            })
        };
        places.iter().zip(&self.images).filter_map(lies_outside).collect()
    }

    /// Finds the images asked about; each is a disk whatever it holds.
    fn place_images(&self, assembly: &mut Assembly) -> Vec<Result<Key, (Key, ImageError)>> {
        let place =
            |assembly: &mut Assembly, image: &PathBuf| match assembly.locate(0, bytes(image)) {
                Place::File(file) => {
                    assembly.files[file as usize].wanted = true;
                    Ok(references::key_of(assembly, file))
                }
                Place::Nowhere { path, gap } => {
                    let error = match gap {
                        Gap::Missing => ImageError::NotFound,
                        Gap::NotAFile(kind) => ImageError::NotAFile(kind.to_string()),
                        Gap::Refused(reason) => ImageError::Refused(reason),
                        Gap::Unreadable(reason) => ImageError::Unreadable(reason),
                    };
                    Err((Key::name(path), error))
                }
            };
        self.images.iter().map(|image| place(assembly, image)).collect()
    }
}

/// A missing image that something refers to is a node like any other.
fn id_of(graph: &Graph, place: Result<Key, (Key, ImageError)>) -> Result<DiskId, ImageError> {
    match place {
        Ok(key) => graph.find_key(&key).ok_or(ImageError::NotFound),
        Err((key, error)) => graph.find_key(&key).ok_or(error),
    }
}

/// Bytes from an image or a directory as text that no terminal takes for anything else.
pub(crate) fn printable(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                '"' | '\'' => text.push(character),
                other => text.extend(other.escape_debug()),
            }
        }
        for byte in chunk.invalid() {
            // Writing to a String does not fail.
            write!(text, "\\x{byte:02x}").unwrap_or_default();
        }
    }
    text
}
