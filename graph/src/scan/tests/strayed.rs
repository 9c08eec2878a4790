//! Who loses what it needs when a disk is moved, and what is found instead.

use std::os::unix::fs::symlink;
use std::path::Path;

use super::fleet::Fleet;
use super::suppose::{id, moved};
use crate::scan::{Control, Owners};
use crate::{EdgeKind, State};

#[test]
fn who_names_a_disk_that_moves_is_named_and_what_it_would_find_there() {
    let fleet = Fleet::some();
    fleet.image("in/absolute", Some(fleet.path("in/base").to_str().unwrap()));
    std::fs::hard_link(fleet.path("in/deep/0"), fleet.path("in/second")).unwrap();
    let scanned = fleet.fresh();
    let base = id(&scanned, &fleet.path("in/base"));
    let after = moved(&scanned, &fleet.path("in/base"), &fleet.path("in/deep"));
    assert_eq!(after.what.graph.disk(base).unwrap().path(), fleet.path("in/deep/base"));
    // Eight below it and one beside it; the first of the eight is opened from beside it, too, but names what is above.
    assert_eq!(after.strayed.len(), 9);
    assert!(after.strayed.iter().all(|one| one.was == base && one.now.is_none()));
    assert!(after.strayed.iter().all(|one| one.kind == EdgeKind::Backing));
    // Its own backing file is not where its name leads from there.
    let needs = after.what.graph.disk(base).unwrap().needs();
    let path = after.what.graph.disk(needs[0].to).unwrap().path();
    assert_eq!(path, fleet.path("in/deep/../out/base"));
    assert_eq!(after.what.graph.disk(needs[0].to).unwrap().state(), State::Missing);
    assert_eq!((after.copied, after.replaced.len(), after.outside.len()), (0, 0, 0));
}

#[test]
fn a_symbolic_link_under_the_old_name_keeps_who_names_it_by_that() {
    let fleet = Fleet::some();
    fleet.image("in/leaf", Some("link"));
    let scanned = fleet.fresh();
    // The link stays, and leads nowhere. What the disk itself names lies elsewhere from there.
    let after = moved(&scanned, &fleet.path("in/deep/3"), &fleet.path("in/three"));
    let names: Vec<&[u8]> = after.strayed.iter().map(|one| &*one.name).collect();
    assert_eq!(names, [&b"link"[..], b"../base"]);
    // A link by which it is known by another hard link leads there still.
    std::fs::hard_link(fleet.path("in/deep/3"), fleet.path("in/deep/kept")).unwrap();
    std::fs::remove_file(fleet.path("in/link")).unwrap();
    symlink("deep/kept", fleet.path("in/link")).unwrap();
    let scanned = fleet.fresh();
    let after = moved(&scanned, &fleet.path("in/deep/3"), &fleet.path("in/three"));
    assert!(after.strayed.is_empty() && after.what.broken.is_empty());
}

#[test]
fn what_is_replaced_is_told_and_who_named_it_reads_another_disk() {
    let fleet = Fleet::some();
    fleet.image("in/new", None);
    let scanned = fleet.fresh();
    let (base, new) = (id(&scanned, &fleet.path("in/base")), id(&scanned, &fleet.path("in/new")));
    let after = moved(&scanned, &fleet.path("in/new"), &fleet.path("in/base"));
    assert_eq!(after.replaced, [(0, base)]);
    assert_eq!(after.strayed.len(), 8);
    assert!(after.strayed.iter().all(|one| (one.was, one.now) == (base, Some(new))));
    assert!(after.what.broken.is_empty() && after.what.freed > 0);
}

/// Its chain ends at nothing, or nothing is found by one of its names: what it finds otherwise can be lost still.
#[test]
fn what_a_broken_disk_finds_is_missed_when_it_is_moved_away() {
    let fleet = Fleet::some();
    fleet.image("in/half", Some("gone"));
    fleet.image("in/top", Some("half"));
    fleet.image("in/leaf", Some("whole"));
    fleet.image("in/whole", None);
    std::fs::hard_link(fleet.path("in/leaf"), fleet.path("in/deep/leaf")).unwrap();
    let scanned = fleet.fresh();
    let missing = |from: &str, to: &str| {
        let after = moved(&scanned, &fleet.path(from), &fleet.path(to));
        let graph = &after.what.graph;
        let missing = after.what.newly_missing.iter().map(|id| graph.disk(*id).unwrap().path());
        missing.map(Path::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(missing("in/half", "in/other"), [fleet.path("in/half")]);
    // By one name it is lost where by another it is found.
    assert_eq!(missing("in/whole", "in/deep/whole"), [fleet.path("in/whole")]);
    // What finds nothing from where it lies finds nothing from elsewhere either.
    assert!(missing("in/deep/leaf", "out/leaf").is_empty());
    assert!(missing("in/leaf", "out/leaf").contains(&fleet.path("out/whole")));
}

#[test]
fn a_missing_disk_is_found_where_one_is_moved_and_an_owner_loses_its_own() {
    let fleet = Fleet::some();
    fleet.image("in/orphan", Some("gone"));
    let owners = Owners::default().claim(fleet.path("in/deep/5"), "vm five");
    let scanned = fleet.scan().owners(owners).run(&Control::default()).unwrap();
    let five = id(&scanned, &fleet.path("in/deep/5"));
    let after = moved(&scanned, &fleet.path("in/deep/5"), &fleet.path("in/gone"));
    assert_eq!(after.found, [(five, id(&scanned, &fleet.path("in/orphan")))]);
    let [bereft] = &after.bereft[..] else { panic!("{:?}", after.bereft) };
    assert_eq!((&*bereft.owner, bereft.disk, bereft.now), ("vm five", five, None));
    // Out of the scope it is asked about, and what lies beside it is not.
    let after = moved(&scanned, &fleet.path("in/deep/5"), &fleet.path("out/five"));
    assert_eq!(after.outside, [five]);
}
