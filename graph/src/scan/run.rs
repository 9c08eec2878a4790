//! A scan from its beginning to its end.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::doubt::{AsOf, Coverage, Doubt, DoubtKind, ScopeSource, Skipped};
use crate::facts::{Change, Facts, Key};
use crate::graph::{DiskId, Graph, bytes};
use crate::scan::assembly::{Assembly, Step};
use crate::scan::control::{Control, Counts};
use crate::scan::crew::Crew;
use crate::scan::orders::{Gate, Orders, Trust};
use crate::scan::owners::{Claim, Owned, Owners};
use crate::scan::places::Place;
use crate::scan::question::Gap;
use crate::scan::record::Record;
use crate::scan::scanned::{ImageError, ScanError, Scanned, Statistics};
use crate::scan::scope::{Scope, Waiver};
use crate::scan::waived::Waivers;
use crate::scan::work::Found;
use crate::scan::{disks, plain, references};

/// A scan to be run.
#[derive(Clone)]
pub struct Scan {
    scope: Scope,
    threads: NonZeroUsize,
    readers: NonZeroUsize,
    patience: Duration,
    waivers: Vec<Waiver>,
    images: Vec<PathBuf>,
    owners: Option<Owners>,
    gate: Option<Arc<dyn Gate>>,
    ahead: i64,
}

/// Longer than any disk takes to spin up, shorter than a person waits.
const PATIENCE: Duration = Duration::from_secs(15);

