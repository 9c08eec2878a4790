//! A disk without room, and every error at every call.

use std::io::ErrorKind;

use diskdag_snapshot::catalogue::conformance::{batch, op, snapshot};
use diskdag_snapshot::catalogue::{Catalogue, CatalogueError, Change, State};
use diskdag_snapshot::sim::{Call, Fault, SimFs};

use crate::scenario::{commit, empty, habits, handle, handle_on, put};

/// With no block and no inode free, commits and checkpoints go on: what there is, is written over.
#[test]
fn commits_go_on_without_a_block_or_an_inode() {
    let (fs, catalogue) = empty(habits());
    let mut state = State::default();
    commit(&catalogue, &mut state).expect("commits");
    fs.leave_room(Some(0), Some(0));
    let before = fs.counts();
    for round in 0..300 {
        // What purges do: rows go, and others come.
        let changes = vec![
            Change::DropSnapshot { id: snapshot(round).id },
            Change::PutSnapshot(snapshot(round + 1)),
        ];
        let batch = batch(&state, op(1000 + round), 0, changes);
        catalogue.commit(&batch).expect("commits");
        state.apply(&batch).expect("fits");
    }
    assert!(fs.counts().of(Call::Exchange) - before.of(Call::Exchange) > 20);
    assert_eq!(handle(&fs).load().expect("loads"), state);
}

/// The state grows until nothing goes any more. Then nothing is lost, and with room it goes on.
#[test]
fn when_nothing_goes_any_more_nothing_is_lost() {
    let (fs, catalogue) = empty(habits());
    fs.leave_room(Some(0), Some(0));
    let mut state = State::default();
    let mut rows = 0;
    let error = loop {
        let changes = (0..8).map(|id| Change::PutSnapshot(snapshot(rows * 8 + id))).collect();
        let batch = batch(&state, op(rows), 0, changes);
        match catalogue.commit(&batch) {
            Ok(_) => state.apply(&batch).expect("fits"),
            Err(error) => break error,
        };
        rows += 1;
        assert!(rows < 1000);
    };
    let full = |error: &CatalogueError| matches!(error, CatalogueError::Io { cause, .. } if cause.kind() == ErrorKind::StorageFull);
    assert!(full(&error), "{error}");
    assert!(rows > 5);
    assert_eq!(catalogue.load().expect("loads"), state);
    assert_eq!(handle(&fs).load().expect("loads"), state);
    fs.leave_room(None, None);
    commit(&catalogue, &mut state).expect("commits again");
    assert_eq!(handle(&fs).load().expect("loads"), state);
}

/// One error at each call of commits, checkpoints and looks. `Ok` is there; an error that is not
/// `Undecided` has changed nothing; the same handle and others go on.
#[test]
fn every_error_at_every_call() {
    let faults = [
        Fault::Error(ErrorKind::StorageFull),
        Fault::Error(ErrorKind::PermissionDenied),
        Fault::Error(ErrorKind::Interrupted),
        Fault::Io,
        Fault::DoneAndIo,
        Fault::Short,
    ];
    let calls = {
        let (fs, catalogue) = empty(habits());
        let first = fs.calls();
        run(&fs, &catalogue);
        first + 1..=fs.calls()
    };
    let (mut failed, mut undecided) = (0, 0);
    for number in calls {
        for fault in faults {
            let (fs, catalogue) = empty(habits());
            fs.fail_at(number, fault);
            let what = format!("{fault:?} at call {number}");
            let mut state = State::default();
            for _ in 0..COMMITS {
                let batch = put(&state, state.next_id.0);
                let mut after = state.clone();
                after.apply(&batch).expect("fits");
                let outcome = catalogue.fence().and_then(|_| catalogue.commit(&batch));
                // Somebody else looks: no fault is left.
                let (_, other) = handle_on(&fs.disk());
                let found = other.load().unwrap_or_else(|error| panic!("{what}: {error}"));
                match outcome {
                    Ok(_) => assert_eq!(found, after, "{what}: Ok"),
                    Err(CatalogueError::Undecided { .. }) => {
                        undecided += 1;
                        assert!(found == state || found == after, "{what}: undecided");
                    }
                    Err(error) => {
                        failed += 1;
                        assert_eq!(found, state, "{what}: {error}");
                    }
                }
                state = found;
            }
            assert_eq!(catalogue.load().expect("loads"), state, "{what}");
        }
    }
    assert!(failed > 20 && undecided > 2, "{failed} failed, {undecided} undecided");
}

/// So many that a checkpoint falls between them, and the log goes on for a while.
const COMMITS: usize = 8;

fn run(fs: &SimFs, catalogue: &dyn Catalogue) {
    let before = fs.counts().of(Call::Exchange);
    let mut state = State::default();
    for _ in 0..COMMITS {
        let batch = put(&state, state.next_id.0);
        catalogue.fence().and_then(|_| catalogue.commit(&batch)).expect("commits");
        state.apply(&batch).expect("fits");
    }
    assert_eq!(fs.counts().of(Call::Exchange) - before, 1);
}

/// A file system that found itself damaged lets nothing be changed. What is there can still be read.
#[test]
fn on_a_file_system_that_became_read_only() {
    let (fs, catalogue) = empty(habits());
    let mut state = State::default();
    commit(&catalogue, &mut state).expect("commits");
    fs.fail_at(fs.calls() + 1, Fault::ReadOnly);
    let kept = state.clone();
    assert!(matches!(commit(&catalogue, &mut state), Err(CatalogueError::Io { .. })));
    assert_eq!(catalogue.load().expect("loads"), kept);
    assert_eq!(handle(&fs).load().expect("loads"), kept);
}
