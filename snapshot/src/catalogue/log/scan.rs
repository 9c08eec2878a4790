//! The records of a log, one after the other.
//!
//! A record counts if it is whole, of the log's generation, and names the checksum of the one before.
//! The first that does not is the end: a commit that was cut off. A commit begins only when all records
//! before its own are known to be on the medium, so behind a commit that was cut off there is no
//! record of the same generation. One that is found there says that the log is damaged.

use super::layout::{Generation, RecordHead, SECTOR};
use crate::catalogue::{Batch, Revision, State};

/// A place in a log, and the checksum of the record before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) at: usize,
    pub(super) before: u64,
}

/// Why records do not lead from one state to another.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScanError {
    #[error("the record at byte {at} is not whole, and others follow")]
    Hole { at: usize },
    #[error("the record at byte {at} does not read: {cause}")]
    Payload {
        at: usize,
        #[source]
        cause: serde_json::Error,
    },
    #[error("the record at byte {at} does not follow upon revision {}", found.0)]
    Gap { at: usize, found: Revision },
}

/// Whether a record that follows upon `tail` begins at the beginning of `bytes`, and its payload.
fn next(bytes: &[u8], generation: Generation, tail: Tail) -> Option<(RecordHead, &[u8])> {
    let (head, payload) = RecordHead::decode(bytes)?;
    (head.generation == generation && head.before == tail.before).then_some((head, payload))
}

/// Brings `state` forward by the records that begin at `tail`; `log` is the file from byte `from` on.
/// What the state has already is passed over. O(bytes).
pub(super) fn follow(
    log: &[u8],
    from: usize,
    generation: Generation,
    mut tail: Tail,
    state: &mut State,
) -> Result<Tail, ScanError> {
    let bytes_at = |at: usize| log.get(at - from..).unwrap_or_default();
    while let Some((head, payload)) = next(bytes_at(tail.at), generation, tail) {
        if head.first > state.revision {
            redo(head.first, payload, tail.at, state)?;
        }
        tail = Tail { at: tail.at + head.space(), before: head.sum };
    }
    Ok(tail)
}

/// Whether there is a record behind `tail` that the state lacks: then what lies at `tail` was one too.
/// O(bytes), if what looks like a record is one.
pub(super) fn check_end(
    log: &[u8],
    generation: Generation,
    tail: Tail,
    state: &State,
) -> Result<(), ScanError> {
    let sectors = log.get(tail.at..).unwrap_or_default().chunks(SECTOR);
    for (index, sector) in sectors.enumerate() {
        let later = RecordHead::peek(sector)
            .is_some_and(|head| head.generation == generation && head.first > state.revision);
        let at = tail.at + index * SECTOR;
        if later && RecordHead::decode(log.get(at..).unwrap_or_default()).is_some() {
            return Err(ScanError::Hole { at: tail.at });
        }
    }
    Ok(())
}

fn redo(first: Revision, payload: &[u8], at: usize, state: &mut State) -> Result<(), ScanError> {
    let batches: Vec<Batch> =
        serde_json::from_slice(payload).map_err(|cause| ScanError::Payload { at, cause })?;
    let found = state.revision;
    if first.0 != found.0.saturating_add(1) || batches.is_empty() {
        return Err(ScanError::Gap { at, found });
    }
    for batch in &batches {
        let expected = Revision(state.revision.0.saturating_add(1));
        if state.apply(batch) != Ok(expected) {
            return Err(ScanError::Gap { at, found: state.revision });
        }
    }
    Ok(())
}
