//! The verbs, a file each: arguments in, text or JSON and an exit code out.

mod can_rm;
mod chain;
mod check;
mod demo;
mod dependents;
mod draw;
mod graph;
mod info;
mod roots;
mod scan;
mod tree;
mod waive;
mod why;

use crate::args::{Common, Verb};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Does what was asked.
pub(crate) fn run(verb: &Verb, common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    match verb {
        Verb::Scan(args) => scan::run(&args.paths, common, out),
        Verb::Tree(args) => tree::run(&args.of.paths, args.invert, common, out),
        Verb::Chain(args) => chain::run(&args.image, common, out),
        Verb::Dependents(args) => dependents::run(args, common, out),
        Verb::Why(args) => why::run(&args.image, &args.dependent, common, out),
        Verb::CanRm(args) => can_rm::run(&args.images, args.limit, common, out),
        Verb::Graph(args) => graph::run(&args.of.paths, args.format, common, out),
        Verb::Roots(args) => roots::run(&args.action, out),
        Verb::Waive(args) => waive::run(&args.path, &args.reason, out),
        Verb::Info(args) => info::run(&args.image, args.backing_chain, out),
        Verb::Check(args) => check::run(args, common, out),
        Verb::Demo(_) => demo::run(common, out),
    }
}
