//! The overlays of operations that are run together, written and forced out.
//!
//! A few are forced out one after the other. Of many, all are written first, while the system begins to write
//! them out; then many threads wait, and what each waits for, the device and a journal's commit, they share.

use std::collections::BTreeSet;

use crate::catalogue::{OpId, OverlayMember};
use crate::error::Error;
use crate::fs::Attributes;
use crate::operate::overlays::Planned;
use crate::operate::threads::in_threads;
use crate::overlay::{self, WriteError, Written};
use crate::pool::Session;

/// Overlays up to this number are written and forced out one after the other.
const FEW: usize = 8;

/// Files that are open at the same time, beside the images that are claimed.
const OPEN: usize = 128;

/// Threads that write. A directory takes one new file at a time; the second has its bytes and attributes to do.
const WRITERS: usize = 2;

/// Threads that wait until an overlay is forced out.
const WAITERS: usize = 16;

/// An overlay that is to be written, and the place of its operation among all.
struct Job<'p> {
    at: usize,
    op: OpId,
    member: &'p OverlayMember,
    attributes: &'p Attributes,
}

impl Job<'_> {
    fn write(&self, session: &Session<'_>) -> Result<Written, WriteError> {
        session.go_on().map_err(|kind| WriteError { kind, synced: true })?;
        let (pool, Self { op, member, attributes, .. }) = (session.pool, self);
        overlay::write(pool.fs(), &pool.path(&member.side), member, *op, attributes)
    }
}

/// Writes the overlays of all operations that have begun, and forces them out; for each operation, the first
/// error.
pub(super) fn write_all(
    session: &Session<'_>,
    runs: &[(Planned, Result<(), Error>)],
) -> Vec<Result<(), WriteError>> {
    let begun = runs.iter().enumerate().filter(|(_, (_, result))| result.is_ok());
    let jobs: Vec<Job<'_>> = begun
        .flat_map(|(at, (plan, _))| {
            let members = plan.members.iter().zip(&plan.attributes);
            members.map(move |(member, attributes)| Job { at, op: plan.op, member, attributes })
        })
        .collect();
    let mut results: Vec<Result<(), WriteError>> = runs.iter().map(|_| Ok(())).collect();
    if jobs.len() <= FEW {
        one_by_one(session, &jobs, &mut results);
    } else {
        jobs.chunks(OPEN).for_each(|jobs| together(session, jobs, &mut results));
    }
    results
}

fn one_by_one(session: &Session<'_>, jobs: &[Job<'_>], results: &mut [Result<(), WriteError>]) {
    let mut failed = BTreeSet::new();
    for job in jobs {
        if failed.contains(&job.at) {
            continue;
        }
        let result = job.write(session).and_then(Written::sync);
        if result.is_err() {
            failed.insert(job.at);
        }
        learn(results, job.at, result);
    }
}

fn together(session: &Session<'_>, jobs: &[Job<'_>], results: &mut [Result<(), WriteError>]) {
    let write = |job: &Job<'_>| (job.at, job.write(session).map(Written::sync_soon));
    let written = in_threads(WRITERS, jobs.iter().collect(), write);
    let sync =
        |(at, written): (usize, Result<Written, WriteError>)| (at, written.and_then(Written::sync));
    for (at, result) in in_threads(WAITERS, written, sync) {
        learn(results, at, result);
    }
}

/// One that was not forced out outweighs one that was not written.
fn learn(results: &mut [Result<(), WriteError>], at: usize, result: Result<(), WriteError>) {
    if let (Some(slot), Err(error)) = (results.get_mut(at), result)
        && !slot.as_ref().is_err_and(|before| !before.synced)
    {
        *slot = Err(error);
    }
}
