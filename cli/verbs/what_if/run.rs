//! From the words of the command line to an answer.

use crate::args::{self, Common};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::scope;
use crate::show;
use crate::verbs::can_rm;
use crate::verbs::what_if::named;
use crate::verbs::what_if::told::Told;

pub(crate) fn run(args: &args::WhatIf, common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    let named = named::of(args, common)?;
    let (images, directories) = (named::images(&named), named::directories(&named));
    let (mut scanned, ids, paths) = scope::about_places(&images, &directories, common)?;
    can_rm::gone(&scanned.graph, &ids, &paths)?;
    scope::ask_all_reflinks(&mut scanned, common)?;
    let told = Told::of(&scanned, named, &ids, &paths)?;
    let limit = args.limit.unwrap_or(usize::MAX);
    match out.json {
        true => told.print_json(limit, out)?,
        false => {
            told.print_text(limit, out)?;
            show::notice_coverage(out, &scanned.graph, &told.doubts);
        }
    }
    Ok(told.exit())
}
