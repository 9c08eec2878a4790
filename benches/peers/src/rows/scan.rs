//! A directory of disks into a graph, with one thread and with two; and again from a saved index.

use super::{Bench, same};
use crate::fleet::Shape;
use crate::floor::read_loop::{c_paths, read_all, stat_all};
use crate::measure::{Contest, fallible};
use crate::peer::imago;
use crate::row::{Goal, Row};
use crate::{Result, ours};
use std::fs;
use std::num::NonZeroUsize;
use std::time::Duration;

/// Chains so deep are 20,000 files at most; the others are as many as asked for.
const DEEP: usize = 20_000;

const TWO: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (shape, most) in [(Shape::Forest, usize::MAX), (Shape::Deep, DEEP)] {
        let name = format!("scan/{}", shape.name());
        let wants = |name: &str, peers: &[&str]| bench.wants(name, peers);
        if !wants(&name, &["pread-loop", "imago"])
            && !wants(&format!("{name}-2-threads"), &["pread-loop"])
            && !wants(&format!("start-again/{}-1-thread", shape.name()), &["statx-loop"])
            && !wants(&format!("start-again/{}-2-threads", shape.name()), &["statx-loop"])
        {
            continue;
        }
        let files = bench.fleet(&format!("scan-{}", shape.name()), shape, most)?;
        let c_paths = c_paths(&files.paths)?;
        let count = files.paths.len();
        let edges = files.parents.iter().flatten().count();
        same(&name, ours::size(&ours::scan(&files.dir, NonZeroUsize::MIN)?), (count, edges))?;

        let mut buffer = vec![0; ours::FIRST_READ];
        let contest = Contest::new(
            name.clone(),
            fallible(count, || ours::scan(&files.dir, NonZeroUsize::MIN)),
        )
        .against(
            "pread-loop",
            Goal::AtMost(1.35),
            fallible(count, || read_all(&c_paths, &mut buffer)),
        )
        .against(
            "imago",
            Goal::AtLeast(1.0),
            fallible(count, || files.paths.iter().try_for_each(|p| imago::open(p).map(drop))),
        );
        rows.extend(bench.run(contest)?);
        let contest = Contest::new(
            format!("{name}-2-threads"),
            fallible(count, || ours::scan(&files.dir, TWO)),
        )
        .against(
            "pread-loop",
            Goal::AtMost(0.80),
            fallible(count, || read_all(&c_paths, &mut buffer)),
        );
        rows.extend(bench.run(contest)?);

        // Files of the last two seconds would be read again.
        std::thread::sleep(Duration::from_secs(3));
        let index = files.dir.with_extension("index");
        ours::save_index(&files.dir, &index, TWO)?;
        for (threads, number) in [("1-thread", NonZeroUsize::MIN), ("2-threads", TWO)] {
            let again = ours::start_again(&files.dir, &index, number)?;
            same(&name, ours::size(&again), (count, edges))?;
            let contest = Contest::new(
                format!("start-again/{}-{threads}", shape.name()),
                fallible(count, || ours::start_again(&files.dir, &index, number)),
            )
            .against(
                "statx-loop",
                Goal::AtMost(1.15),
                fallible(count, || stat_all(&c_paths)),
            );
            rows.extend(bench.run(contest)?);
        }
        fs::remove_dir_all(&files.dir)?;
    }
    Ok(rows)
}
