//! A scan from its beginning to its end: walk, follow, make disks of files, make a graph of disks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Instant, SystemTime};

use crate::doubt::{AsOf, Coverage, Doubt, DoubtKind, Skipped};
use crate::scan::assembly::Assembly;
use crate::scan::beside::Beside;
use crate::scan::collected::Collected;
use crate::scan::control::{Control, Counts};
use crate::scan::crew::{Crew, PIECE};
use crate::scan::intake::Intake;
use crate::scan::named::Named;
use crate::scan::orders::{Orders, Trust};
use crate::scan::record::{Folder, Record};
use crate::scan::run::Scan;
use crate::scan::scanned::{ScanError, Scanned, Statistics};
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
        let Found { mut folders, parts, doubts, skipped, elsewhere, counts, led, absent, .. } =
            found;
        distrust(&mut folders, &doubts);
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
            ways: Ways { led, absent },
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
        let Walked { doubts, skipped, elsewhere, mut counts, start, as_of, supposed, ways, .. } =
            walked;
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
        let mut coverage = self.coverage(&doubts, &skipped, &mut waivers, as_of);
        let disks = disks::collect(&assembly.tables, lineup, crew.threads(), &mut waivers);
        coverage.waived = waivers.used();
        counts.resolved += assembly.resolved;
        let opened = counts.opened + assembly.opened;
        let Assembly { tables, outside, beside, .. } = assembly;
        record.continues(before, &self.scope.roots, outside);
        let base = Base { tables, beside, named, doubts, skipped, holding };
        Ok(Gathered { disks, coverage, record, counts, opened, start, base, ways })
    }

    /// What was asked, and what could not be; what disks are waived is still to be said.
    pub(super) fn coverage(
        &self,
        doubts: &[Doubt],
        skipped: &[Skipped],
        waivers: &mut Waivers<'_>,
        as_of: AsOf,
    ) -> Coverage {
        Coverage {
            scope: self.scope.roots.clone(),
            source: self.scope.source,
            as_of: Some(as_of),
            ..waivers.apply(doubts.to_vec(), skipped.to_vec())
        }
    }

    /// Whether a graph rests on nothing but what a walk finds.
    pub(crate) fn is_closed(&self) -> bool {
        self.images.is_empty() && self.owners.is_none() && self.waivers.is_empty()
    }
}

/// Has directories listed again of which a walk could not ask everything: what is known of them is not all that they
/// hold, and the next walk would not know that.
fn distrust(folders: &mut [Folder], doubts: &[Doubt]) {
    let of = |doubt: &Doubt| match doubt.kind {
        DoubtKind::Directory => Some(doubt.path.clone()),
        _ => doubt.path.parent().map(Path::to_owned),
    };
    let unsure: BTreeSet<PathBuf> = doubts.iter().filter_map(of).collect();
    for folder in folders.iter_mut().filter(|folder| unsure.contains(&*folder.path)) {
        (folder.is_settled, folder.is_told) = (false, false);
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
    pub(crate) ways: Ways,
}

/// What a walk has met on its ways that may be otherwise a moment later, and nobody tells of.
#[derive(Default)]
pub(crate) struct Ways {
    /// Where symbolic links led that led to directories.
    pub(super) led: Vec<(PathBuf, (u64, u64))>,
    /// Directories that were named, and then not there.
    pub(super) absent: Vec<PathBuf>,
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
            ways: Ways::default(),
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
    pub(crate) ways: Ways,
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
