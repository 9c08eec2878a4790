//! Reading both chains, and comparing what they hold.
#![forbid(unsafe_code)]

use std::sync::mpsc::sync_channel;
use std::thread::{Builder, scope};
use std::vec::Vec;

use super::walk::Walk;
use super::{CHUNK, CompareError};

/// So many bytes in a row are worth a second thread: it reads one chain while this one reads the other.
const WORTH_A_THREAD: u64 = 16 << 20;
/// How much two threads read at a time. What they tell each other costs as much as to read some KiB.
const CHUNK_OF_TWO: u64 = 1 << 20;
/// Buffers of the second thread: it reads ahead by as many.
const AHEAD: usize = 2;

/// Where the two differ first between `at` and `end`; one of them may be known to be zeros.
pub(super) fn difference(
    [a, b]: [&mut Walk<'_>; 2],
    zeros: [bool; 2],
    at: u64,
    end: u64,
) -> Result<Option<u64>, CompareError> {
    match zeros {
        [true, _] => b.first_nonzero(at, end),
        [_, true] => a.first_nonzero(at, end),
        _ if end - at >= WORTH_A_THREAD => on_two_threads(a, b, at, end),
        _ => on_one(a, b, at, end),
    }
}

fn on_one(
    a: &mut Walk<'_>,
    b: &mut Walk<'_>,
    at: u64,
    end: u64,
) -> Result<Option<u64>, CompareError> {
    for (from, len) in chunks(at, end, CHUNK) {
        if let Some(found) = first_difference(a.read(from, len)?, b.read(from, len)?) {
            return Ok(Some(from + found));
        }
    }
    Ok(None)
}

fn on_two_threads(
    a: &mut Walk<'_>,
    b: &mut Walk<'_>,
    at: u64,
    end: u64,
) -> Result<Option<u64>, CompareError> {
    let (give_back, empty) = sync_channel::<Vec<u8>>(AHEAD);
    let (fill, filled) = sync_channel(AHEAD);
    for _ in 0..AHEAD {
        give_back.send(Vec::new()).ok();
    }
    let (one, other) = (&mut *a, &mut *b);
    let read = move || {
        // Either end of the talk may leave: then there is nothing more to be read.
        for (from, len) in chunks(at, end, CHUNK_OF_TWO) {
            let Ok(buffer) = empty.recv() else { return };
            let read = other.read_into(from, len, buffer);
            if read.is_err() | fill.send(read).is_err() {
                return;
            }
        }
    };
    let compared = scope(move |scope| {
        Builder::new().spawn_scoped(scope, read).ok()?;
        for (from, len) in chunks(at, end, CHUNK_OF_TWO) {
            let one = match one.read(from, len) {
                Ok(one) => one,
                Err(error) => return Some(Err(error)),
            };
            // It sends all, or an error. If it panics the scope does.
            match filled.recv().ok()? {
                Ok(other) => {
                    let there = other.get(..one.len()).unwrap_or_default();
                    if let Some(found) = first_difference(one, there) {
                        return Some(Ok(Some(from + found)));
                    }
                    give_back.send(other).ok();
                }
                Err(error) => return Some(Err(error)),
            }
        }
        Some(Ok(None))
    });
    // Without another thread this one does it all.
    compared.unwrap_or_else(|| on_one(a, b, at, end))
}

fn chunks(at: u64, end: u64, size: u64) -> impl Iterator<Item = (u64, u64)> {
    let step = usize::try_from(size).unwrap_or(usize::MAX);
    (at..end).step_by(step).map(move |from| (from, size.min(end - from)))
}

fn first_difference(one: &[u8], other: &[u8]) -> Option<u64> {
    if one == other {
        return None;
    }
    let same = one.iter().zip(other).take_while(|(one, other)| one == other);
    Some(same.count() as u64)
}
