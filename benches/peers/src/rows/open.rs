//! One file after the other: open, header, close.

use super::{Bench, same};
use crate::fleet::Shape;
use crate::floor::read_loop::{c_paths, read_all};
use crate::measure::{Contest, fallible};
use crate::peer::{imago, qcow2_rs};
use crate::row::{Goal, Row};
use crate::{Result, ours};
use std::fs;
use std::os::unix::fs::MetadataExt;

/// So many that neither their names nor their inodes stay in the processor's caches, as on a host.
const FILES: usize = 20_000;

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let plain_wanted = ["pread-loop", "imago", "qcow2-rs-parser", "qcow2-rs-device"];
    if !bench.wants("open", &plain_wanted) && !bench.wants("open-identity", &["pread-loop"]) {
        return Ok(Vec::new());
    }
    let files = bench.fleet("open", Shape::Forest, FILES)?;
    let c_paths = c_paths(&files.paths)?;
    let count = files.paths.len();

    let mut header = [0; qcow2_rs::FIRST_READ];
    let params = qcow2_rs::read_only();
    let mut first = [0; ours::FIRST_READ];
    let mut buffer = Vec::new();
    for (path, c_path) in files.paths.iter().zip(&c_paths) {
        let ours = ours::open(c_path, &mut first)?;
        same("open/imago", imago::open(path)?, ours)?;
        same("open/qcow2-rs-parser", qcow2_rs::open_header(path, &mut header)?, ours)?;
        same("open/qcow2-rs-device", qcow2_rs::open_device(path, &params)?, ours)?;
        let inode = fs::metadata(path)?.ino();
        same("open-identity", ours::open_identity(path, &mut buffer)?, (inode, ours))?;
    }

    let mut floor_buffer = vec![0; ours::FIRST_READ];
    let plain = Contest::new(
        "open",
        fallible(count, || c_paths.iter().try_for_each(|p| ours::open(p, &mut first).map(drop))),
    )
    .against(
        "pread-loop",
        Goal::AtMost(1.05),
        fallible(count, || read_all(&c_paths, &mut floor_buffer)),
    )
    .against(
        "imago",
        Goal::AtLeast(1.0),
        fallible(count, || files.paths.iter().try_for_each(|p| imago::open(p).map(drop))),
    )
    .against(
        "qcow2-rs-parser",
        Goal::AtLeast(1.0),
        fallible(count, || {
            files.paths.iter().try_for_each(|p| qcow2_rs::open_header(p, &mut header).map(drop))
        }),
    )
    .against(
        "qcow2-rs-device",
        Goal::AtLeast(1.0),
        fallible(count, || {
            files.paths.iter().try_for_each(|p| qcow2_rs::open_device(p, &params).map(drop))
        }),
    );
    let mut rows = bench.run(plain)?;

    let identity = Contest::new(
        "open-identity",
        fallible(count, || {
            files.paths.iter().try_for_each(|p| ours::open_identity(p, &mut buffer).map(drop))
        }),
    )
    .against(
        "pread-loop",
        Goal::AtMost(1.15),
        fallible(count, || read_all(&c_paths, &mut floor_buffer)),
    );
    rows.extend(bench.run(identity)?);
    Ok(rows)
}
