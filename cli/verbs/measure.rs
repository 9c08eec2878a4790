//! `measure`: how much a copy of an image would take.

use std::io::Write;

use diskdag_qcow2::ImageError;
use diskdag_qcow2::chain::Chain;
use diskdag_qcow2::measure::{Target, measure, measure_size};
use serde_json::{Map, Value, json};

use super::opening;
use crate::args;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::text::size;

/// A snapshot as qemu-img spells it: by id or name, or by one of them.
fn snapshot(chain: &Chain, word: &str) -> Result<Chain, ImageError> {
    let one = |key: &str| word.strip_prefix(key).map(str::as_bytes);
    match (one("snapshot.id="), one("snapshot.name=")) {
        (Some(id), _) => chain.snapshot_where(|snapshot| snapshot.id == id),
        (_, Some(name)) => chain.snapshot_where(|snapshot| snapshot.name == name),
        _ => chain.snapshot(word.as_bytes()),
    }
}

pub(crate) fn run(args: &args::Measure, out: &mut Output) -> Result<Exit, Failure> {
    let failed = |kind, error: &dyn std::fmt::Display| {
        Failure::new(Exit::Failed, kind, escape::words(&error.to_string()))
    };
    let target = Target::from_words(&args.target, &args.options)
        .map_err(|error| failed("option", &error))?;
    let measured = match (&args.image, args.size) {
        (Some(image), _) => {
            let format = args.of.format.as_deref();
            let mut chain = opening::open(image, format, &args.following, Exit::Failed)?;
            if let Some(name) = &args.snapshot {
                chain = snapshot(&chain, name)
                    .map_err(|error| Failure::caused(Exit::Failed, error.code(), image, &error))?;
            }
            measure(&chain, &target)
        }
        (None, bytes) => measure_size(bytes.unwrap_or_default(), &target),
    };
    let measured = measured.map_err(|error| failed("measure", &error))?;
    let numbers = [
        ("required", "required size", Some(measured.required)),
        ("fully-allocated", "fully allocated size", Some(measured.fully_allocated)),
        ("bitmaps", "bitmaps size", measured.bitmaps),
    ];
    if out.json {
        let there = numbers
            .into_iter()
            .filter_map(|(key, _, bytes)| bytes.map(|bytes| (key.to_owned(), json!(bytes))));
        writeln!(out, "{:#}", Value::Object(there.collect::<Map<_, _>>()))?;
    } else {
        for (_, name, bytes) in numbers {
            if let Some(bytes) = bytes {
                writeln!(out, "{name}: {bytes} ({})", size(bytes))?;
            }
        }
    }
    Ok(Exit::Ok)
}
