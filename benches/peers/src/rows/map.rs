//! Where the guest's bytes are, and what a copy would take: images of dense metadata, whose data is a
//! hole, so that 1 TiB of disk is 160 MiB of file. Shuffled, every cluster is an extent; qemu-img, which then
//! prints a line for each, is given 64 GiB.
//!
//! What has to be done at all differs: to measure, the tables have to be read (`l2-tables`); to map, something
//! has to be given for each extent as well (`records`), of which ordered there is one and shuffled 16 million.

use super::{Bench, same};
use crate::fleet::{Dense, Order, tables};
use crate::floor::l2_tables;
use crate::measure::{Contest, fallible};
use crate::peer::qemu_img;
use crate::row::{Goal, Row};
use crate::{Result, ours};
use std::ffi::OsStr;
use std::fs;

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, order, size) in [
        ("ordered", Order::Ordered, 1_u64 << 40),
        ("shuffled", Order::Shuffled, 1 << 40),
        ("shuffled-64g", Order::Shuffled, 1 << 36),
    ] {
        let names = [format!("map/{name}"), format!("measure/{name}")];
        let with_qemu = size < 1 << 40 || order == Order::Ordered;
        if !names.iter().any(|name| bench.wants(name, &["l2-tables", "records", "qemu-img"])) {
            continue;
        }
        let path = bench.dir.join(format!("dense-{name}.qcow2"));
        let image = Dense { size, order, backing: None, layer: (0, 1), is_filled: false };
        image.write(&path)?;
        let (first, count) = tables(size);
        let mut buffers = [vec![0; 64 << 10], vec![0; 64 << 10]];
        let [map_buffer, measure_buffer] = &mut buffers;
        let emitted = l2_tables::records(&path, first, count, map_buffer)?;
        let clusters = usize::try_from(size >> 16)?;
        let extents = if order == Order::Ordered { 1 } else { clusters };
        same(&names[0], [ours::extents(&path)?, emitted], [extents; 2])?;

        let image: &OsStr = path.as_ref();
        let map_words = ["map", "--output=json"].map(OsStr::new);
        let measure_words = ["measure", "--output=json", "-O", "qcow2"].map(OsStr::new);
        let map_words = [&map_words[..], &[image]].concat();
        let measure_words = [&measure_words[..], &[image]].concat();
        let mut map = Contest::new(&*names[0], fallible(1, || ours::extents(&path))).against(
            "records",
            Goal::AtMost(2.0),
            fallible(1, || l2_tables::records(&path, first, count, map_buffer)),
        );
        let mut measure = Contest::new(&*names[1], fallible(1, || ours::required(&path))).against(
            "l2-tables",
            Goal::AtMost(2.0),
            fallible(1, || l2_tables::read(&path, first, count, measure_buffer)),
        );
        if with_qemu && qemu_img::is_there() {
            let printed: serde_json::Value =
                serde_json::from_slice(&qemu_img::output(&measure_words)?)?;
            same(&names[1], Some(ours::required(&path)?), printed["required"].as_u64())?;
            let goal = Goal::AtLeast(50.0);
            map = map.against("qemu-img", goal, fallible(1, || qemu_img::run(&map_words)));
            measure =
                measure.against("qemu-img", goal, fallible(1, || qemu_img::run(&measure_words)));
        }
        rows.extend(bench.run(map)?);
        rows.extend(bench.run(measure)?);
        fs::remove_file(&path)?;
    }
    Ok(rows)
}