impl Scan {
    /// A scan of `scope`, on one thread.
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            threads: NonZeroUsize::MIN,
            readers: NonZeroUsize::MIN,
            patience: PATIENCE,
            waivers: Vec::new(),
            images: Vec::new(),
            owners: None,
            gate: None,
            ahead: 0,
        }
    }

    /// No directory is searched: only `images` (absolute paths) and what their chains name. Enough
    /// for [`Graph::chain`], [`Graph::depends_on`] and [`Graph::path`] from one of them, which rest
    /// on its chain alone; not for dependents.
    pub fn follow(images: Vec<PathBuf>) -> Self {
        Self::new(Scope::declared([], ScopeSource::Records)).images(images)
    }

    /// The same for chains alone: see [`Scan::follow`].
    pub(crate) fn following(&self, images: Vec<PathBuf>) -> Self {
        let scope = Scope::declared([], ScopeSource::Records);
        Self { scope, owners: None, ..self.clone() }.images(images)
    }

    /// Uses so many threads.
    #[must_use]
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// Lets up to so many threads wait for the disk at a time. Where nothing is waited for, as when
    /// all is cached, there are never more than [`Scan::threads`]; each one that has waited hires
    /// another. 32 keep a disk busy that is read cold. The default is one.
    #[must_use]
    pub fn readers(mut self, readers: NonZeroUsize) -> Self {
        self.readers = readers;
        self
    }

    /// How long an answer of the system is waited for, 15 seconds unless said otherwise. Network
    /// file systems, and those for which a process answers, may never give one; what was asked is
    /// a doubt then, and the thread that asked is left behind, to end with its system call.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
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

    /// Asks these owners too. The disks that they name, and what those need, are in the graph even
    /// when they lie out of the scope.
    #[must_use]
    pub fn owners(mut self, owners: Owners) -> Self {
        self.owners = Some(owners);
        self
    }

    #[cfg(test)]
    pub(crate) fn gate(mut self, gate: Arc<dyn Gate>) -> Self {
        self.gate = Some(gate);
        self
    }

    /// Runs as if so many nanoseconds had gone by: what was just written is old.
    #[cfg(test)]
    pub(crate) fn ahead(mut self, nanoseconds: i64) -> Self {
        self.ahead = nanoseconds;
        self
    }

    /// Runs it.
    ///
    /// # Errors
    ///
    /// [`ScanError::Stopped`] when `control` says so. What cannot be read is no error but part of
    /// the answer; a root that cannot be listed is a doubt like any directory.
    pub fn run(&self, control: &Control) -> Result<Scanned, ScanError> {
        self.run_after(&Record::default(), control)
    }

    /// Runs it with what an earlier scan has learned, of whatever directories: one `stat` per file
    /// that has not changed since, one per directory, and a listing per directory that has
    /// changed. Files that have, and those that had changed within two seconds of being read, are
    /// read again. Finds what [`Scan::run`] finds.
    ///
    /// # Errors
    ///
    /// As [`Scan::run`].
    pub fn run_after(&self, before: &Record, control: &Control) -> Result<Scanned, ScanError> {
        let walked = self.walk(before, None, control)?;
        self.gather(before, walked, control)?.into_scanned(self.clone())
    }

    /// Asks everything in scope.
    pub(crate) fn walk(
        &self,
        before: &Record,
        trust: Option<Trust>,
        control: &Control,
    ) -> Result<Walked, ScanError> {
        let start = Instant::now();
        let time = SystemTime::now();
        if let Some(trust) = &trust {
            trust.watches.begin();
        }
        let crew = Crew::begin(Orders {
            roots: self.scope.roots.clone(),
            threads: self.threads,
            readers: self.readers.max(self.threads),
            patience: self.patience,
            control: control.clone(),
            before: before.clone(),
            trust,
            gate: self.gate.clone(),
            ahead: self.ahead,
        })?;
        let Found { folders, parts, doubts, skipped, counts } = crew.walked()?;
        let record = Record::new(folders, parts);
        let as_of = AsOf { generation: before.inner.generation + 1, time };
        Ok(Walked { crew, record, doubts, skipped, counts, start, as_of })
    }

    /// Follows what leads out of the scope, and makes disks of files; the graph is still to be made.
    pub(crate) fn gather(
        &self,
        before: &Record,
        walked: Walked,
        control: &Control,
    ) -> Result<Gathered, ScanError> {
        let Walked { crew, mut record, doubts, skipped, counts, start, as_of } = walked;
        let mut assembly = Assembly::new(&crew, &record.inner);
        let places = self.place_images(&mut assembly)?;
        let claims = self.place_claims(&mut assembly)?;
        plain::resolve_plain(&mut assembly);
        references::resolve_all(&mut assembly)?;
        if control.should_stop() {
            return Err(ScanError::Stopped);
        }
        let mut waivers = Waivers::new(&self.waivers, &crew)?;
        let outside = self.outside(&assembly, &places);
        let doubts = doubts.into_iter().chain(outside).collect();
        let mut coverage = Coverage {
            scope: self.scope.roots.clone(),
            source: self.scope.source,
            as_of: Some(as_of),
            ..waivers.apply(doubts, skipped)
        };
        let disks = disks::facts(&mut assembly, &mut waivers);
        coverage.waived = waivers.used();
        let opened = counts.opened + assembly.opened;
        record.continues(before, &self.scope.roots, assembly.outside);
        Ok(Gathered { disks, coverage, places, claims, record, counts, opened, start })
    }

    /// Whether a graph rests on nothing but what a walk finds.
    pub(crate) fn is_closed(&self) -> bool {
        self.images.is_empty() && self.owners.is_none() && self.waivers.is_empty()
    }

    /// The images asked about that lie in none of the declared directories: what is beside them,
    /// where dependents usually are, was not asked.
    fn outside(&self, assembly: &Assembly<'_>, places: &[Placed]) -> Vec<Doubt> {
        if !self.scope.source.is_declaration() {
            return Vec::new();
        }
        let lies_outside = |(place, path): (&Placed, &PathBuf)| {
            let key = place.0.as_ref().ok()?;
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

    /// Finds the files that owners name.
    fn place_claims(&self, assembly: &mut Assembly<'_>) -> Step<Vec<Result<Key, Gap>>> {
        let claims = self.owners.iter().flat_map(|owners| &owners.claims);
        let place = |claim: &Claim| {
            Ok(match assembly.locate(0, bytes(&claim.path))? {
                Place::File(file) => {
                    assembly.want(file);
                    Ok(assembly.key(file))
                }
                Place::Nowhere { gap, .. } => Err(gap),
            })
        };
        claims.map(place).collect()
    }

    /// What owners say about the disks of a graph.
    pub(crate) fn owned(&self, graph: &Graph, claims: Vec<Result<Key, Gap>>) -> Owned {
        let Some(owners) = &self.owners else { return Owned::default() };
        let mut doubts = Vec::new();
        let disks = claims.into_iter().zip(&owners.claims).map(|(place, claim)| match place {
            Ok(key) => graph.find_key(&key),
            // What is not there is no disk, or a missing one that something needs.
            Err(Gap::Missing) => graph.find_key(&Key::name(bytes(&claim.path))),
            Err(Gap::NotAFile(_) | Gap::Refused(_)) => None,
            Err(Gap::Unreadable(reason)) => {
                let reason =
                    format!("{} names it, and it could not be looked at: {reason}", claim.owner);
                let path = claim.path.clone();
                doubts.push(Doubt { path, kind: DoubtKind::Owner, reason });
                None
            }
        });
        let disks = disks.collect();
        Owned::new(owners, disks, doubts)
    }

    /// Finds the images asked about; each is a disk whatever it holds.
    fn place_images(&self, assembly: &mut Assembly<'_>) -> Step<Vec<Placed>> {
        let place = |image: &PathBuf| {
            Ok(Placed(match assembly.locate(0, bytes(image))? {
                Place::File(file) => {
                    assembly.want(file);
                    Ok(assembly.key(file))
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
            }))
        };
        self.images.iter().map(place).collect()
    }
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan")
            .field("scope", &self.scope)
            .field("threads", &self.threads)
            .field("readers", &self.readers)
            .field("patience", &self.patience)
            .field("waivers", &self.waivers)
            .field("images", &self.images)
            .finish_non_exhaustive()
    }
}

/// What a walk has found.
pub(crate) struct Walked {
    crew: Crew,
    record: Record,
    doubts: Vec<Doubt>,
    skipped: Vec<Skipped>,
    counts: Counts,
    start: Instant,
    pub(crate) as_of: AsOf,
}

impl Walked {
    /// Whether it is what `before` says, and nothing else had to be asked for that.
    pub(crate) fn is_as(&self, before: &Record) -> bool {
        self.doubts.is_empty()
            && self.skipped.is_empty()
            && before.inner.outside.is_empty()
            && self.record.is_same(before)
    }
}

/// What was asked, and what came of it.
pub(crate) struct Gathered {
    pub(crate) disks: Vec<Facts>,
    pub(crate) coverage: Coverage,
    pub(crate) places: Vec<Placed>,
    pub(crate) claims: Vec<Result<Key, Gap>>,
    pub(crate) record: Record,
    pub(crate) counts: Counts,
    pub(crate) opened: u64,
    pub(crate) start: Instant,
}

/// Where an image that was asked about is.
pub(crate) struct Placed(Result<Key, (Key, ImageError)>);

impl Placed {
    /// A missing image that something refers to is a node like any other.
    pub(crate) fn id(self, graph: &Graph) -> Result<DiskId, ImageError> {
        match self.0 {
            Ok(key) => graph.find_key(&key).ok_or(ImageError::NotFound),
            Err((key, error)) => graph.find_key(&key).ok_or(error),
        }
    }
}

impl Gathered {
    /// Makes the graph.
    pub(crate) fn into_scanned(self, scan: Scan) -> Result<Scanned, ScanError> {
        let mut graph = Graph::new();
        graph.apply(self.disks.into_iter().map(Change::Insert))?;
        graph.set_coverage(self.coverage);
        let images = self.places.into_iter().map(|place| place.id(&graph)).collect();
        let owned = scan.owned(&graph, self.claims);
        let statistics = Statistics::of(self.counts, self.opened, self.start.elapsed());
        Ok(Scanned { graph, images, owned, record: self.record, statistics, scan })
    }
}
