//! A disk on which nothing is free: every operation without room at every step, and what gives room back.

use std::io::ErrorKind as Io;

use diskdag_snapshot::{Error, ErrorKind};

use crate::elsewhere;
use crate::explore::{Operation, crashes, left, wanted};
use crate::faults::told_the_truth;
use crate::images::Reader;
use crate::laws;
use crate::operations;
use crate::picture::View;
use crate::world::{self, control, up};

/// More steps that need room than any of the operations has.
const ENOUGH: u64 = 4096;

fn is_about_room(error: &Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<std::io::Error>().is_some_and(|it| it.kind() == Io::StorageFull) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// With room for so many sectors, or so many inodes, and no more: one more each time, until it succeeds.
fn without_room(operation: &Operation, room: impl Fn(u64) -> (Option<u64>, Option<u64>)) -> u64 {
    let mut reader = Reader::default();
    let mut wanted = wanted(operation, &mut reader);
    for more in 0..ENOUGH {
        let fs = up(&operation.start, operation.habits);
        let (sectors, inodes) = room(more);
        fs.leave_room(sectors, inodes);
        let result = world::pool(&fs, 1).and_then(|pool| (operation.run)(&pool));
        let said = format!("{} with room for {more} more: {result:?}", operation.name);
        if let Err(error) = &result {
            assert!(is_about_room(error) || matches!(error.kind, ErrorKind::Stopped), "{said}");
        }
        wanted.done = result.is_ok();
        let view = View::of(&fs.disk(), &mut reader);
        assert_eq!(told_the_truth(&view, &result, &wanted), [], "{said}");
        assert_eq!(laws::at_any_instant(&view, &wanted, &mut reader), [], "{said}");
        // Those who recover have nothing at all.
        fs.leave_room(Some(0), Some(0));
        let recovered = world::pool(&fs, 2).and_then(|pool| pool.recover(&control()));
        recovered.unwrap_or_else(|error| panic!("{said}: recovery: {error:?}"));
        let view = View::of(&fs.disk(), &mut reader);
        assert_eq!(laws::after_recovery(&view, &wanted, &mut reader), [], "{said}");
        if result.is_ok() {
            return more;
        }
    }
    panic!("{} never has enough", operation.name);
}

/// What takes things away needs nothing; and neither does recovery from any of its crashes, nor from those of what
/// makes things.
fn takes_nothing(operation: &Operation) {
    let sectors = without_room(operation, |_| (Some(0), None));
    let inodes = without_room(operation, |_| (None, Some(0)));
    assert_eq!((sectors, inodes), (0, 0), "{}", operation.name);
}

fn recovers_without_room(operation: &Operation) {
    let mut reader = Reader::default();
    let mut wanted = wanted(operation, &mut reader);
    let (moments, _) = crashes(operation, None);
    let limits = diskdag_snapshot::sim::Limits { exact: 16, drawn: 4 };
    let mut states = 0;
    for moment in moments {
        wanted.done = moment.step.is_none();
        for remains in left(&moment.disk, limits) {
            let fs = up(&remains.disk, operation.habits);
            fs.leave_room(Some(0), Some(0));
            let recovered = world::pool(&fs, 2).and_then(|pool| pool.recover(&control()));
            let step = &moment.step;
            recovered.unwrap_or_else(|error| panic!("{}, {step:?}: {error:?}", operation.name));
            let view = View::of(&fs.disk(), &mut reader);
            let broken = laws::after_recovery(&view, &wanted, &mut reader);
            assert_eq!(broken, [], "{}, {step:?}", operation.name);
            states += 1;
        }
    }
    println!("{}: recovered without room from {states} states", operation.name);
}

#[test]
fn what_takes_away_works_without_a_block_and_without_an_inode() {
    for operation in [
        operations::remove(),
        operations::retire(),
        operations::trash_restore(),
        operations::purge(),
        operations::pin(),
        operations::freeze(),
        operations::adopt(),
        operations::gc_trash(),
        operations::gc_retired(),
        operations::gc_purge(),
    ] {
        takes_nothing(&operation);
    }
}

#[test]
fn what_makes_something_fails_without_room_at_each_of_its_steps() {
    for operation in [
        operations::create_one(),
        operations::create_three(),
        operations::restore(),
        operations::restore_keep(),
        operations::clone_two(),
    ] {
        let sectors = without_room(&operation, |more| (Some(more), None));
        let inodes = without_room(&operation, |more| (None, Some(more)));
        println!("{}: needs {sectors} sectors, {inodes} inodes", operation.name);
        assert!(sectors > 0 && inodes > 0, "{}", operation.name);
    }
}

/// With room in the log, which every pool has: a full one holds some hundred operations more.
#[test]
fn recovery_works_without_a_block_and_without_an_inode() {
    for operation in [
        operations::create_three(),
        operations::restore_two(),
        elsewhere::create_three_linked(),
        operations::remove(),
        operations::clone_two(),
        operations::trash_restore(),
        operations::purge(),
    ] {
        recovers_without_room(&Operation { start: world::fleet_with_room(), ..operation });
    }
    recovers_without_room(&operations::gc_purge());
}
