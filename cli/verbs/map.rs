//! `map`: where the guest's bytes are, through all layers.

use std::io::{self, Write};
use std::path::Path;

use diskdag_qcow2::GuestOffset;
use diskdag_qcow2::chain::{Chain, Extent};

use super::opening;
use crate::args;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(args: &args::Map, out: &mut Output) -> Result<Exit, Failure> {
    let format = args.of.format.as_deref();
    let chain = opening::open(&args.image, format, &args.following, Exit::Failed)?;
    let start = GuestOffset(args.start_offset);
    let extents = chain.extents_of(start, args.max_length.unwrap_or(u64::MAX));
    if !out.json {
        writeln!(out, "{:<16}{:<16}{:<16}File", "Offset", "Length", "Mapped to")?;
    }
    let mut is_first = true;
    for extent in extents {
        let extent =
            extent.map_err(|error| Failure::caused(Exit::Failed, "map", &args.image, &error))?;
        if out.json {
            out.write_all(if is_first { b"[" } else { b",\n" })?;
            json(&extent, out)?;
        } else if extent.data {
            text(&chain, &extent, &args.image, out)?;
        }
        is_first = false;
    }
    match (out.json, is_first) {
        // Of nothing qemu-img has an entry too.
        (true, true) => writeln!(
            out,
            r#"[{{ "start": {start}, "length": 0, "depth": 0, "present": false, "zero": false, "data": false, "compressed": false}}]"#
        )?,
        (true, false) => writeln!(out, "]")?,
        _ => {}
    }
    Ok(Exit::Ok)
}

/// A line for data that has a place.
fn text(chain: &Chain, extent: &Extent, image: &Path, out: &mut Output) -> Result<(), Failure> {
    let Some(offset) = extent.offset else {
        let message = format!("{} has compressed clusters", escape::path(image));
        let failure = Failure::new(Exit::Failed, "compressed", message);
        return Err(failure.advising("They have no place that text could tell; use --output=json."));
    };
    if extent.zero {
        return Ok(());
    }
    let hex = |number: u64| match number {
        0 => "0".to_owned(),
        number => format!("{number:#x}"),
    };
    let file = chain.layers().get(extent.depth).and_then(|layer| layer.data_path());
    writeln!(
        out,
        "{:<16}{:<16}{:<16}{}",
        hex(extent.start.get()),
        hex(extent.length),
        hex(offset.get()),
        file.map(escape::path).unwrap_or_default(),
    )?;
    Ok(())
}

/// An entry of qemu-img's list. Written out by hand: there may be millions of them.
fn json(extent: &Extent, out: &mut Output) -> io::Result<()> {
    write!(
        out,
        r#"{{ "start": {}, "length": {}, "depth": {}, "present": {}, "zero": {}, "data": {}, "compressed": {}"#,
        extent.start.get(),
        extent.length,
        extent.depth,
        extent.present,
        extent.zero,
        extent.data,
        extent.compressed,
    )?;
    if let Some(offset) = extent.offset {
        write!(out, r#", "offset": {}"#, offset.get())?;
    }
    out.write_all(b"}")
}
