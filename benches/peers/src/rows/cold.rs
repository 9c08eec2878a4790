//! A directory of disks into a graph when nothing of it is in memory: beside reading the files one by one in the order
//! in which they lie on the disk, which is what a processor that waits can do.
//!
//! Before every measurement the system is told to forget what it has cached, which takes root, and slows the
//! whole machine down for a moment. So these rows are measured only where they are asked for by name.

use super::{Bench, same};
use crate::fleet::Shape;
use crate::floor::read_loop::{c_paths, read_all};
use crate::measure::{Contest, prepared};
use crate::row::{Goal, Row};
use crate::{Result, ours};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::num::NonZeroUsize;

/// Cold, a file costs a good part of a millisecond.
const FILES: usize = 20_000;
const NAME: &str = "cold-scan";

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    if bench.filter.is_empty() || !bench.wants(NAME, &["one-by-one"]) {
        return Ok(Vec::new());
    }
    let Ok(caches) = OpenOptions::new().write(true).open("/proc/sys/vm/drop_caches") else {
        writeln!(
            io::stderr(),
            "{NAME}: skipped, as only root can have the system forget its caches"
        )?;
        return Ok(Vec::new());
    };
    let files = bench.fleet(NAME, Shape::Forest, FILES)?;
    let c_paths = c_paths(&files.paths)?;
    let (count, edges) = (files.paths.len(), files.parents.iter().flatten().count());
    let one = NonZeroUsize::MIN;
    let many = NonZeroUsize::new(32).unwrap_or(one);
    same(NAME, ours::size(&ours::scan_cold(&files.dir, one, many)?), (count, edges))?;
    // Only what is on the disk can be forgotten.
    rustix::fs::syncfs(File::open(&files.dir)?)?;

    let forget = || Ok((&caches).write_all(b"3")?);
    let mut buffer = vec![0; ours::FIRST_READ];
    let contest =
        Contest::new(NAME, prepared(count, forget, || ours::scan_cold(&files.dir, one, many)))
            .against(
                "one-by-one",
                Goal::AtMost(0.28),
                prepared(count, forget, || read_all(&c_paths, &mut buffer)),
            );
    let rows = bench.run(contest)?;
    fs::remove_dir_all(&files.dir)?;
    Ok(rows)
}
