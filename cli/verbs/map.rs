//! `map`: where the guest's bytes are, through all layers.

use std::io::Write;
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
    let mut line = Vec::new();
    for extent in extents {
        let extent =
            extent.map_err(|error| Failure::caused(Exit::Failed, "map", &args.image, &error))?;
        if out.json {
            line.clear();
            line.extend_from_slice(if is_first { b"[" } else { b",\n" });
            json(&extent, &mut line);
            out.write_all(&line)?;
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

/// Puts an entry of qemu-img's list at the end of a line. There may be millions of them, so no formatter is asked.
fn json(extent: &Extent, line: &mut Vec<u8>) {
    let mut number = itoa::Buffer::new();
    let mut put = |key: &str, value: u64| {
        line.extend_from_slice(key.as_bytes());
        line.extend_from_slice(number.format(value).as_bytes());
    };
    put(r#"{ "start": "#, extent.start.get());
    put(r#", "length": "#, extent.length);
    put(r#", "depth": "#, extent.depth as u64);
    for (is, yes, no) in [
        (extent.present, r#", "present": true"#, r#", "present": false"#),
        (extent.zero, r#", "zero": true"#, r#", "zero": false"#),
        (extent.data, r#", "data": true"#, r#", "data": false"#),
        (extent.compressed, r#", "compressed": true"#, r#", "compressed": false"#),
    ] {
        line.extend_from_slice(if is { yes } else { no }.as_bytes());
    }
    if let Some(offset) = extent.offset {
        line.extend_from_slice(br#", "offset": "#);
        line.extend_from_slice(number.format(offset.get()).as_bytes());
    }
    line.push(b'}');
}
