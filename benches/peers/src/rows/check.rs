//! Images whose every cluster is allocated, beside qemu-img. Their data is holes, so that metadata is all
//! there is: 1 TiB with its clusters in the guest's order (160 MiB of metadata), 16 GiB shuffled (3 MiB).
//! Shuffled, qemu-img's cache of four refcount blocks, for 8 GiB, is what it waits for: 1 TiB takes it many
//! minutes.

use super::{Bench, same};
use crate::fleet::{Dense, Order};
use crate::measure::{Contest, fallible};
use crate::peer::qemu_img;
use crate::row::{Goal, Row};
use crate::{Result, ours};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, order, gib, goal) in
        [("ordered", Order::Ordered, 1024, 10.0), ("shuffled", Order::Shuffled, 16, 100.0)]
    {
        let path = bench.dir.join(format!("check-{name}"));
        let name = format!("check/{name}-{gib}G");
        if !bench.wants(&name, &["qemu-img"]) || !qemu_img::is_there() {
            continue;
        }
        Dense::hollow(gib << 30, order).write(&path)?;
        let path = path.as_path();
        same(&name, ours::check(path)?, theirs(path)?)?;
        let contest = Contest::new(name, fallible(1, || ours::check(path))).against(
            "qemu-img",
            Goal::AtLeast(goal),
            fallible(1, || theirs(path)),
        );
        rows.extend(bench.run(contest)?);
        fs::remove_file(path)?;
    }
    Ok(rows)
}

/// Clusters allocated and fragmented, corruptions and leaks.
fn theirs(path: &Path) -> Result<[u64; 4]> {
    let arguments = ["check", "-f", "qcow2", "--output=json"].map(OsStr::new);
    let printed = qemu_img::output(&[&arguments[..], &[path.as_os_str()]].concat())?;
    let object: Value = serde_json::from_slice(&printed)?;
    let number = |key: &str| object.get(key).and_then(Value::as_u64).unwrap_or_default();
    let keys = ["allocated-clusters", "fragmented-clusters", "corruptions", "leaks"];
    Ok(keys.map(number))
}
