//! What commits cost, counted.

use diskdag_snapshot::catalogue::{Batch, Begun, Catalogue, State};
use diskdag_snapshot::fs::{Access, Fs, read_all};
use diskdag_snapshot::sim::{Call, Counts, SimFs};

use crate::scenario::{commit, empty, habits, handle, path, put};

/// How often each of these was called since `before`.
fn since<const N: usize>(fs: &SimFs, before: &Counts, calls: [Call; N]) -> [u64; N] {
    calls.map(|call| fs.counts().of(call) - before.of(call))
}

#[test]
fn a_commit_is_one_sync() {
    let (fs, catalogue) = empty(habits());
    let mut state = State::default();
    for round in 0..2 {
        let before = fs.counts();
        commit(&catalogue, &mut state).expect("commits");
        assert_eq!(fs.counts().syncs() - before.syncs(), 1);
        assert_eq!(since(&fs, &before, [Call::SyncData]), [1]);
        // The record, the mark, and of the first one the header.
        assert_eq!(since(&fs, &before, [Call::Write]), [if round == 0 { 3 } else { 2 }]);
        let none = [Call::Create, Call::SetLen, Call::Exchange, Call::Rename, Call::List];
        assert_eq!(since(&fs, &before, none), [0; 5]);
        assert!(fs.counts().written - before.written < 2048, "the record, not the state");
    }
}

#[test]
fn a_group_is_one_sync() {
    let (fs, catalogue) = empty(habits());
    let mut state = State::default();
    let group: Vec<Batch> = (1..=5)
        .map(|id| {
            let batch = put(&state, id);
            state.apply(&batch).expect("fits");
            batch
        })
        .collect();
    let before = fs.counts();
    assert!(catalogue.commit_all(&group).iter().all(Result::is_ok));
    assert_eq!(since(&fs, &before, [Call::SyncData, Call::Sync, Call::SyncDir]), [1, 0, 0]);
    let before = fs.counts();
    assert!(catalogue.commit_all(&group).iter().all(Result::is_ok));
    assert_eq!(fs.counts().syncs(), before.syncs(), "what was committed costs none");
}

#[test]
fn a_checkpoint_is_three_syncs() {
    let (fs, catalogue) = empty(habits());
    let mut state = State::default();
    let before = fs.counts();
    let mut commits = 0;
    while since(&fs, &before, [Call::Exchange]) < [4] {
        commit(&catalogue, &mut state).expect("commits");
        commits += 1;
    }
    assert!(commits >= 8);
    let [data, file, dir] = since(&fs, &before, [Call::SyncData, Call::Sync, Call::SyncDir]);
    assert_eq!([data, file, dir], [commits, 4, 8]);
    assert_eq!(since(&fs, &before, [Call::Create]), [0], "the files are those of the beginning");
}

/// The larger the state, the longer the log in front of it: what a commit pays for checkpoints does not grow.
#[test]
fn a_log_grows_with_its_checkpoint() {
    let (fs, _) = empty(habits());
    let mut state = State::default();
    for id in 1..=8000 {
        let batch = put(&state, id);
        state.apply(&batch).expect("fits");
    }
    let catalogue = handle(&fs);
    catalogue.replace(&state).expect("is replaced");
    let len = |name: &str| fs.stat(&path(name)).expect("it is there").len;
    let checkpoint = len("catalogue.redb");
    assert!(checkpoint > 1 << 20 && len("catalogue.log") < 1 << 20, "{checkpoint} bytes");
    let before = fs.counts();
    while since(&fs, &before, [Call::Exchange]) < [1] {
        commit(&catalogue, &mut state).expect("commits");
    }
    assert!(len("catalogue.log") >= checkpoint, "{} bytes", len("catalogue.log"));
    let [file, dir] = since(&fs, &before, [Call::Sync, Call::SyncDir]);
    assert_eq!([file, dir], [2, 2], "the checkpoint, and the log's zeros");
    let (before, mut commits) = (fs.counts(), 0);
    while commits < 500 {
        commit(&catalogue, &mut state).expect("commits");
        commits += 1;
    }
    assert_eq!(since(&fs, &before, [Call::Exchange]), [0], "no checkpoint for a long time");
    assert_eq!(handle(&fs).load().expect("loads"), state);
}

