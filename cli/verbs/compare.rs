//! `compare`: whether two disks hold the same.

use std::io::Write;

use diskdag_qcow2::compare::{Comparison, Doing, Side, compare};

use super::opening;
use crate::args;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// qemu-img's codes.
const DIFFERENT: Exit = Exit::Qemu(1);
const NOT_OPENED: Exit = Exit::Qemu(2);
const NOT_MAPPED: Exit = Exit::Qemu(3);
const NOT_READ: Exit = Exit::Qemu(4);

pub(crate) fn run(args: &args::Compare, out: &mut Output) -> Result<Exit, Failure> {
    let open = |image, format: &Option<String>| {
        opening::open(image, format.as_deref(), &args.following, NOT_OPENED)
    };
    let first = open(&args.first, &args.first_format)?;
    let second = open(&args.second, &args.second_format)?;
    let comparison = compare(&first, &second, args.strict).map_err(|error| {
        let (exit, kind) = match error.doing {
            Doing::Mapping => (NOT_MAPPED, "map"),
            Doing::Reading => (NOT_READ, "read"),
        };
        let image = match error.side {
            Side::First => &args.first,
            Side::Second => &args.second,
        };
        Failure::caused(exit, kind, image, &error)
    })?;
    let mismatch = |found: bool| found.then_some("Warning: Image size mismatch!");
    let mut warning = None;
    let (line, exit) = match comparison {
        Comparison::Identical { sizes_differ } => {
            warning = mismatch(sizes_differ);
            ("Images are identical.".to_owned(), Exit::Ok)
        }
        Comparison::ContentDiffers { at, beyond_shorter } => {
            warning = mismatch(beyond_shorter);
            // qemu-img compares sector by sector, and says where the sector begins.
            (format!("Content mismatch at offset {}!", at.get() / 512 * 512), DIFFERENT)
        }
        Comparison::SizeDiffers => ("Strict mode: Image size mismatch!".to_owned(), DIFFERENT),
        Comparison::AllocationDiffers { at } => {
            (format!("Strict mode: Offset {at} block status mismatch!"), DIFFERENT)
        }
        other => (format!("{other:?}"), DIFFERENT),
    };
    if !args.quiet {
        for line in warning.into_iter().chain([&*line]) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(exit)
}
