//! Images whose every cluster is allocated, beside qemu-img. Their data is holes, so that metadata is all
//! there is: 1 TiB with its clusters in the guest's order (160 MiB of metadata), 16 GiB shuffled (3 MiB).
//! Shuffled, qemu-img's cache of four refcount blocks, for 8 GiB, is what it waits for: 1 TiB takes it many
//! minutes.

use super::{Bench, same};
use crate::fleet::Dense;
use crate::measure::{Contest, fallible};
use crate::peer::qemu_img;
use crate::row::{Goal, Row};
use crate::{Result, ours};
use std::fs;

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (order, is_shuffled, gib, goal) in
        [("ordered", false, 1024, 10.0), ("shuffled", true, 16, 100.0)]
    {
        let name = format!("check/{order}-{gib}G");
        if !bench.wants(&name, &["qemu-img"]) || !qemu_img::is_there() {
            continue;
        }
        let path = bench.dir.join(format!("check-{order}"));
        let dense = Dense::write(&path, gib << 30, is_shuffled)?;
        let path = dense.path.as_path();
        same(&name, ours::check(path)?, qemu_img::check(path)?)?;
        let contest = Contest::new(name, fallible(1, || ours::check(path))).against(
            "qemu-img",
            Goal::AtLeast(goal),
            fallible(1, || qemu_img::check(path)),
        );
        rows.extend(bench.run(contest)?);
        fs::remove_file(path)?;
    }
    Ok(rows)
}
