//! "Does a depend on b?" of 100,000 disks that are in the graph, each question by itself: the
//! numbers of the disks come from outside and the answer goes there.

use super::{Bench, same};
use crate::fleet::Shape;
use crate::floor::interval::Intervals;
use crate::measure::{Contest, plain};
use crate::peer::has_path::HasPath;
use crate::row::{Goal, Row};
use crate::{Result, ours};
use std::hint::black_box;

const DISKS: usize = 100_000;
/// Questions: enough to touch every disk.
const QUESTIONS: usize = 65_536;
/// The search gets the first of them; it takes up to a millisecond for each.
const SEARCHED: usize = 256;

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for shape in [Shape::Star, Shape::Forest, Shape::Deep] {
        let name = format!("depends-on/{}", shape.name());
        if !bench.wants(&name, &["interval", "has-path"]) {
            continue;
        }
        let parents = shape.parents(DISKS);
        let pairs = shape
            .pairs(DISKS, QUESTIONS)
            .into_iter()
            .map(|(a, b)| Ok((u32::try_from(a)?, u32::try_from(b)?)))
            .collect::<Result<Vec<_>>>()?;
        let searched = pairs.get(..SEARCHED).unwrap_or(&pairs);

        let graph = ours::Asked::of(&parents)?;
        let ids = graph.ids(&pairs)?;
        let intervals = Intervals::of(&parents);
        let mut search = HasPath::of(&parents);
        for ((a, b), ids) in pairs.iter().zip(&ids) {
            same(&name, graph.depends_on(*ids), intervals.depends_on(*a, *b))?;
        }
        for (a, b) in searched {
            same(&name, search.depends_on(*a, *b), intervals.depends_on(*a, *b))?;
        }

        let contest =
            Contest::new(name, plain(ids.len(), || each(&ids, |ids| graph.depends_on(ids))))
                .against(
                    "interval",
                    Goal::AtMost(2.0),
                    plain(pairs.len(), || each(&pairs, |(a, b)| intervals.depends_on(a, b))),
                )
                .against(
                    "has-path",
                    Goal::AtLeast(1.0),
                    plain(searched.len(), || each(searched, |(a, b)| search.depends_on(a, b))),
                );
        rows.extend(bench.run(contest)?);
    }
    Ok(rows)
}

fn each<T: Copy>(questions: &[T], mut ask: impl FnMut(T) -> bool) {
    for question in questions {
        black_box(ask(black_box(*question)));
    }
}
