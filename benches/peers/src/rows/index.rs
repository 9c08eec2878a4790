//! A million disks that are kept current: relations, lists and changes, beside two reads of memory, a
//! slice, and petgraph's graph alone, which has neither labels nor paths nor versions.

use super::{Bench, same};
use crate::fleet::{Random, Shape};
use crate::floor::interval::Intervals;
use crate::leaves::Leaves;
use crate::measure::{Contest, Work, fallible, plain, prepared};
use crate::peer::found::Found;
use crate::peer::stable::Stable;
use crate::row::{Goal, Row};
use crate::{Result, ours};
use std::cell::RefCell;
use std::collections::HashSet;
use std::hint::black_box;

const DISKS: usize = 1_000_000;
const STAR: usize = 100_000;
/// Questions and changes of one run.
const PAIRS: usize = 1 << 20;
const CHANGES: usize = 4_096;

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = relations(bench)?;
    for share in [2, 1_000, 1_000_000] {
        rows.extend(moves(bench, share)?);
    }
    for shape in [Shape::Star, Shape::Forest, Shape::Deep] {
        rows.extend(changes(bench, shape)?);
    }
    Ok(rows)
}

fn relations(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for shape in [Shape::Star, Shape::Forest, Shape::Deep] {
        let name = format!("index/depends-on/{}", shape.name());
        if !bench.wants(&name, &["interval"]) {
            continue;
        }
        let parents = shape.parents(DISKS);
        let mut random = Random(3);
        let pairs: Vec<(u32, u32)> = (0..PAIRS)
            .map(|_| Ok((u32::try_from(random.below(DISKS))?, u32::try_from(random.below(DISKS))?)))
            .collect::<Result<_>>()?;
        let graph = ours::Asked::of(&parents)?;
        let ids = graph.ids(&pairs)?;
        let intervals = Intervals::of(&parents);
        for ((a, b), ids) in pairs.iter().zip(&ids) {
            same(&name, graph.depends_on(*ids), intervals.depends_on(*a, *b))?;
        }
        let ask = || ids.iter().filter(|ids| graph.depends_on(**ids)).count();
        let floor = || pairs.iter().filter(|(a, b)| intervals.depends_on(*a, *b)).count();
        let contest = Contest::new(name, plain(PAIRS, ask));
        let contest = contest.against("interval", Goal::AtMost(1.5), plain(PAIRS, floor));
        rows.extend(bench.run(contest)?);
    }
    Ok(rows)
}

/// In a chain of a million, one disk of so many is re-pointed with all above it, to and fro between two
/// bases: beside numbering all of them again, which is what a plain array of intervals would need.
fn moves(bench: &Bench, share: usize) -> Result<Vec<Row>> {
    let above = DISKS / share;
    let name = format!("index/re-point/{above}-of-a-chain");
    if !bench.wants(&name, &["rebuild"]) {
        return Ok(Vec::new());
    }
    let mut parents = Shape::Deep.parents(DISKS);
    // Two more bases than the chain has.
    parents.extend([None, None]);
    let mut graph = ours::Changed::of(&parents)?;
    let mut bases = [DISKS, DISKS + 1].into_iter().cycle();
    let ours = || graph.repoint(DISKS - above, bases.next().unwrap_or(DISKS));
    let contest = Contest::new(name, fallible(1, ours));
    let rebuild = plain(1, || Intervals::of(black_box(&parents)));
    bench.run(contest.against("rebuild", Goal::AtLeast(1.0), rebuild))
}

