//! The same operations on file systems of other habits.

use std::path::PathBuf;

use crate::explore::Operation;
use crate::foreign::Foreign;
use crate::operations::{clone_two, create_three, remove, restore, restore_two, trash_restore};
use crate::world::{BY_LINKS, DISKS, ORDERED};

/// The same on a file system that cannot exchange names, or give one that is nobody's in one step.
fn linked(name: &'static str, operation: Operation) -> Operation {
    Operation { name, habits: BY_LINKS, ..operation }
}

pub(crate) fn create_three_linked() -> Operation {
    linked("create with three disks, by links", create_three())
}

pub(crate) fn restore_linked() -> Operation {
    linked("restore, by links", restore())
}

pub(crate) fn restore_two_linked() -> Operation {
    linked("restore of two disks, by links", restore_two())
}

pub(crate) fn remove_linked() -> Operation {
    linked("rm, by links", remove())
}

pub(crate) fn clone_two_linked() -> Operation {
    linked("clone (two), by links", clone_two())
}

pub(crate) fn trash_restore_linked() -> Operation {
    linked("trash restore, by links", trash_restore())
}

/// The same where forcing out a file forces out the names that were given before: what a machine forces out after
/// a kill is what its disk reads, also when the power goes out before anybody recovers.
fn ordered(name: &'static str, operation: Operation) -> Operation {
    let on = |disk: usize| Foreign::WriteAtOnce(PathBuf::from(DISKS[disk]));
    let foreign = vec![on(0), on(1)];
    Operation { name, habits: ORDERED, foreign, ..operation }
}

pub(crate) fn create_ordered() -> Operation {
    ordered("create with three disks, names forced out in order", create_three())
}

pub(crate) fn restore_ordered() -> Operation {
    ordered("restore of two disks, names forced out in order", restore_two())
}
