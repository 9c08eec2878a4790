//! Do two disks hold the same? Beside qemu-img compare, warm.
//!
//! * `ordered`, `shuffled`: 512 MiB of data and a copy of it, in the guest's order: all has to be read;
//! * `siblings`: two overlays of one base of 512 MiB, which is in both chains and need not be read;
//! * `hollow`: 4 GiB that are allocated and were never written, ordered and shuffled.

use super::{Bench, same};
use crate::fleet::{Dense, Order};
use crate::measure::{Contest, fallible};
use crate::peer::qemu_img;
use crate::row::{Goal, Row};
use crate::{Result, ours};
use std::ffi::OsStr;
use std::fs;

const SIZE: u64 = 512 << 20;
/// A layer that no cluster is in.
const NONE: (u64, u64) = (u64::MAX - 1, u64::MAX);

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let pairs = [
        ("compare/ordered", "ordered", "ordered-copy"),
        ("compare/shuffled", "shuffled", "shuffled-copy"),
        ("compare/siblings", "sibling", "other-sibling"),
        ("compare/hollow", "hollow-ordered", "hollow-shuffled"),
    ];
    if !pairs.iter().any(|pair| bench.wants(pair.0, &["qemu-img"])) || !qemu_img::is_there() {
        return Ok(Vec::new());
    }
    let dir = bench.dir.join("compare");
    fs::create_dir(&dir)?;
    for (name, order) in [("ordered", Order::Ordered), ("shuffled", Order::Shuffled)] {
        let image = dir.join(name);
        Dense { is_filled: true, ..Dense::hollow(SIZE, order) }.write(&image)?;
        let copy = dir.join(format!("{name}-copy"));
        let words = ["convert", "-f", "qcow2", "-O", "qcow2"].map(OsStr::new);
        qemu_img::run(&[&words[..], &[image.as_ref(), copy.as_ref()]].concat())?;
        let hollow = Dense::hollow(4 << 30, order);
        hollow.write(&dir.join(format!("hollow-{name}")))?;
    }
    for name in ["sibling", "other-sibling"] {
        let overlay =
            Dense { backing: Some("ordered"), layer: NONE, ..Dense::hollow(SIZE, Order::Ordered) };
        overlay.write(&dir.join(name))?;
    }

    let mut rows = Vec::new();
    for (name, first, second) in pairs {
        let [first, second] = [first, second].map(|name| dir.join(name));
        let words = ["compare", "-f", "qcow2", "-F", "qcow2"].map(OsStr::new);
        let words = [&words[..], &[first.as_ref(), second.as_ref()]].concat();
        let theirs = || qemu_img::run(&words);
        // Who finds a difference fails.
        theirs()?;
        same(name, ours::identical(&first, &second)?, true)?;
        let contest = Contest::new(name, fallible(1, || ours::identical(&first, &second))).against(
            "qemu-img",
            Goal::AtLeast(1.0),
            fallible(1, theirs),
        );
        rows.extend(bench.run(contest)?);
    }
    fs::remove_dir_all(&dir)?;
    Ok(rows)
}
