//! The laws.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Handles;
use super::sample::{batch, intent, op, pin, snapshot, trash};
use crate::catalogue::{
    ApplyError, Batch, Catalogue, CatalogueError, Change, Fence, Revision, State,
};
use crate::name::Id;

fn load(store: &dyn Catalogue) -> State {
    store.load().unwrap_or_else(|error| panic!("a store that is there does not load: {error}"))
}

/// Commits what fits; answers the revision.
fn commit(store: &dyn Catalogue, batch: &Batch) -> Revision {
    let state = load(store);
    match store.commit(batch) {
        Ok(revision) => revision,
        Err(error) => panic!("{batch:?} was refused at revision {:?}: {error}", state.revision),
    }
}

/// Commits the next batch of an operation that does this.
fn go_on(store: &dyn Catalogue, number: u64, changes: Vec<Change>) -> Revision {
    commit(store, &batch(&load(store), op(number), 0, changes))
}

fn put(id: u64) -> Vec<Change> {
    vec![Change::Advance { next_id: Id(id + 1) }, Change::PutSnapshot(snapshot(id))]
}

/// What is refused changes nothing.
fn refused(store: &dyn Catalogue, batch: &Batch) -> ApplyError {
    let before = load(store);
    let error = match store.commit(batch) {
        Err(CatalogueError::Refused(error)) => error,
        other => panic!("{batch:?} should have been refused at {before:?}: {other:?}"),
    };
    assert_eq!(load(store), before, "a batch that was refused changed something");
    error
}

/// A new store has revision 0. Each commit makes the next revision, and answers it.
pub fn commits_count_revisions(handles: &Handles) {
    let store = handles.one.as_ref();
    assert_eq!(load(store), State::default(), "a new store is not empty");
    for id in 1..=5 {
        assert_eq!(go_on(store, id, put(id)), Revision(id), "commits count revisions");
        assert_eq!(load(store).revision, Revision(id), "what was committed is loaded");
    }
    assert_eq!(go_on(store, 6, Vec::new()), Revision(6), "a batch without changes counts too");
}

/// What is loaded is what the pure state would be: every kind of row, added, replaced and dropped.
pub fn rows_come_back_as_they_were(handles: &Handles) {
    let store = handles.one.as_ref();
    let mut pure = State::default();
    let programs = [
        put(1),
        put(2),
        vec![Change::OpenIntent(intent(3)), Change::Advance { next_id: Id(4) }],
        vec![Change::PutTrash(trash(3)), Change::CloseIntent { op: op(3) }],
        vec![Change::PutPin(pin(1)), Change::PutPin(pin(2))],
        vec![Change::Confirm { lost: vec!["pins\n\u{1b}".into()], confirmed: false }],
        vec![Change::OpenIntent(intent(4)), Change::OpenIntent(intent(5))],
        vec![Change::DropSnapshot { id: Id(1) }, Change::DropPin { snapshot: Id(1) }],
        vec![Change::PutTrash(trash(4)), Change::DropTrash { id: Id(3) }],
        vec![Change::Confirm { lost: Vec::new(), confirmed: true }],
    ];
    for (number, changes) in (0..).zip(programs) {
        let batch = batch(&pure, op(100 + number), 0, changes);
        let revision = pure.apply(&batch);
        assert_eq!(Ok(commit(store, &batch)), revision);
        assert_eq!(load(store), pure, "after {batch:?}");
    }
}

/// A batch of which one change makes no sense does nothing at all.
pub fn batches_are_all_or_nothing(handles: &Handles) {
    let store = handles.one.as_ref();
    go_on(store, 1, put(7));
    let changes = vec![
        Change::PutSnapshot(snapshot(8)),
        Change::DropSnapshot { id: Id(7) },
        Change::Advance { next_id: Id(3) },
    ];
    let error = refused(store, &batch(&load(store), op(2), 0, changes));
    assert_eq!(error, ApplyError::IdReused { next: Id(8), given: Id(3) });
}

