//! "May I remove x?" asked from nothing: no graph is there yet.
//!
//! x is the base of the first chain. Ours scans with as many threads as the machine has processors,
//! as the command does; the walk is what it is in the wild, one thread.

use super::{Bench, same};
use crate::fleet::Shape;
use crate::measure::{Contest, fallible};
use crate::peer::chain_walk;
use crate::row::{Goal, Row};
use crate::{Result, ours};
use std::fs;

const DISKS: usize = 20_000;

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let shapes = [(Shape::Star, 4.0), (Shape::Chains(8), 10.0), (Shape::Chains(64), 60.0)];
    let mut rows = Vec::new();
    for (shape, goal) in shapes {
        let name = format!("may-i-remove/{}", shape.name());
        if !bench.wants(&name, &["chain-walk"]) {
            continue;
        }
        let files = bench.fleet(&format!("remove-{}", shape.name()), shape, DISKS)?;
        let base = files.paths.first().ok_or("a fleet without a disk")?;
        let mut buffer = vec![0; ours::FIRST_READ];
        let walked = chain_walk::dependents(&files.dir, base, &mut buffer)?;
        same(&name, ours::blockers(&files.dir, base)?, walked)?;

        let contest = Contest::new(name, fallible(1, || ours::blockers(&files.dir, base))).against(
            "chain-walk",
            Goal::AtLeast(goal),
            fallible(1, || chain_walk::dependents(&files.dir, base, &mut buffer)),
        );
        rows.extend(bench.run(contest)?);
        fs::remove_dir_all(&files.dir)?;
    }
    Ok(rows)
}
