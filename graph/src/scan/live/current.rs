//! The graph, and whoever keeps it current.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::doubt::{AsOf, Coverage, Doubt, DoubtKind};
use crate::graph::Graph;
use crate::scan::control::Control;
use crate::scan::gather::{Base, Gathered, Ways};
use crate::scan::live::changes::{self, Event, EventKind, Told};
use crate::scan::live::patch::Patched;
use crate::scan::live::sweep::Sweep;
use crate::scan::live::untold::Untold;
use crate::scan::live::watches::{BURST, Dirty, Watches};
use crate::scan::orders::Trust;
use crate::scan::record::Record;
use crate::scan::run::Scan;
use crate::scan::scanned::{ScanError, Scanned, Statistics};
use crate::sys::clock;

/// Where the system tells of no changes, everything is asked this often.
const POLL: Duration = Duration::from_secs(1);

/// Keeps a graph current. It belongs to one thread, which calls [`Live::wait`] and
/// [`Live::refresh`] in turn; others ask through [`Live::handle`].
///
/// Ids stay good from one version to the next, as with [`Graph::apply`].
#[derive(Debug)]
pub struct Live {
    pub(super) scan: Scan,
    /// Nothing where the system tells of no changes.
    pub(in crate::scan) watches: Option<Arc<Watches>>,
    pub(super) now: Scanned,
    shared: LiveGraph,
    /// Everything is watched, so that what was not told has not changed.
    is_whole: bool,
    /// What the graph is made from; nothing after what could not be patched.
    pub(super) base: Option<Base>,
    /// Entries that can change without being told.
    pub(super) untold: Untold,
    /// Asks about all others, bit by bit.
    pub(super) sweep: Sweep,
    /// Some directory lies where nobody tells of all changes.
    pub(super) is_remote: bool,
    /// When the last refresh began.
    asked: Instant,
    /// Waivers or owners are others than at the last refresh.
    pub(super) is_said_anew: bool,
}

/// The current version of a graph, for any thread.
#[derive(Clone, Debug, Default)]
pub struct LiveGraph {
    graph: Arc<RwLock<Graph>>,
}

impl LiveGraph {
    /// The version that was made last; it stays as it is. [`crate::Coverage::as_of`] says as of when
    /// it is true. Never waits for a scan.
    pub fn graph(&self) -> Graph {
        self.graph.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn publish(&self, graph: &Graph) {
        *self.graph.write().unwrap_or_else(PoisonError::into_inner) = graph.clone();
    }
}

impl Live {
    /// Scans, and watches what it scans from before it looks. Where the system tells of no changes,
    /// or has no watches left, every [`Live::refresh`] asks everything, at the price of a rescan.
    ///
    /// # Errors
    ///
    /// As [`Scan::run`].
    pub fn begin(scan: Scan, control: &Control) -> Result<Self, ScanError> {
        Self::begin_after(scan, &Record::default(), control)
    }

    /// The same with what an earlier scan has learned, as [`Scan::run_after`] uses it.
    ///
    /// # Errors
    ///
    /// As [`Scan::run`].
    pub fn begin_after(scan: Scan, before: &Record, control: &Control) -> Result<Self, ScanError> {
        let watches = Watches::new().ok().map(Arc::new);
        let shared = LiveGraph::default();
        let trust = watches.clone().map(Trust::nothing);
        let walked = scan.walk(before, trust, control)?;
        let gathered = scan.gather(before, walked, control)?;
        let mut gathered = up_to_date(&scan, watches.as_ref(), gathered, control)?;
        let ways = std::mem::take(&mut gathered.ways);
        let is_whole = watches.as_ref().is_some_and(|watches| watches.end());
        let (mut now, base) = gathered.into_scanned(scan.clone())?;
        // Others ask every version of it, and none of them is to be kept waiting.
        now.graph.index();
        shared.publish(&now.graph);
        let sweep = Sweep::begun(clock().saturating_add(scan.ahead));
        let mut live = Self {
            scan,
            watches,
            now,
            shared,
            is_whole,
            base: Some(base),
            untold: Untold::default(),
            sweep,
            is_remote: false,
            asked: Instant::now(),
            is_said_anew: false,
        };
        live.note_untold(&ways);
        Ok(live)
    }

    /// What the last refresh found.
    pub fn scanned(&self) -> &Scanned {
        &self.now
    }

    /// The graph as of the last refresh.
    pub fn graph(&self) -> &Graph {
        &self.now.graph
    }

