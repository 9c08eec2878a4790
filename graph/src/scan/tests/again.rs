use std::num::NonZeroUsize;

use super::fleet::{Fleet, LATER, picture};
use crate::scan::{Control, Record};

/// The price of a rescan, in system calls.
#[test]
fn what_has_not_changed_costs_one_stat_a_file_and_is_neither_listed_nor_opened() {
    let fleet = Fleet::some();
    let first = fleet.fresh();
    let cost = first.statistics;
    assert_eq!((cost.directories, cost.listed, cost.asked), (2, 2, 0));
    // Nine images and a raw disk under eleven names, and the base out of the scope.
    assert_eq!((cost.files, cost.opened), (11, 12));
    let again = fleet.again(&first.record);
    let cost = again.statistics;
    assert_eq!((cost.directories, cost.listed, cost.opened), (2, 0, 0));
    assert_eq!((cost.files, cost.asked), (11, 11));
    assert_eq!(picture(&again.graph), picture(&first.graph));
    // And the record of a rescan is as good as that of a scan.
    assert_eq!(fleet.again(&again.record).statistics.opened, 0);
}

#[test]
fn only_what_has_changed_is_read_again_and_only_its_directory_listed() {
    let fleet = Fleet::some();
    let first = fleet.fresh();
    // In place, as `qemu-img rebase -u` does: the directory does not change.
    fleet.image("in/deep/5", Some("4"));
    let directory = std::fs::File::open(fleet.path("in/deep")).unwrap();
    let before = first.record.inner.folders.iter().find(|folder| folder.path.ends_with("deep"));
    let modified = before.unwrap().measures.modified;
    let time =
        std::time::UNIX_EPOCH + std::time::Duration::from_nanos(u64::try_from(modified).unwrap());
    directory.set_times(std::fs::FileTimes::new().set_modified(time)).unwrap();
    let again = fleet.again(&first.record);
    assert_eq!(again.statistics.opened, 1);
    assert_eq!(picture(&again.graph), picture(&fleet.fresh().graph));
    assert_ne!(picture(&again.graph), picture(&first.graph));

    // A new one: its directory is listed, and nobody else opened.
    fleet.image("in/deep/new", Some("5"));
    let again = fleet.again(&again.record);
    assert_eq!((again.statistics.listed, again.statistics.opened), (1, 1));
    assert_eq!(picture(&again.graph), picture(&fleet.fresh().graph));
}

/// Times are coarse: what changed just before it was read may have changed just after, too.
#[test]
fn what_changed_within_two_seconds_of_being_read_is_read_again() {
    let fleet = Fleet::some();
    let soon = |ahead| fleet.scan().ahead(ahead).run(&Control::default()).unwrap();
    let first = soon(0);
    let again = fleet.again(&first.record).statistics;
    assert_eq!((again.listed, again.asked), (2, 0));
    assert_eq!(again.opened, first.statistics.opened);
    let later = soon(LATER);
    assert_eq!(fleet.again(&later.record).statistics.opened, 0);
}

/// A link's target may change without the link's directory changing: it is asked every time.
#[test]
fn a_link_that_led_nowhere_is_asked_again() {
    let fleet = Fleet::some();
    let first = fleet.fresh();
    fleet.folder("in/nowhere");
    fleet.image("in/nowhere/hidden", Some("../base"));
    let again = fleet.again(&first.record);
    assert_eq!(picture(&again.graph), picture(&fleet.fresh().graph));
    assert!(again.graph.find(&fleet.path("in/nowhere/hidden")).is_some());
}

/// A directory is known by its identity: what lies in it need not be read again under a new path.
#[test]
fn a_directory_that_was_renamed_is_not_read_again() {
    let fleet = Fleet::some();
    let first = fleet.fresh();
    std::fs::rename(fleet.path("in/deep"), fleet.path("in/moved")).unwrap();
    fleet.touch(&fleet.path("in/moved"));
    let again = fleet.again(&first.record);
    // The link into the old place has gone dead, and is looked at.
    assert_eq!(again.statistics.opened, 0);
    assert_eq!(picture(&again.graph), picture(&fleet.fresh().graph));
}

#[test]
fn records_serve_scans_of_other_roots_and_threads() {
    let fleet = Fleet::some();
    let first = fleet.fresh();
    let scope = crate::scan::Scope::declared(
        [fleet.path("in/deep"), fleet.path("out")],
        crate::ScopeSource::Flag,
    );
    let scan = crate::scan::Scan::new(scope).threads(NonZeroUsize::new(3).unwrap()).ahead(LATER);
    let known = scan.run_after(&first.record, &Control::default()).unwrap();
    let fresh = scan.run_after(&Record::default(), &Control::default()).unwrap();
    assert_eq!(picture(&known.graph), picture(&fresh.graph));
    // New are the directory out of the first scope with its image, and `in/base`, which is met by a
    // reference now.
    assert_eq!((known.statistics.listed, known.statistics.opened), (1, 2));
}