/// A batch that was committed is not applied again, whatever it expects and whoever commits it, and
/// answers the revision that it made. Another step of the operation is another batch.
pub fn repeated_batches_do_nothing(handles: &Handles) {
    let store = handles.one.as_ref();
    let first = batch(&load(store), op(1), 0, put(1));
    assert_eq!(commit(store, &first), Revision(1));
    go_on(store, 2, put(2));
    let before = load(store);
    assert_eq!(commit(store, &first), Revision(1), "the revision that it made then");
    let later = Batch { expected: before.revision, ..first.clone() };
    assert_eq!(commit(store, &later), Revision(1), "although it would fit now");
    let other = commit(handles.other.as_ref(), &first);
    assert_eq!(other, Revision(1), "through another handle");
    assert_eq!(load(store), before, "a repeated batch changed something");
    let second = Batch { step: 1, changes: put(5), ..later };
    assert_eq!(commit(store, &second), Revision(3), "another step is another batch");
    let state = load(store);
    assert_eq!(state.is_done(op(1), 0), Some(Revision(1)));
    assert_eq!(state.is_done(op(1), 1), Some(Revision(3)));
    assert_eq!(state.is_done(op(1), 2), None);
}

/// An operation that was undone can be done again under the same id: its batches are new ones.
pub fn undone_operations_can_be_done_again(handles: &Handles) {
    let store = handles.one.as_ref();
    let begin = batch(&load(store), op(1), 0, vec![Change::OpenIntent(intent(1))]);
    assert_eq!(commit(store, &begin), Revision(1));
    let undo = vec![Change::CloseIntent { op: op(1) }, Change::Forget { op: op(1) }];
    assert_eq!(go_on(store, 2, undo), Revision(2));
    assert_eq!(load(store).is_done(op(1), 0), None);
    let again = Batch { expected: Revision(2), ..begin };
    assert_eq!(commit(handles.other.as_ref(), &again), Revision(3), "it counts as a new one");
    assert!(load(store).intents.contains_key(&op(1)));
    assert_eq!(load(store).is_done(op(2), 0), Some(Revision(2)), "others are remembered");
}

/// A batch that expects an earlier revision, or one that is still to come, is refused.
pub fn other_revisions_are_refused(handles: &Handles) {
    let store = handles.one.as_ref();
    go_on(store, 1, put(1));
    let fitting = batch(&load(store), op(2), 0, put(2));
    for expected in [Revision(0), Revision(2), Revision(u64::MAX)] {
        let error = refused(store, &Batch { expected, ..fitting.clone() });
        assert_eq!(error, ApplyError::Conflict { found: Revision(1), expected });
    }
    assert_eq!(commit(store, &fitting), Revision(2));
}

fn fence(store: &dyn Catalogue) -> Fence {
    store.fence().unwrap_or_else(|error| panic!("a store that is there hands out fences: {error}"))
}

/// Every fence is newer than all before it, committed under or not, whichever handle gave it.
pub fn fences_grow(handles: &Handles) {
    let (one, other) = (handles.one.as_ref(), handles.other.as_ref());
    let mut last = load(one).fence;
    for round in 1..=3 {
        for store in [one, one, other] {
            let next = fence(store);
            assert!(next > last, "{next:?} was handed out after {last:?}");
            last = next;
        }
        let state = load(one);
        commit(one, &Batch { fence: last, ..batch(&state, op(round), 0, put(round)) });
        assert_eq!(load(other).fence, last, "the fence that was committed under is recorded");
    }
}

/// From the first commit under a fence on, batches with an older one are refused.
pub fn old_fences_are_refused(handles: &Handles) {
    let (one, other) = (handles.one.as_ref(), handles.other.as_ref());
    let (old, new) = (fence(one), fence(other));
    let first = Batch { fence: old, ..batch(&load(one), op(1), 0, put(1)) };
    assert_eq!(commit(one, &first), Revision(1), "nobody has taken over yet");
    let second = Batch { fence: new, ..batch(&load(other), op(2), 0, put(2)) };
    assert_eq!(commit(other, &second), Revision(2));
    let late = Batch { fence: old, ..batch(&load(one), op(3), 0, put(3)) };
    let error = refused(one, &late);
    assert_eq!(error, ApplyError::Fenced { found: new, given: old });
    assert_eq!(commit(one, &first), Revision(1), "what was done under it stays done");
}

