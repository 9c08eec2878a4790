//! "May I remove x?" asked from nothing: no graph is there yet.
//!
//! x is the base of the first chain. Ours scans with as many threads as the machine has processors,
//! as the command does; the walk is what it is in the wild, one thread.

use super::{Bench, same};
use crate::fleet::Shape;
use crate::measure::{Contest, fallible};
use crate::peer::{chain_walk, qemu_img};
use crate::row::{Goal, Row};
use crate::{Result, ours};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

const DISKS: usize = 20_000;
/// Backing files below the top of each chain.
const DEPTHS: [usize; 4] = [1, 8, 64, 1_000];

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let shapes = [(Shape::Star, 4.0), (Shape::Chains(8), 10.0), (Shape::Chains(64), 60.0)];
    let shapes = shapes.map(|(shape, goal)| (DISKS, shape, goal));
    let sizes = [100, 1_000, 10_000].into_iter();
    let grid = sizes.flat_map(|disks| DEPTHS.map(|depth| (disks, Shape::Chains(depth + 1), 1.0)));
    let grid = grid.filter(|(disks, shape, _)| matches!(shape, Shape::Chains(n) if n < disks));
    let mut rows = Vec::new();
    for (disks, shape, goal) in shapes.into_iter().chain(grid) {
        let name = match disks {
            DISKS => format!("may-i-remove/{}", shape.name()),
            _ => format!("may-i-remove/{disks}-disks/{}", shape.name()),
        };
        if !bench.wants(&name, &["chain-walk", "qemu-img-info"]) {
            continue;
        }
        let files = bench.fleet(&format!("remove-{disks}-{}", shape.name()), shape, disks)?;
        let base = files.paths.first().ok_or("a fleet without a disk")?;
        let mut buffer = vec![0; ours::FIRST_READ];
        let walked = chain_walk::dependents(&files.dir, base, &mut buffer)?;
        same(&name, ours::blockers(&files.dir, base)?, walked)?;

        let contest = Contest::new(name, fallible(1, || ours::blockers(&files.dir, base))).against(
            "chain-walk",
            Goal::AtLeast(goal),
            fallible(1, || chain_walk::dependents(&files.dir, base, &mut buffer)),
        );
        // A process per file: for a hundred files that is a second.
        let contest = match disks <= 100 && qemu_img::is_there() {
            true => contest.against(
                "qemu-img-info",
                Goal::AtLeast(1.0),
                fallible(1, || files.paths.iter().try_for_each(|path| info(path))),
            ),
            false => contest,
        };
        rows.extend(bench.run(contest)?);
        fs::remove_dir_all(&files.dir)?;
    }
    Ok(rows)
}

/// What a script does that asks qemu-img for the backing file of every image.
fn info(path: &Path) -> Result<()> {
    let arguments = ["info", "-U", "--output=json"].map(OsStr::new);
    qemu_img::run(&[&arguments[..], &[path.as_os_str()]].concat())
}
