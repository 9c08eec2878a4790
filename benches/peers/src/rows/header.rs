//! Headers in memory, hot.

use super::{Bench, same};
use crate::floor::{by_hand, cast, with_nom};
use crate::measure::{Contest, plain};
use crate::peer::{imago, qcow2_rs};
use crate::row::{Goal, Row};
use crate::{Result, fleet, ours};
use std::hint::black_box;

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let header = fleet::header(Some(b"disk-000000.qcow2"));
    let bytes = header.as_slice();

    same("header-view", ours::digest(bytes), cast::digest(bytes))?;
    let view = Contest::new("header-view", plain(1, || ours::digest(black_box(bytes)))).against(
        "bytemuck",
        Goal::AtMost(2.0),
        plain(1, || cast::digest(black_box(bytes))),
    );

    let memory = imago::Memory::leak(header.clone());
    // qcow2-rs wants a buffer that goes beyond the extensions.
    let mut padded = header.clone();
    padded.resize(qcow2_rs::FIRST_READ, 0);
    let padded = padded.as_slice();
    let expected = by_hand::parse(bytes).ok_or("the header made for the test does not parse")?;
    same("header-parse", ours::parse(bytes), Some(expected))?;
    same("header-parse/nom", with_nom::parse(bytes), Some(expected))?;
    same("header-parse/imago", imago::parse(memory), true)?;
    same("header-parse/qcow2-rs", qcow2_rs::parse(padded)?, 17)?;
    let parse = Contest::new("header-parse", plain(1, || ours::parse(black_box(bytes))))
        .against("by-hand", Goal::AtMost(2.0), plain(1, || by_hand::parse(black_box(bytes))))
        .against("nom", Goal::AtLeast(1.0), plain(1, || with_nom::parse(black_box(bytes))))
        .against("imago", Goal::AtLeast(20.0), plain(1, || imago::parse(black_box(memory))))
        .against(
            "qcow2-rs",
            Goal::AtLeast(20.0),
            plain(1, || qcow2_rs::parse(black_box(padded)).is_ok()),
        );

    let mut rows = bench.run(view)?;
    rows.extend(bench.run(parse)?);
    Ok(rows)
}
