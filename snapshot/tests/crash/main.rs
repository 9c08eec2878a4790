//! Snapshots that no crash can break: the proof.
//!
//! | file | what |
//! |---|---|
//! | `world` | a pool on a simulated disk, and a host in which nothing is left to chance |
//! | `guest` | a guest that writes as QEMU would |
//! | `images` | what a guest reads, from the files and nothing else |
//! | `picture` | what there is, in the words of whose disks they are |
//! | `laws` | the laws of the design, each a function |
//! | `foreign` | what others do between a crash and recovery |
//! | `explore` | every crash, every state that it may leave, recovery, every crash of that |
//! | `operations`, `elsewhere` | the operations that are looked at, and on other file systems |
//! | `faults` | every fault at every call |
//! | `full` | no block and no inode left, at every step |
//! | `init`, `repoint` | what is done without a pool: every crash and every fault |
//! | `plants` | steps forgotten and steps swapped, which the laws have to find |
//! | `breaches` | every law, broken by hand |

mod breaches;
mod elsewhere;
mod explore;
mod faults;
mod foreign;
mod full;
mod guest;
mod images;
mod init;
mod laws;
mod operations;
mod picture;
mod plants;
mod repoint;
mod world;

use explore::{Depth, Operation, explore};

mod all {
    pub(crate) use super::elsewhere::*;
    pub(crate) use super::operations::*;
}

fn look(operation: &Operation) {
    let begin = std::time::Instant::now();
    // By links there are more steps to be cut off at, and little else that is new.
    let deeper = if operation.habits.exchange { 40 } else { 6 };
    let found = explore(operation, Depth { deeper, ..Depth::default() }, None);
    println!(
        "{}: {} distinct states, {} crash points, {} of recovery, {:?}",
        operation.name,
        found.states,
        found.crashes,
        found.crashes_of_recovery,
        begin.elapsed()
    );
    found.assert_kept(operation.name);
}

fn fail(operation: &Operation) {
    let found = faults::sweep(operation);
    println!("{}: {} faults", operation.name, found.states);
    found.assert_kept(operation.name);
}

fn plant(operation: Operation) {
    let operation = Operation { start: world::fleet_with_room(), ..operation };
    let planted = plants::plant(&operation);
    let seen = planted.iter().filter(|planted| planted.law.is_some()).count();
    println!("{}: {} plants, {seen} of them found", operation.name, planted.len());
    plants::assert_found(operation.name, &planted);
}

/// With a step forgotten or swapped a law breaks, or a reason says why the step stays.
mod plants_are_found {
    macro_rules! of {
        ($($operation:ident),* $(,)?) => {
            $(#[test] fn $operation() { super::plant(super::operations::$operation()); })*
        };
    }

    of!(create_one, restore, remove, clone_two, trash_restore, purge, pin);
}

macro_rules! no_crash_breaks {
    ($($operation:ident),* $(,)?) => {
        mod no_crash_breaks {
            $(#[test] fn $operation() { super::look(&super::all::$operation()); })*
        }
        mod no_fault_breaks {
            $(#[test] fn $operation() { super::fail(&super::all::$operation()); })*
        }
    };
}

no_crash_breaks!(
    create_one,
    create_three,
    create_three_linked,
    restore,
    restore_two,
    restore_linked,
    restore_two_linked,
    restore_keep,
    create_ordered,
    restore_ordered,
    remove,
    retire,
    clone_two,
    trash_restore,
    purge,
    freeze,
    adopt,
    pin,
    gc_trash,
    gc_retired,
    gc_purge,
    remove_linked,
    clone_two_linked,
    trash_restore_linked,
);
