//! A scan from its beginning to its end: walk, follow, make disks of files, make a graph of disks.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Instant, SystemTime};

use crate::doubt::{AsOf, Coverage, Doubt, DoubtKind, Skipped};
use crate::facts::Key;
use crate::graph::{DiskId, Graph, bytes};
use crate::scan::assembly::{Assembly, Step};
use crate::scan::beside::Beside;
use crate::scan::collected::Collected;
use crate::scan::control::{Control, Counts};
use crate::scan::crew::{Crew, PIECE};
use crate::scan::intake::Intake;
use crate::scan::orders::{Orders, Trust};
use crate::scan::owners::{Claim, Owned};
use crate::scan::places::Place;
use crate::scan::question::Gap;
use crate::scan::record::Record;
use crate::scan::run::Scan;
use crate::scan::scanned::{ImageError, ScanError, Scanned, Statistics};
use crate::scan::suppose::World;
use crate::scan::tables::Tables;
use crate::scan::waived::Waivers;
use crate::scan::work::Found;
use crate::scan::{disks, plain, references};

/// So many parts at a time the caller keeps up with.
const FEW: usize = 4 * PIECE;

impl Scan {
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
        // Where most is known already, nothing may have to be made.
        let is_all_new = trust.as_ref().is_none_or(|trust| trust.dirty.all);
        let orders = self.orders(before, trust, control);
        let crew = Crew::begin(orders, None)?;
        let mut intake = is_all_new.then(Intake::default);
        let found = crew.walked(|more, goes_on| {
            let Some(intake) = &mut intake else { return };
            intake.expect(more.names);
            intake.take(&more.folders, &more.parts);
            // Whoever lags behind many workers leaves to many threads what they can share.
            if goes_on && more.parts.len() <= FEW {
                intake.make();
            }
        })?;
        let Found { folders, parts, doubts, skipped, elsewhere, counts, .. } = found;
        let record = Record::new(folders, parts);
        let as_of = AsOf { generation: before.inner.generation + 1, time };
        let supposed = None;
        Ok(Walked {
            crew,
            intake,
            record,
            doubts,
            skipped,
            elsewhere,
            counts,
            start,
            as_of,
            supposed,
        })
    }

    /// Has nothing to walk.
    pub(super) fn at_once(
        &self,
        before: &Record,
        control: &Control,
        turns: Arc<AtomicU64>,
    ) -> Walked {
        Walked::nothing(Crew::alone(self.orders(before, None, control), turns), before)
    }

    /// Walks nothing: what a walk would find is supposed to be this record.
    pub(super) fn supposing(crew: Crew, record: Record, before: &Record, world: World) -> Walked {
        let elsewhere = before.inner.elsewhere().to_vec();
        Walked { record, elsewhere, supposed: Some(world), ..Walked::nothing(crew, before) }
    }

    /// What workers go by.
    pub(crate) fn orders(
        &self,
        before: &Record,
        trust: Option<Trust>,
        control: &Control,
    ) -> Orders {
        Orders {
            roots: self.scope.roots.clone(),
            threads: self.threads,
            readers: self.readers.max(self.threads),
            patience: self.patience,
            control: control.clone(),
            before: before.clone(),
            trust,
            gate: self.gate.clone(),
            ahead: self.ahead,
        }
    }

    /// Follows what leads out of the scope, and makes disks of files; the graph is still to be made.
    pub(crate) fn gather(
        &self,
        before: &Record,
        walked: Walked,
        control: &Control,
    ) -> Result<Gathered, ScanError> {
        let Walked { crew, intake, mut record, .. } = walked;
        let Walked { doubts, skipped, elsewhere, counts, start, as_of, supposed, .. } = walked;
        let intake = intake.unwrap_or_else(|| Intake::of(&record.inner));
        let (tables, lineup) = intake.finish(&record.inner);
        let mut assembly = Assembly::new(&crew, tables);
        record.lies_elsewhere(&elsewhere);
        assembly.tables.directories.lie_elsewhere(elsewhere);
        assembly.supposed = supposed;
        if let Some(world) = &mut assembly.supposed {
            world.number(&mut assembly.tables.directories);
        }
        let named = self.place(&mut assembly)?;
        plain::resolve_plain(&mut assembly.tables, crew.threads());
        references::resolve_all(&mut assembly)?;
        if control.should_stop() {
            return Err(ScanError::Stopped);
        }
        let mut waivers = Waivers::new(&self.waivers, &crew)?;
        let holding = waivers.holding();
        let mut coverage =
            self.coverage(&assembly.tables, &named, &doubts, &skipped, &mut waivers, as_of);
        let disks = disks::collect(&assembly.tables, lineup, crew.threads(), &mut waivers);
        coverage.waived = waivers.used();
        let opened = counts.opened + assembly.opened;
        let Assembly { tables, outside, beside, .. } = assembly;
        record.continues(before, &self.scope.roots, outside);
        let base = Base { tables, beside, named, doubts, skipped, holding };
        Ok(Gathered { disks, coverage, record, counts, opened, start, base })
    }

    /// What was asked, and what could not be; what disks are waived is still to be said.
    pub(super) fn coverage(
        &self,
        tables: &Tables,
        named: &Named,
        doubts: &[Doubt],
        skipped: &[Skipped],
        waivers: &mut Waivers<'_>,
        as_of: AsOf,
    ) -> Coverage {
        let outside = self.outside(tables, &named.places);
        let doubts = doubts.iter().cloned().chain(outside).collect();
        Coverage {
            scope: self.scope.roots.clone(),
            source: self.scope.source,
            as_of: Some(as_of),
            ..waivers.apply(doubts, skipped.to_vec())
        }
    }

    /// Whether a graph rests on nothing but what a walk finds.
    pub(crate) fn is_closed(&self) -> bool {
        self.images.is_empty() && self.owners.is_none() && self.waivers.is_empty()
    }

    /// Finds the images asked about and the disks that owners name; each is a disk whatever it holds.
    pub(super) fn place(&self, assembly: &mut Assembly<'_>) -> Step<Named> {
        let places = self.place_images(assembly)?;
        Ok(Named { places, claims: self.place_claims(assembly)? })
    }

    /// The images asked about that lie in none of the declared directories: what is beside them,
    /// where dependents usually are, was not asked.
    fn outside(&self, tables: &Tables, places: &[Placed]) -> Vec<Doubt> {
        if !self.scope.source.is_declaration() {
            return Vec::new();
        }
        let lies_outside = |(place, path): (&Placed, &PathBuf)| {
            let key = place.0.as_ref().ok()?;
            (!tables.is_in_scope(key)).then(|| Doubt {
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
                    assembly.tables.want(file);
                    Ok(assembly.tables.key(file))
                }
                Place::Nowhere { gap, .. } => Err(gap),
            })
        };
        claims.map(place).collect()
    }

    /// What owners say about the disks of a graph.
    pub(crate) fn owned(&self, graph: &Graph, named: &Named) -> Owned {
        let Some(owners) = &self.owners else { return Owned::default() };
        let mut doubts = Vec::new();
        let claims = named.claims.iter().zip(&owners.claims);
        let disks = claims.map(|(place, claim)| match place {
            Ok(key) => graph.find_key(key),
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
                    assembly.tables.want(file);
                    Ok(assembly.tables.key(file))
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

/// What a walk has found.
pub(crate) struct Walked {
    crew: Crew,
    /// What was made of it already.
    intake: Option<Intake>,
    record: Record,
    doubts: Vec<Doubt>,
    skipped: Vec<Skipped>,
    elsewhere: Vec<((u64, u64), PathBuf)>,
    counts: Counts,
    start: Instant,
    pub(crate) as_of: AsOf,
    supposed: Option<World>,
}

impl Walked {
    fn nothing(crew: Crew, before: &Record) -> Self {
        let as_of = AsOf { generation: before.inner.generation + 1, time: SystemTime::now() };
        Self {
            crew,
            intake: None,
            record: Record::default(),
            doubts: Vec::new(),
            skipped: Vec::new(),
            elsewhere: Vec::new(),
            counts: Counts::default(),
            start: Instant::now(),
            as_of,
            supposed: None,
        }
    }

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
    pub(crate) disks: Collected,
    pub(crate) coverage: Coverage,
    pub(crate) record: Record,
    pub(crate) counts: Counts,
    pub(crate) opened: u64,
    pub(crate) start: Instant,
    pub(crate) base: Base,
}

/// What a graph that is kept current is made from.
#[derive(Debug)]
pub(crate) struct Base {
    pub(super) tables: Tables,
    pub(super) beside: Vec<Beside>,
    pub(super) named: Named,
    /// What the walk could not ask, whether or not that is waived.
    pub(super) doubts: Vec<Doubt>,
    pub(super) skipped: Vec<Skipped>,
    /// The waivers that held.
    pub(super) holding: BTreeSet<PathBuf>,
}

/// Where the images asked about are, and the disks of owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    places: Vec<Placed>,
    pub(super) claims: Vec<Result<Key, Gap>>,
}

impl Named {
    /// The files that are named.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        let places = self.places.iter().filter_map(|place| place.0.as_ref().ok());
        places.chain(self.claims.iter().filter_map(|claim| claim.as_ref().ok()))
    }

    /// The images in a graph.
    pub(super) fn images(&self, graph: &Graph) -> Vec<Result<DiskId, ImageError>> {
        self.places.iter().map(|place| place.id(graph)).collect()
    }
}

/// Where an image that was asked about is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed(Result<Key, (Key, ImageError)>);

impl Placed {
    /// A missing image that something refers to is a node like any other.
    fn id(&self, graph: &Graph) -> Result<DiskId, ImageError> {
        match &self.0 {
            Ok(key) => graph.find_key(key).ok_or(ImageError::NotFound),
            Err((key, error)) => graph.find_key(key).ok_or_else(|| error.clone()),
        }
    }
}

impl Gathered {
    /// Makes the graph.
    pub(crate) fn into_scanned(self, scan: Scan) -> Result<(Scanned, Base), ScanError> {
        let mut graph = self.disks.into_graph(&self.base.tables, scan.threads.get())?;
        graph.set_coverage(self.coverage);
        let images = self.base.named.images(&graph);
        let owned = scan.owned(&graph, &self.base.named);
        let statistics = Statistics::of(self.counts, self.opened, self.start.elapsed());
        let scanned = Scanned { graph, images, owned, record: self.record, statistics, scan };
        Ok((scanned, self.base))
    }
}
