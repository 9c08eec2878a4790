//! Random programs of batches, with the pure state as the oracle.

use std::sync::Arc;

use diskdag_snapshot::catalogue::conformance::{intent, op, pin, snapshot, trash};
use diskdag_snapshot::catalogue::{
    Batch, Catalogue, CatalogueError, Change, Fence, LogCatalogue, Revision, State,
};
use diskdag_snapshot::name::Id;
use diskdag_snapshot::sim::{Disk, Habits, SimFs};
use proptest::prelude::*;

const DIR: &str = "/";

#[derive(Clone, Debug)]
enum Step {
    /// These batches together, through one of the handles.
    Commit {
        handle: usize,
        group: Vec<Planned>,
    },
    /// A handle is dropped, and a new one made with logs of this length.
    Reopen {
        handle: usize,
        log_len: u64,
    },
    /// The power goes out, with everything forced out that was not; or a copy is made.
    Copy,
    Fence {
        handle: usize,
    },
}

/// A batch, relative to the state that it meets.
#[derive(Clone, Debug)]
struct Planned {
    op: u64,
    step: u32,
    /// What it expects, less the revision that is there.
    revision: i64,
    fence: i64,
    changes: Vec<Change>,
    tag: Option<Vec<u8>>,
}

fn change() -> impl Strategy<Value = Change> {
    let id = 0..12_u64;
    prop_oneof![
        (1..40_u64).prop_map(|id| Change::Advance { next_id: Id(id) }),
        id.clone().prop_map(|id| Change::OpenIntent(intent(id))),
        id.clone().prop_map(|id| Change::CloseIntent { op: op(id) }),
        (0..60_u64).prop_map(|id| Change::Forget { op: op(id) }),
        id.clone().prop_map(|id| Change::PutSnapshot(snapshot(id))),
        id.clone().prop_map(|id| Change::DropSnapshot { id: Id(id) }),
        id.clone().prop_map(|id| Change::Sealed { ids: vec![Id(id), Id(id + 1)] }),
        id.clone().prop_map(|id| Change::PutPin(pin(id))),
        id.clone().prop_map(|id| Change::DropPin { snapshot: Id(id) }),
        id.clone().prop_map(|id| Change::PutTrash(trash(id))),
        id.prop_map(|id| Change::DropTrash { id: Id(id) }),
        (proptest::collection::vec(".{0,8}", 0..3), any::<bool>())
            .prop_map(|(lost, confirmed)| Change::Confirm { lost, confirmed }),
    ]
}

fn planned() -> impl Strategy<Value = Planned> {
    let near = prop_oneof![12 => Just(0_i64), 1 => -2..3_i64];
    (
        0..60_u64,
        0..3_u32,
        near.clone(),
        near,
        proptest::collection::vec(change(), 0..6),
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..2000)),
    )
        .prop_map(|(op, step, revision, fence, changes, tag)| Planned {
            op,
            step,
            revision,
            fence,
            changes,
            tag,
        })
}

fn step() -> impl Strategy<Value = Step> {
    let handle = 0..2_usize;
    prop_oneof![
        6 => (handle.clone(), proptest::collection::vec(planned(), 1..2))
            .prop_map(|(handle, group)| Step::Commit { handle, group }),
        2 => (handle.clone(), proptest::collection::vec(planned(), 0..6))
            .prop_map(|(handle, group)| Step::Commit { handle, group }),
        1 => (handle.clone(), 0..40_000_u64)
            .prop_map(|(handle, log_len)| Step::Reopen { handle, log_len }),
        1 => Just(Step::Copy),
        1 => handle.prop_map(|handle| Step::Fence { handle }),
    ]
}

fn open(fs: &SimFs, log_len: u64) -> LogCatalogue {
    LogCatalogue::with_log_len(Arc::new(fs.clone()), DIR, log_len)
}

fn add(number: u64, difference: i64) -> u64 {
    number.saturating_add_signed(difference)
}

fn run(steps: Vec<Step>) {
    let mut fs = SimFs::on(Disk::default(), Habits::default());
    open(&fs, 0).create(&State::default()).expect("a catalogue");
    let mut handles = [open(&fs, 0), open(&fs, 0)];
    let mut pure = State::default();
    let mut fence = Fence(0);
    for step in steps {
        match step {
            Step::Commit { handle, group } => {
                let mut batches = Vec::new();
                let mut expected = Vec::new();
                for planned in group {
                    let batch = Batch {
                        op: op(planned.op),
                        step: planned.step,
                        expected: Revision(add(pure.revision.0, planned.revision)),
                        fence: Fence(add(pure.fence.0, planned.fence)),
                        changes: planned.changes,
                        tag: planned.tag,
                    };
                    expected.push(pure.apply(&batch));
                    batches.push(batch);
                }
                fence = fence.max(pure.fence);
                let outcomes = handles[handle].commit_all(&batches);
                let outcomes: Vec<_> = outcomes
                    .into_iter()
                    .map(|outcome| {
                        outcome.map_err(|error| match error {
                            CatalogueError::Refused(refused) => refused,
                            other => panic!("{other}"),
                        })
                    })
                    .collect();
                assert_eq!(outcomes, expected);
            }
            Step::Reopen { handle, log_len } => handles[handle] = open(&fs, log_len),
            Step::Copy => {
                fs = SimFs::on(fs.disk(), Habits::default());
                handles = [open(&fs, 0), open(&fs, 0)];
            }
            Step::Fence { handle } => {
                let next = handles[handle].fence().expect("a fence");
                assert!(next > fence);
                fence = next;
            }
        }
        for handle in &handles {
            assert_eq!(handle.load().expect("loads"), pure);
        }
        assert_eq!(open(&fs, 0).load().expect("loads"), pure);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_handle_sees_what_the_pure_state_is(steps in proptest::collection::vec(step(), 1..40)) {
        run(steps);
    }
}
