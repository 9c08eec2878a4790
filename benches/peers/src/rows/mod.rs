//! The rows, in groups that share what they are measured on.

mod check;
mod cold;
mod compare;
mod depends_on;
mod guest;
mod header;
mod index;
mod map;
mod open;
mod removal;
mod scan;
mod snapshots;

use crate::Result;
use crate::fleet::{Files, Shape};
use crate::measure::Contest;
use crate::row::Row;
use std::path::PathBuf;

/// Rows that share what they are measured on; none where the filter wants none.
type Group = fn(&Bench) -> Result<Vec<Row>>;

/// Every group, in the order in which the rows are printed.
pub(crate) const GROUPS: [Group; 12] = [
    header::rows,
    open::rows,
    scan::rows,
    removal::rows,
    depends_on::rows,
    index::rows,
    check::rows,
    map::rows,
    compare::rows,
    guest::rows,
    snapshots::rows,
    cold::rows,
];

/// What the rows are measured with.
pub(crate) struct Bench {
    /// Where the fleets go.
    pub(crate) dir: PathBuf,
    /// Files of the fleet that is scanned, and the most that any fleet has.
    pub(crate) files: usize,
    pub(crate) rounds: u32,
    pub(crate) filter: String,
}

impl Bench {
    /// Whether any row of these names is asked for, before anything is built for them.
    fn wants(&self, contest: &str, peers: &[&str]) -> bool {
        peers.iter().any(|peer| format!("{contest}/{peer}").contains(&self.filter))
    }

    fn fleet(&self, name: &str, shape: Shape, disks: usize) -> Result<Files> {
        Ok(Files::write(&self.dir.join(name), shape, disks.min(self.files))?)
    }

    fn run(&self, contest: Contest<'_>) -> Result<Vec<Row>> {
        contest.run(self.rounds, &self.filter)
    }
}

/// An error unless both gave the same answer.
fn same<T: PartialEq + std::fmt::Debug>(row: &str, ours: T, theirs: T) -> Result<()> {
    if ours == theirs {
        return Ok(());
    }
    Err(format!("{row}: the answers differ\n  ours:   {ours:?}\n  theirs: {theirs:?}").into())
}