/// A program that takes a fence and commits twice, as the command does: two syncs.
#[test]
fn a_new_handle_pays_no_more() {
    let (fs, first) = empty(habits());
    let mut state = State::default();
    commit(&first, &mut state).expect("commits");
    let before = fs.counts();
    let second = handle(&fs);
    second.fence().expect("a fence");
    assert_eq!(fs.counts().syncs(), before.syncs(), "what the first forced out is known to be");
    commit(&second, &mut state).expect("commits");
    assert_eq!(fs.counts().syncs() - before.syncs(), 1);
}

/// What an operation does: it begins, and commits twice. Nobody else commits meanwhile, so nothing is read again.
#[test]
fn a_writer_opens_the_log_once() {
    let (fs, catalogue) = empty(habits());
    let mut state = State::default();
    commit(&catalogue, &mut state).expect("commits");
    let asking = [Call::Open, Call::Stat, Call::Read, Call::Ask, Call::TryLock];
    let writing = [Call::Write, Call::SyncData, Call::Sync, Call::SyncDir];
    let before = fs.counts();
    let Begun { fence, state: begun, mut writer } = catalogue.begin().expect("begins");
    assert_eq!(begun, state);
    // Which file it is, and whether that is what lies there; the header, and what is behind the last record.
    assert_eq!(since(&fs, &before, asking), [1, 3, 2, 0, 1]);
    assert_eq!(since(&fs, &before, writing), [0; 4], "who begins has changed nothing");
    for id in [2, 3] {
        let before = fs.counts();
        let batch = Batch { fence, ..put(&state, id) };
        assert!(writer.commit_all(std::slice::from_ref(&batch)).iter().all(Result::is_ok));
        state.apply(&batch).expect("fits");
        assert_eq!(since(&fs, &before, asking), [0, 2, 0, 0, 0], "whether both files lie there");
        assert_eq!(since(&fs, &before, writing), [2, 1, 0, 0], "the record, and the mark");
    }
    drop(writer);
    assert_eq!(handle(&fs).load().expect("loads"), state);
}

/// The mark lies where the next record will: a commit dirties no page that it does not force out.
#[test]
fn the_mark_lies_behind_the_last_record() {
    let (fs, catalogue) = empty(habits());
    let mut state = State::default();
    let log = || fs.open(&path("catalogue.log"), Access::Read).expect("it is there");
    let marks = || {
        let bytes = read_all(log().as_ref(), 1 << 20).expect("read");
        let sectors = bytes.chunks(512).enumerate();
        let marks = sectors.filter(|(_, sector)| sector.starts_with(b"\xC4DAGMRK\n"));
        marks.map(|(at, _)| at).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        let before = marks();
        commit(&catalogue, &mut state).expect("commits");
        let after = marks();
        assert_eq!(after.len(), 1, "the one before was written over");
        assert!(before < after, "{before:?}, {after:?}");
    }
}

#[test]
fn looking_again_reads_what_is_new() {
    let (fs, catalogue) = empty(habits());
    let mut state = State::default();
    commit(&catalogue, &mut state).expect("commits");
    let reader = handle(&fs);
    reader.load().expect("loads");
    let calls = [Call::Open, Call::Stat, Call::Read];
    let before = fs.counts();
    assert_eq!(reader.load().expect("loads"), state);
    assert_eq!(since(&fs, &before, calls), [1, 2, 2], "nothing is new");
    commit(&catalogue, &mut state).expect("commits");
    let before = fs.counts();
    assert_eq!(reader.load().expect("loads"), state);
    assert_eq!(since(&fs, &before, calls), [1, 2, 3], "a record is new");
    let writes = [Call::Write, Call::SyncData, Call::TryLock];
    assert_eq!(since(&fs, &before, writes), [0; 3], "reading writes nothing");
}
