//! Rows and batches to test with.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::catalogue::{
    Batch, Change, Intent, OpId, Pin, SnapshotRecord, Standing, State, TrashRecord, Work,
};
use crate::name::{Id, SnapshotName};

/// The operation with this number.
#[must_use]
pub fn op(number: u64) -> OpId {
    OpId((u128::from(number) << 64 | 0xC0DE).to_be_bytes())
}

/// A batch that fits on `state`.
#[must_use]
pub fn batch(state: &State, op: OpId, step: u32, changes: Vec<Change>) -> Batch {
    Batch { op, step, expected: state.revision, fence: state.fence, changes, tag: None }
}

/// The snapshot with this number.
///
/// # Panics
///
/// Never.
#[must_use]
pub fn snapshot(id: u64) -> SnapshotRecord {
    let name = SnapshotName::new(format!("name-{id}")).expect("a good name");
    SnapshotRecord {
        id: Id(id),
        disk: PathBuf::from("vms/vm.qcow2"),
        name,
        file: PathBuf::from(format!("vms/vm@{id}-name-{id}.qcow2")),
        created: Timestamp::UNIX_EPOCH,
        op: op(id),
        virtual_size: id << 20,
        raw: id.is_multiple_of(3),
        frozen: id.is_multiple_of(5),
        adopted: id.is_multiple_of(7),
        inconsistent: id.is_multiple_of(11),
        unsealed: id.is_multiple_of(5),
        standing: if id.is_multiple_of(2) { Standing::Kept } else { Standing::Retired },
    }
}

/// A pin of the snapshot with this number.
#[must_use]
pub fn pin(id: u64) -> Pin {
    let reason = format!("reason \u{fffd} \"{id}\"\n");
    Pin { snapshot: Id(id), reason, created: Timestamp::UNIX_EPOCH }
}

/// An item of the trash with this number, under a name that is not UTF-8.
#[must_use]
pub fn trash(id: u64) -> TrashRecord {
    use std::os::unix::ffi::OsStringExt;
    let name = [b"vms/.\xff@".to_vec(), id.to_string().into_bytes(), b".trash".to_vec()].concat();
    TrashRecord {
        id: Id(id),
        file: PathBuf::from(std::ffi::OsString::from_vec(name)),
        was: PathBuf::from(format!("vms/{id}.qcow2")),
        removed: Timestamp::UNIX_EPOCH,
        op: op(id),
        snapshot: (id.is_multiple_of(2)).then(|| snapshot(id)),
    }
}

/// An operation that has begun, which puts the item with this number into the trash.
#[must_use]
pub fn intent(id: u64) -> Intent {
    let work = Work::Trash { items: vec![trash(id)] };
    let tag = id.is_multiple_of(3).then(|| vec![0, 0xff, b'"']);
    Intent { op: op(id), began: Timestamp::UNIX_EPOCH, work, tag }
}
