//! The verbs, a file each: arguments in, text or JSON and an exit code out.

mod audit;
mod can_rm;
mod chain;
mod check;
mod compare;
mod demo;
mod dependents;
mod draw;
mod du;
mod gc;
mod graph;
mod info;
mod init;
mod map;
mod measure;
pub(crate) mod opening;
mod orphans;
mod pin;
mod plan;
mod recover;
mod roots;
mod scan;
mod scan_hints;
mod snap;
mod trash;
mod tree;
mod waive;
mod watch;
mod what_if;
mod why;

use crate::args::{Common, Verb};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Does what was asked.
pub(crate) fn run(verb: &Verb, common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    match verb {
        Verb::Scan(args) => scan::run(args, common, out),
        Verb::Tree(args) => tree::run(&args.of.paths, args.invert, common, out),
        Verb::Chain(args) => chain::run(&args.image, common, out),
        Verb::Dependents(args) => dependents::run(args, common, out),
        Verb::Why(args) => why::run(&args.image, &args.dependent, common, out),
        Verb::CanRm(args) => can_rm::run(&args.images, args.limit, common, out),
        Verb::Du(args) => du::run(args, common, out),
        Verb::Orphans(args) => orphans::run(args, common, out),
        Verb::WhatIf(args) => what_if::run(args, common, out),
        Verb::Graph(args) => graph::run(&args.of.paths, args.format, common, out),
        Verb::Watch(args) => watch::run(&args.paths, common, out),
        Verb::Roots(args) => roots::run(&args.action, out),
        Verb::Waive(args) => waive::run(&args.path, &args.reason, out),
        Verb::Info(args) => info::run(args, out),
        Verb::Map(args) => map::run(args, out),
        Verb::Measure(args) => measure::run(args, out),
        Verb::Compare(args) => compare::run(args, out),
        Verb::Audit(args) => audit::run(args, out),
        Verb::Check(args) => check::run(args, common, out),
        Verb::Init(args) => init::run(args, common, out),
        Verb::Snap(args) => snap::run(&args.action, common, out),
        Verb::Recover(args) => recover::run(args, common, out),
        Verb::Gc(args) => gc::run(args, common, out),
        Verb::Trash(args) => trash::run(&args.action, common, out),
        Verb::Pin(args) => pin::pin(args, common, out),
        Verb::Unpin(args) => pin::unpin(args, common, out),
        Verb::Demo(_) => demo::run(common, out),
    }
}