    /// For other threads.
    pub fn handle(&self) -> LiveGraph {
        self.shared.clone()
    }

    /// Whether changes are told by the system. Else they are found by asking everything, and
    /// [`Live::wait`] only lets the rest of a second go by.
    pub fn is_watching(&self) -> bool {
        self.is_whole
    }

    /// Waits until something may have changed, or `patience` is over; says whether a refresh is
    /// worth it: at once, but for what is written to a file that is there, as guests do all the time;
    /// that is looked at a few times a second. As something can always change without being told (where the paths of the
    /// roots lead, symbolic links, files out of the scope), it is worth it a second after the last one.
    pub fn wait(&self, patience: Duration) -> bool {
        // What takes long is not done more often than half of the time.
        let due = self.asked + POLL.max(self.now.statistics.elapsed * 2);
        let now = Instant::now();
        let until = now + due.saturating_duration_since(now).min(patience);
        let rest = || until.saturating_duration_since(Instant::now());
        let Some(watches) = &self.watches else {
            std::thread::park_timeout(rest());
            return Instant::now() >= due;
        };
        match watches.wait(rest()) {
            Ok(true) => {
                std::thread::park_timeout(self.now.statistics.elapsed.clamp(BURST, POLL));
                true
            }
            Ok(false) => Instant::now() >= due,
            Err(_) => true,
        }
    }

    /// Takes in everything that has happened until it is called, and says what that is. What the
    /// graph says then was so at the moment of the call.
    ///
    /// Costs what has changed: four system calls for a directory that was told of, one for each
    /// name in it, three more for a file that is to be read; and O(k log n) for the k disks that it
    /// is about. A directory that was moved costs three system calls, one that is gone a look at where
    /// it was; what nobody tells of one system call each, and once in a second 1,024 more. What is rare and intricate costs three system
    /// calls per directory in scope, and everything is made anew. Everything is asked where the system
    /// could not tell all; in that case, and until that is done, the version that others see is in
    /// doubt.
    ///
    /// # Errors
    ///
    /// As [`Scan::run`]. The graph stays as it is then, and in doubt; the next refresh asks
    /// everything.
    pub fn refresh(&mut self, control: &Control) -> Result<Vec<Event>, ScanError> {
        self.asked = Instant::now();
        let mut dirty = self.watches.as_ref().map(|watches| watches.drain()).unwrap_or_default();
        let was_lost = dirty.has_gap;
        if was_lost {
            self.is_whole = false;
            self.doubt();
        }
        dirty.all |= !self.is_whole;
        let noted = self.note_mounts(&mut dirty, control);
        if let Err(error) = noted.and_then(|()| self.sweep(&mut dirty, control)) {
            self.missed();
            return Err(error);
        }
        let trust = |watches| Trust { watches, dirty: Arc::new(dirty) };
        let mut trust = self.watches.clone().map(trust);
        if let Some(trust) = trust.as_mut().filter(|_| self.is_whole) {
            match self.patch(trust, control) {
                Ok(Patched::Done(told)) => return Ok(self.events(told)),
                Ok(Patched::Intricate) => {}
                Ok(Patched::Outdated(names)) => Arc::make_mut(&mut trust.dirty).add(names),
                Err(error) => {
                    self.missed();
                    return Err(error);
                }
            }
        }
        let taken = self.scan.walk(&self.now.record, trust, control).and_then(|walked| {
            let is_same =
                self.base.is_some() && self.scan.is_closed() && walked.is_as(&self.now.record);
            if is_same && !self.is_said_anew && self.now.graph.coverage().doubts.is_empty() {
                return Ok(Err((walked.as_of, walked.ways)));
            }
            let gathered = self.scan.gather(&self.now.record, walked, control)?;
            up_to_date(&self.scan, self.watches.as_ref(), gathered, control).map(Ok)
        });
        let gathered = match taken {
            Ok(Ok(gathered)) => gathered,
            Ok(Err((as_of, ways))) => {
                self.still_so(as_of, &ways);
                return Ok(Vec::new());
            }
            Err(error) => {
                self.missed();
                return Err(error);
            }
        };
        self.is_whole = self.watches.as_ref().is_some_and(|watches| watches.end());
        let mut events = self.take_in(gathered)?;
        if was_lost {
            let path = self.now.graph.coverage().scope.first().cloned().unwrap_or_default();
            events.insert(0, Event { kind: EventKind::Rescanned, path, disk: None });
        }
        Ok(events)
    }

