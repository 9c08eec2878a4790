//! Guest data read through eight layers, each of which has every eighth cluster: 512 MiB of disk, warm.
//! In pieces of a cluster and more both do nothing but copy out of the page cache.

use super::{Bench, same};
use crate::fleet::{Dense, Order, Random};
use crate::measure::{Contest, fallible};
use crate::peer::imago;
use crate::row::{Goal, Row};
use crate::{Result, ours};
use std::fs;

const SIZE: u64 = 512 << 20;
const LAYERS: u64 = 8;

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let names =
        ["guest-sequential/1m", "guest-sequential/64k", "guest-sequential/4k", "guest-random/4k"];
    if !names.iter().any(|name| bench.wants(name, &["imago"])) {
        return Ok(Vec::new());
    }
    let dir = bench.dir.join("guest");
    fs::create_dir(&dir)?;
    let mut below: Option<String> = None;
    for layer in 0..LAYERS {
        let name = format!("layer-{layer}.qcow2");
        let image = Dense {
            size: SIZE,
            order: Order::Ordered,
            backing: below.as_deref(),
            layer: (layer, LAYERS),
            is_filled: true,
        };
        image.write(&dir.join(&name))?;
        below = Some(name);
    }
    let top = dir.join(below.unwrap_or_default());
    let chain = ours::chain(&top)?;
    let theirs = imago::Disk::open(&top)?;

    let (mut one, mut other) = (vec![0; 1 << 20], vec![1; 1 << 20]);
    for at in (0..SIZE).step_by(1 << 20) {
        ours::read(&chain, at, &mut one)?;
        theirs.read(at, &mut other)?;
        same("guest", one == other, true)?;
    }

    let mut rows = Vec::new();
    let random = |step: usize| {
        let mut chance = Random(step as u64);
        let places = usize::try_from(SIZE).unwrap_or_default() / step;
        (0..2048).map(|_| (chance.below(places) * step) as u64).collect::<Vec<u64>>()
    };
    let in_order = |step: usize| (0..SIZE).step_by(step).collect::<Vec<u64>>();
    for (name, step, places) in [
        (names[0], 1 << 20, in_order(1 << 20)),
        (names[1], 64 << 10, in_order(64 << 10)),
        (names[2], 4 << 10, in_order(4 << 10)),
        (names[3], 4 << 10, random(4 << 10)),
    ] {
        let (mut one, mut other) = (vec![0; step], vec![0; step]);
        let contest = Contest::new(
            name,
            fallible(places.len(), || {
                places.iter().try_for_each(|at| ours::read(&chain, *at, &mut one))
            }),
        )
        .against(
            "imago",
            Goal::AtLeast(1.0),
            fallible(places.len(), || {
                places.iter().try_for_each(|at| theirs.read(*at, &mut other))
            }),
        );
        rows.extend(bench.run(contest)?);
    }
    fs::remove_dir_all(&dir)?;
    Ok(rows)
}
