//! `snap`: snapshots of live disks, a file a verb.

mod adopt;
mod clone;
mod create;
mod list;
mod restore;
mod rm;

use crate::args::{Common, SnapAction};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(action: &SnapAction, common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    match action {
        SnapAction::Create(args) => create::run(args, common, out),
        SnapAction::List(args) => list::run(args, common, out),
        SnapAction::Restore(args) => restore::run(args, common, out),
        SnapAction::Rm(args) => rm::run(args, common, out),
        SnapAction::Clone(args) => clone::run(args, common, out),
        SnapAction::Adopt(args) => adopt::run(args, common, out),
    }
}