/// Who begins to write has a fence that is newer than all before, sees what is recorded, and commits as anybody
/// does. Readers wait for nobody; whoever comes after has a newer fence.
pub fn writers_commit_what_others_then_see(handles: &Handles) {
    let (one, other) = (handles.one.as_ref(), handles.other.as_ref());
    let begin = |store: &dyn Catalogue, last: Fence| {
        let begun = store.begin().unwrap_or_else(|error| panic!("a store does not begin: {error}"));
        assert!(begun.fence > last, "{:?} was handed out after {last:?}", begun.fence);
        begun.fence
    };
    let mut last = fence(other);
    for round in 0..4 {
        // Who begins and commits nothing changes nothing.
        begin(one, last);
        let (writes, reads) = if round % 2 == 0 { (one, other) } else { (other, one) };
        let Ok(mut begun) = writes.begin() else { panic!("a store does not begin a second time") };
        assert!(begun.fence > last, "{:?} was handed out after {last:?}", begun.fence);
        assert_eq!(begun.state, load(reads), "what is recorded is what others see");
        for step in 0..2 {
            let fitting = batch(&begun.state, op(round), step, put(10 * round + u64::from(step)));
            let fitting = Batch { fence: begun.fence, ..fitting };
            let early = Batch { expected: Revision(99), op: op(77), ..fitting.clone() };
            let outcomes = begun.writer.commit_all(&[early, fitting.clone(), fitting.clone()]);
            let made = begun.state.apply(&fitting).ok();
            assert!(
                matches!(
                    &*outcomes,
                    [Err(CatalogueError::Refused(ApplyError::Conflict { .. })), Ok(first), Ok(again)]
                        if Some(*first) == made && first == again
                ),
                "{outcomes:?}"
            );
            assert_eq!(load(reads), begun.state, "what was committed is seen at once");
            assert_eq!(load(writes), begun.state);
        }
        last = begun.fence;
    }
    let late = Batch { fence: Fence(last.0 - 1), ..batch(&load(one), op(88), 0, Vec::new()) };
    assert_eq!(refused(one, &late), ApplyError::Fenced { found: last, given: late.fence });
}

/// The counter of ids never goes back, and dropping rows does not move it.
pub fn ids_only_grow(handles: &Handles) {
    let store = handles.one.as_ref();
    go_on(store, 1, put(9));
    go_on(store, 2, vec![Change::DropSnapshot { id: Id(9) }]);
    assert_eq!(load(store).next_id, Id(10), "dropping a row frees no id");
    let changes = vec![Change::Advance { next_id: Id(9) }];
    let error = refused(store, &batch(&load(store), op(3), 0, changes));
    assert_eq!(error, ApplyError::IdReused { next: Id(10), given: Id(9) });
    go_on(store, 4, vec![Change::Advance { next_id: Id(10) }]);
    assert_eq!(load(store).next_id, Id(10), "staying where it is is no step back");
}

/// A tag of any bytes, or of none, is the embedder's own: the state is what it would be without.
pub fn tags_change_nothing(handles: &Handles) {
    let store = handles.one.as_ref();
    let mut pure = State::default();
    let tags = [None, Some(Vec::new()), Some((0..=255).collect()), Some(vec![0xff; 3000])];
    for (id, tag) in (1..).zip(tags) {
        let batch = Batch { tag, ..batch(&pure, op(id), 0, put(id)) };
        let revision = pure.apply(&batch);
        assert_eq!(Ok(commit(store, &batch)), revision);
        let found = load(store);
        assert_eq!(found.snapshots, pure.snapshots, "with the tag {:?}", batch.tag);
        assert_eq!(found.revision, pure.revision);
    }
}

