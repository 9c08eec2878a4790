//! A catalogue on a simulated disk, what is done to it, and what may be there after a crash.

use std::path::PathBuf;
use std::sync::Arc;

use diskdag_snapshot::catalogue::conformance::{batch, op, snapshot};
use diskdag_snapshot::catalogue::{Batch, Catalogue, CatalogueError, Change, LogCatalogue, State};
use diskdag_snapshot::fs::Fs;
use diskdag_snapshot::name::Id;
use diskdag_snapshot::sim::{Disk, Habits, Limits, Moment, SimFs};

pub(crate) const DIR: &str = "/pool";

/// So short that three records of a snapshot each make a checkpoint, and that a fourth fits where there is none. The
/// mark behind the last one takes a sector.
pub(crate) const LOG_LEN: u64 = LogCatalogue::LOG_LEN_MIN + 512;

/// Pending writes of a whole checkpoint are sampled, those of a commit are looked at in full.
pub(crate) const LIMITS: Limits = Limits { exact: 256, drawn: 16 };

pub(crate) fn habits() -> Habits {
    Habits::default()
}

pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(DIR).join(name)
}

/// A handle of its own, as another process would have it.
pub(crate) fn handle(fs: &SimFs) -> LogCatalogue {
    LogCatalogue::with_log_len(Arc::new(fs.clone()), DIR, LOG_LEN)
}

pub(crate) fn handle_on(disk: &Disk) -> (SimFs, LogCatalogue) {
    let fs = SimFs::on(disk.clone(), habits());
    let handle = handle(&fs);
    (fs, handle)
}

/// An empty catalogue, durable.
pub(crate) fn empty(habits: Habits) -> (SimFs, LogCatalogue) {
    let fs = SimFs::on(Disk::default(), habits);
    fs.create_dir(DIR.as_ref()).expect("a directory");
    fs.sync_dir("/".as_ref()).expect("durable");
    let catalogue = handle(&fs);
    catalogue.create(&State::default()).expect("a catalogue");
    assert!(fs.disk().is_clean(), "what was created is durable");
    (fs, catalogue)
}

/// The batch that puts the snapshot with this number on top of `state`.
pub(crate) fn put(state: &State, id: u64) -> Batch {
    let changes = vec![Change::Advance { next_id: Id(id + 1) }, Change::PutSnapshot(snapshot(id))];
    batch(state, op(id), 0, changes)
}

/// Commits the next snapshot.
pub(crate) fn commit(catalogue: &LogCatalogue, state: &mut State) -> Result<(), CatalogueError> {
    let batch = put(state, state.next_id.0);
    catalogue.commit(&batch)?;
    state.apply(&batch).expect("a batch that fits");
    Ok(())
}

/// What may be there: the states between two answers.
#[derive(Clone, Debug)]
pub(crate) struct Until {
    /// The number of the last call of the step.
    pub(crate) call: u64,
    /// States that may be there while it goes on; the last one when it has ended.
    pub(crate) states: Vec<State>,
}

/// The states that may be there at `moment`.
pub(crate) fn allowed<'a>(moment: &Moment, untils: &'a [Until]) -> &'a [State] {
    // What was recorded before call n has seen the calls up to n - 1.
    let seen = moment.step.as_ref().map_or(u64::MAX, |step| step.number - 1);
    match untils.iter().find(|until| seen < until.call) {
        Some(until) => &until.states,
        None => untils
            .last()
            .and_then(|until| until.states.split_last())
            .map_or(&[], |last| std::slice::from_ref(last.0)),
    }
}