    /// Nothing has changed: all that was true before is so as of later.
    fn still_so(&mut self, as_of: AsOf, ways: &Ways) {
        self.is_whole = self.watches.as_ref().is_some_and(|watches| watches.end());
        let coverage = Coverage { as_of: Some(as_of), ..self.now.graph.coverage().clone() };
        self.now.graph.set_coverage(coverage);
        self.note_untold(ways);
        self.shared.publish(&self.now.graph);
    }

    /// Makes the graph what was gathered.
    fn take_in(&mut self, gathered: Gathered) -> Result<Vec<Event>, ScanError> {
        let Gathered { disks, coverage, record, counts, opened, start, base, ways } = gathered;
        let now = disks.into_graph(&base.tables, self.scan.threads.get())?;
        let disks = now.disks().map(|disk| disk.facts()).collect();
        let (changes, told) = changes::changes_to(&self.now.graph, disks);
        self.now.graph.apply(changes)?;
        self.now.graph.set_coverage(coverage);
        let graph = &self.now.graph;
        self.now.images = base.named.images(graph);
        self.now.owned = self.scan.owned(graph, &base.named);
        self.now.record = record;
        self.base = Some(base);
        self.note_untold(&ways);
        self.finish(Statistics::of(counts, opened, start.elapsed()));
        Ok(self.events(told))
    }

    /// Notes what can change without being told.
    fn note_untold(&mut self, ways: &Ways) {
        let inner = &self.now.record.inner;
        self.untold.renew(inner, &ways.led);
        self.is_remote = inner.has_remote();
        self.look_once_more(&ways.absent);
    }

    /// Has directories looked for again that were not there: what is above them may have been away for a moment, of which
    /// those in which they lie are told nothing.
    pub(super) fn look_once_more(&self, absent: &[PathBuf]) {
        let Some(watches) = &self.watches else { return };
        let inner = &self.now.record.inner;
        watches.tell(absent.iter().filter_map(|path| {
            let (above, _) = inner.of_position(inner.at(path.parent()?)?)?;
            Some((above.identity(), path.file_name()?.as_bytes().to_vec()))
        }));
    }

    /// The graph is current: now the others may know.
    pub(super) fn finish(&mut self, statistics: Statistics) {
        self.is_whole = self.watches.as_ref().is_some_and(|watches| watches.is_whole());
        self.is_said_anew = false;
        self.now.statistics = statistics;
        self.shared.publish(&self.now.graph);
    }

    fn events(&self, told: Vec<Told>) -> Vec<Event> {
        told.into_iter().map(|told| told.event(&self.now.graph)).collect()
    }

    /// What was drained is not taken in, and will not be told again.
    fn missed(&mut self) {
        self.is_whole = false;
        self.doubt();
    }

    /// Has those who ask meanwhile know that something was missed.
    fn doubt(&mut self) {
        let mut coverage = self.now.graph.coverage().clone();
        if coverage.doubts.iter().any(|doubt| doubt.kind == DoubtKind::Watch) {
            return;
        }
        coverage.doubts.push(Doubt {
            path: coverage.scope.first().cloned().unwrap_or_default(),
            kind: DoubtKind::Watch,
            reason: "not all changes were told; everything is being asked again".to_owned(),
        });
        self.now.graph.set_coverage(coverage);
        self.shared.publish(&self.now.graph);
    }
}

/// Has names looked at again that are not what they are known as, and nobody has told of that.
fn up_to_date(
    scan: &Scan,
    watches: Option<&Arc<Watches>>,
    mut gathered: Gathered,
    control: &Control,
) -> Result<Gathered, ScanError> {
    let Some(watches) = watches else { return Ok(gathered) };
    // Who makes links all the time is told of: the next refresh goes on.
    for _ in 0..8 {
        let tables = &gathered.base.tables;
        let outdated = tables.outdated(tables.further.keys().copied());
        if outdated.is_empty() {
            break;
        }
        let mut dirty = Dirty::default();
        dirty.add(outdated);
        let trust = Trust { watches: Arc::clone(watches), dirty: Arc::new(dirty) };
        let walked = scan.walk(&gathered.record, Some(trust), control)?;
        gathered = scan.gather(&gathered.record, walked, control)?;
    }
    Ok(gathered)
}

impl Trust {
    /// Watches, and believes nothing.
    fn nothing(watches: Arc<Watches>) -> Self {
        Self { watches, dirty: Arc::new(Dirty::everything()) }
    }
}
