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
//! | `operations` | the operations that are looked at |
//! | `faults` | every fault at every call |
//! | `breaches` | every law, broken by hand |

#![expect(dead_code, reason = "operations that take minutes are not in the list")]

mod breaches;
mod explore;
mod faults;
mod foreign;
mod guest;
mod images;
mod laws;
mod operations;
mod picture;
mod world;

use explore::{Depth, Operation, explore};

fn look(operation: &Operation) {
    let begin = std::time::Instant::now();
    // By links there are more steps to be cut off at, and little else that is new.
    let deeper = if operation.exchange { 32 } else { 12 };
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

macro_rules! no_crash_breaks {
    ($($operation:ident),* $(,)?) => {
        mod no_crash_breaks {
            $(#[test] fn $operation() { super::look(&super::operations::$operation()); })*
        }
    };
}

no_crash_breaks!(create_one, clone_two, freeze, adopt, pin, purge);