fn changes(bench: &Bench, shape: Shape) -> Result<Vec<Row>> {
    let disks = if shape == Shape::Star { STAR } else { DISKS };
    let name = |what: &str| format!("index/{what}/{}", shape.name());
    let wanted = ["dependents", "add-leaf", "remove-leaf", "remove-leaf-beside-reader"];
    let peers = ["slice", "petgraph", "petgraph-and-maps"];
    if !wanted.iter().any(|what| bench.wants(&name(what), &peers)) {
        return Ok(Vec::new());
    }
    let parents = shape.parents(disks);
    let mut is_leaf = vec![true; disks];
    for parent in parents.iter().flatten() {
        is_leaf[*parent] = false;
    }
    let leaves: Vec<usize> =
        (0..disks).filter(|disk| is_leaf[*disk] && parents[*disk].is_some()).collect();
    let mut random = Random(5);
    // New leaves, by numbers that no disk has, and what each stands on.
    let new: Vec<(usize, usize)> = (disks..disks + CHANGES)
        .map(|leaf| (leaf, if shape == Shape::Star { 0 } else { random.below(disks) }))
        .collect();
    let mut met = HashSet::new();
    let chosen: Vec<(usize, usize)> = (0..CHANGES)
        .filter_map(|_| leaves.get(random.below(leaves.len())).copied())
        .filter(|leaf| met.insert(*leaf))
        .filter_map(|leaf| Some((leaf, parents[leaf]?)))
        .collect();
    let graph = ours::Changed::of(&parents)?;
    let mut rows = Vec::new();

    let above = graph.ids().len() - 1;
    if shape != Shape::Forest {
        let sum =
            |ids: &[_]| ids.iter().fold(0_u64, |sum, id: &diskdag_graph::DiskId| sum + id.number());
        same(&name("dependents"), graph.above(0), sum(&graph.ids()[1..]))?;
        let contest = Contest::new(name("dependents"), plain(above, || graph.above(black_box(0))));
        let contest = contest.against(
            "slice",
            Goal::AtMost(2.0),
            plain(above, || sum(black_box(&graph.ids()[1..]))),
        );
        rows.extend(bench.run(contest)?);
    }
    // Each change by itself, timed without its opposite. The same of petgraph's graph alone, and of that and two
    // maps: what is left beside those are labels, doubts and versions.
    let (graph, petgraph) = (RefCell::new(graph), RefCell::new(Stable::of(&parents)));
    let found = RefCell::new(Found::of(&parents));
    for (what, goal, (leaves, is_new)) in [
        ("add-leaf", Goal::AtMost(2.0), (&new, true)),
        ("remove-leaf", Goal::AtLeast(1.0), (&chosen, false)),
    ] {
        let contest = Contest::new(name(what), one_way(&graph, leaves, is_new));
        let contest = contest.against("petgraph", goal, one_way(&petgraph, leaves, is_new));
        let maps = one_way(&found, leaves, is_new);
        rows.extend(bench.run(contest.against("petgraph-and-maps", Goal::AtMost(2.0), maps))?);
    }
    // The same while a reader holds the version before each change.
    graph.borrow_mut().is_read = true;
    let contest = Contest::new(name("remove-leaf-beside-reader"), one_way(&graph, &chosen, false));
    let theirs = one_way(&petgraph, &chosen, false);
    rows.extend(bench.run(contest.against("petgraph", Goal::AtLeast(1.0), theirs))?);
    Ok(rows)
}

/// Leaves that come, each by itself, after they have gone untimed; or else go, after they have come.
fn one_way<'a>(
    graph: &'a RefCell<impl Leaves>,
    leaves: &'a [(usize, usize)],
    is_new: bool,
) -> Work<'a> {
    let come = || {
        let mut graph = graph.borrow_mut();
        leaves.iter().try_for_each(|(leaf, on)| graph.add(*leaf, *on))
    };
    let go = || {
        let mut graph = graph.borrow_mut();
        leaves.iter().try_for_each(|(leaf, _)| graph.remove(*leaf))
    };
    let opposite = move || {
        let is_there = leaves.first().is_some_and(|(leaf, _)| graph.borrow().has(*leaf));
        match (is_there, is_new) {
            (true, true) => go(),
            (false, false) => come(),
            _ => Ok(()),
        }
    };
    prepared(leaves.len(), opposite, move || if is_new { come() } else { go() })
}
