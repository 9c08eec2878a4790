use std::ffi::CStr;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::fleet::{Fleet, picture};
use crate::scan::orders::Gate;
use crate::scan::{Control, Scan, ScanError};
use crate::{DoubtKind, State};

/// Lets nobody through to paths that end so: whoever asks waits for ever.
struct Silent {
    name: &'static str,
    never: Mutex<Receiver<()>>,
    /// As long as this end is there, nothing comes out of the other, and no error either.
    _held: Sender<()>,
}

impl Silent {
    fn new(name: &'static str) -> Arc<Self> {
        let (held, never) = channel();
        Arc::new(Self { name, never: Mutex::new(never), _held: held })
    }
}

impl Gate for Silent {
    fn pass(&self, directory: &Path, name: Option<&CStr>) {
        let name = name.map(|name| name.to_str().unwrap());
        let path = name.map_or(directory.to_owned(), |name| directory.join(name));
        if path.ends_with(self.name) {
            self.never.lock().unwrap().recv().unwrap();
        }
    }
}

/// Long enough that no worker of a busy machine is given up that would have answered.
const PATIENCE: Duration = Duration::from_millis(1500);

#[test]
fn a_file_that_never_answers_is_a_doubt_and_everything_else_is_found() {
    let fleet = Fleet::some();
    let scan = fleet.scan().patience(PATIENCE).gate(Silent::new("deep/3"));
    let scanned = scan.run(&Control::default()).unwrap();
    let doubts = &scanned.graph.coverage().doubts;
    assert_eq!(doubts.len(), 1, "{doubts:?}");
    assert_eq!((&*doubts[0].path, doubts[0].kind), (&*fleet.path("in/deep/3"), DoubtKind::File));
    let found = |name: &str| scanned.graph.find(&fleet.path(name));
    assert!((0..8).filter(|number| *number != 3).all(|n| found(&format!("in/deep/{n}")).is_some()));
    // Nothing in scope may be removed: what did not answer may need it.
    let leaf = found("in/deep/5").unwrap();
    assert!(scanned.graph.has_dependents(leaf).is_unknown());

    // The same of a rescan, where it is a `stat` that does not return.
    let scan = fleet.scan().patience(PATIENCE).gate(Silent::new("deep/3"));
    let again = scan.run_after(&fleet.fresh().record, &Control::default()).unwrap();
    assert_eq!(picture(&again.graph), picture(&scanned.graph));
}

#[test]
fn a_directory_that_never_answers_is_a_doubt() {
    let fleet = Fleet::some();
    let scan = fleet.scan().patience(PATIENCE).gate(Silent::new("in/deep"));
    let scanned = scan.run(&Control::default()).unwrap();
    let doubts = &scanned.graph.coverage().doubts;
    let expected = [(fleet.path("in/deep"), DoubtKind::Directory)];
    let found: Vec<_> = doubts.iter().map(|doubt| (doubt.path.clone(), doubt.kind)).collect();
    assert_eq!(found, expected);
    assert!(scanned.graph.find(&fleet.path("in/base")).is_some());
}

/// The one thread that follows a chain waits for ever: workers take over, and find all but what it waits for.
#[test]
fn a_chain_that_leads_to_what_never_answers_is_told_as_far_as_it_goes() {
    let fleet = Fleet::some();
    let chain = |gate: Arc<dyn Gate>| {
        let follow = Scan::follow(vec![fleet.path("in/deep/0")]).patience(PATIENCE).gate(gate);
        follow.run(&Control::default()).unwrap()
    };
    let whole = chain(Silent::new("nowhere"));
    let cut = chain(Silent::new("out/base"));
    let states = |scanned: &crate::scan::Scanned| -> Vec<State> {
        let leaf = *scanned.images[0].as_ref().unwrap();
        scanned.graph.chain(leaf).map(|id| scanned.graph.disk(id).unwrap().state()).collect()
    };
    let (whole, cut) = (states(&whole), states(&cut));
    assert!(whole.iter().all(|state| *state == State::Ok), "{whole:?}");
    assert_eq!(cut.last(), Some(&State::Unreadable), "{cut:?}");
    assert!(cut.len() >= 2 && whole.starts_with(&cut[..cut.len() - 1]), "{cut:?} of {whole:?}");
}

/// A reference leads out of the scope, onto a mount whose server has gone.
#[test]
fn what_a_reference_leads_to_may_never_answer() {
    let fleet = Fleet::some();
    let scan = fleet.scan().patience(PATIENCE).gate(Silent::new("out/base"));
    let scanned = scan.run(&Control::default()).unwrap();
    let base = scanned.graph.find(&fleet.path("out/base")).unwrap();
    assert_eq!(scanned.graph.disk(base).unwrap().state(), State::Unreadable);
    let leaf = scanned.graph.find(&fleet.path("in/deep/0")).unwrap();
    assert!(scanned.graph.depends_on(leaf, base).is_yes());
    assert!(scanned.graph.has_dependents(leaf).is_unknown());
}

/// Who stops a scan, or sets it a deadline, is not kept by a worker that cannot be stopped.
#[test]
fn a_deadline_holds_whatever_does_not_answer() {
    let fleet = Fleet::some();
    let scan = fleet.scan().patience(Duration::from_secs(3600)).gate(Silent::new("in/deep"));
    let control = Control::default().until(Instant::now() + Duration::from_millis(100));
    assert_eq!(scan.run(&control).unwrap_err(), ScanError::Stopped);
}