/// Batches that are committed together are committed in their order, each as if it were alone.
pub fn groups_are_committed_in_order(handles: &Handles) {
    let store = handles.one.as_ref();
    let mut pure = State::default();
    let mut group = Vec::new();
    for id in 1..=10 {
        let batch = batch(&pure, op(id), 0, put(id));
        assert!(pure.apply(&batch).is_ok());
        group.push(batch);
    }
    // One that expects something else, one that was there before: the others go on.
    let lost = Batch { expected: Revision(99), ..batch(&pure, op(20), 0, put(20)) };
    group.insert(4, lost);
    let again = group.first().cloned();
    group.extend(again);
    let outcomes = store.commit_all(&group);
    assert_eq!(outcomes.len(), group.len(), "one answer for each");
    for (index, outcome) in outcomes.iter().enumerate() {
        let fits = match (index, outcome) {
            (4, Err(CatalogueError::Refused(ApplyError::Conflict { .. }))) => true,
            (11, Ok(revision)) => *revision == Revision(1),
            (0..4, Ok(revision)) => *revision == Revision(index as u64 + 1),
            (5.., Ok(revision)) => *revision == Revision(index as u64),
            _ => false,
        };
        assert!(fits, "batch {index} of the group: {outcome:?}");
    }
    assert_eq!(load(store), pure, "a group is its batches one after the other");
    assert_eq!(load(handles.other.as_ref()), pure);
    assert!(store.commit_all(&[]).is_empty());
    assert_eq!(load(store), pure);
}

/// What is committed through one handle is there for every other at once.
pub fn handles_see_each_other(handles: &Handles) {
    let (one, other) = (handles.one.as_ref(), handles.other.as_ref());
    for id in 1..=20 {
        let (writes, reads) = if id % 3 == 0 { (other, one) } else { (one, other) };
        go_on(writes, id, put(id));
        assert_eq!(load(reads), load(writes), "after revision {id}");
        assert_eq!(load(reads).revision, Revision(id));
    }
}

/// Of committers that race for one revision exactly one gets it, and the others are told.
pub fn one_of_two_committers_wins(handles: &Handles) {
    let (one, other) = (handles.one.as_ref(), handles.other.as_ref());
    for round in 0..20 {
        let state = load(one);
        let attempt = |store: &dyn Catalogue, number| {
            let batch = batch(&state, op(2 * round + number), 0, put(2 * round + number + 1));
            match store.commit(&batch) {
                Ok(revision) => {
                    assert_eq!(revision, Revision(round + 1));
                    1
                }
                Err(CatalogueError::Refused(ApplyError::Conflict { .. })) => 0,
                Err(error) => panic!("round {round}: {error}"),
            }
        };
        let wins = std::thread::scope(|scope| {
            let first = scope.spawn(|| attempt(one, 0));
            let second = attempt(other, 1);
            first.join().unwrap_or(0) + second
        });
        assert_eq!(wins, 1, "round {round}: winners");
        assert_eq!(load(one), load(other));
        assert_eq!(load(one).revision, Revision(round + 1));
    }
}

/// Readers never see a part of a batch, nor time run backwards, while others commit.
pub fn readers_see_committed_states_only(handles: &Handles) {
    let (one, other) = (handles.one.as_ref(), handles.other.as_ref());
    let done = AtomicBool::new(false);
    // A batch puts a snapshot and its pin, and takes away those of the batch before.
    let round = |id: u64| {
        let drops =
            [Change::DropSnapshot { id: Id(id - 1) }, Change::DropPin { snapshot: Id(id - 1) }];
        let puts = [Change::PutPin(pin(id)), Change::PutSnapshot(snapshot(id))];
        drops.into_iter().chain(puts).collect::<Vec<_>>()
    };
    let read = |store: &dyn Catalogue| {
        let mut last = Revision(0);
        while !done.load(Ordering::Acquire) {
            let state = load(store);
            assert!(state.revision >= last, "{:?} after {last:?}", state.revision);
            last = state.revision;
            let Revision(id) = state.revision;
            let snapshots: Vec<_> = state.snapshots.keys().copied().collect();
            let pins: Vec<_> = state.pins.keys().copied().collect();
            let expected = if id == 0 { Vec::new() } else { vec![Id(id)] };
            assert_eq!((&snapshots, &pins), (&expected, &expected), "at revision {id}");
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| read(one));
        scope.spawn(|| read(other));
        let writer = scope.spawn(|| {
            for id in 1..=100 {
                go_on(if id % 4 == 0 { other } else { one }, id, round(id));
            }
        });
        let written = writer.join();
        done.store(true, Ordering::Release);
        assert!(written.is_ok(), "the committer failed");
    });
}
