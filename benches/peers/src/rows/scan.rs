//! A directory of disks into a graph, with one thread.

use super::{Bench, same};
use crate::fleet::Shape;
use crate::floor::read_loop::{c_paths, read_all};
use crate::measure::{Contest, fallible};
use crate::peer::imago;
use crate::row::{Goal, Row};
use crate::{Result, ours};
use std::fs;
use std::num::NonZeroUsize;

/// Chains so deep are 20,000 files at most; the others are as many as asked for.
const DEEP: usize = 20_000;

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (shape, most) in [(Shape::Forest, usize::MAX), (Shape::Deep, DEEP)] {
        let name = format!("scan/{}", shape.name());
        if !bench.wants(&name, &["pread-loop", "imago"]) {
            continue;
        }
        let files = bench.fleet(&format!("scan-{}", shape.name()), shape, most)?;
        let c_paths = c_paths(&files.paths)?;
        let count = files.paths.len();
        let edges = files.parents.iter().flatten().count();
        same(&name, ours::size(&ours::scan(&files.dir, NonZeroUsize::MIN)?), (count, edges))?;

        let mut buffer = vec![0; ours::FIRST_READ];
        let contest =
            Contest::new(name, fallible(count, || ours::scan(&files.dir, NonZeroUsize::MIN)))
                .against(
                    "pread-loop",
                    Goal::AtMost(1.35),
                    fallible(count, || read_all(&c_paths, &mut buffer)),
                )
                .against(
                    "imago",
                    Goal::AtLeast(1.0),
                    fallible(count, || {
                        files.paths.iter().try_for_each(|p| imago::open(p).map(drop))
                    }),
                );
        rows.extend(bench.run(contest)?);
        fs::remove_dir_all(&files.dir)?;
    }
    Ok(rows)
}
