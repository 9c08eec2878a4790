//! Images that come back, and those that do not.

use super::*;
use crate::catalogue::conformance::{batch, intent, op, pin, snapshot, trash};
use crate::catalogue::{Change, State};

/// A state with rows of every kind.
fn full() -> State {
    let mut state = State::default();
    for id in 1..40 {
        let changes = vec![
            Change::Advance { next_id: crate::name::Id(id + 1) },
            Change::PutSnapshot(snapshot(id)),
            Change::PutPin(pin(id)),
            Change::PutTrash(trash(id)),
            Change::OpenIntent(intent(id)),
            Change::Confirm { lost: vec![format!("lost {id}")], confirmed: id % 2 == 0 },
        ];
        state.apply(&batch(&state.clone(), op(id), 0, changes)).unwrap();
    }
    state
}

#[test]
fn every_row_comes_back() {
    for state in [State::default(), full()] {
        assert_eq!(decode(encode(&state).unwrap()).unwrap(), state);
    }
}

#[test]
fn the_same_state_makes_the_same_bytes() {
    assert_eq!(encode(&full()).unwrap(), encode(&full()).unwrap());
}

#[test]
fn tables_of_a_later_version_are_said() {
    let storage = memory::Memory::default();
    tables::write_as(FORMAT + 1, &full(), storage.clone()).unwrap();
    let read = decode(storage.into_bytes());
    assert!(matches!(read, Err(ImageError::Newer { found }) if found == FORMAT + 1), "{read:?}");
    let storage = memory::Memory::default();
    tables::write_as(0, &full(), storage.clone()).unwrap();
    assert!(matches!(decode(storage.into_bytes()), Err(ImageError::Misplaced { table: "meta" })));
}

#[test]
fn other_bytes_are_no_state() {
    for bytes in [Vec::new(), vec![0; 100], vec![0; 80_000], b"redb".repeat(4000)] {
        assert!(matches!(decode(bytes), Err(ImageError::Database(_))));
    }
}
