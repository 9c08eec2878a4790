use super::fleet::Fleet;
use crate::scan::{Control, Owners};
use crate::{BlockerKind, DoubtKind, Verdict};

/// The directory of a machine's definitions, beside the images.
fn definitions(fleet: &Fleet, disk: &str) -> std::path::PathBuf {
    fleet.folder("etc");
    let path = fleet.path(disk);
    let domain = format!(
        "<domain><name>build-a</name><devices><disk><source file='{}'/></disk></devices></domain>",
        path.display()
    );
    std::fs::write(fleet.path("etc/build-a.xml"), domain).unwrap();
    std::fs::write(fleet.path("etc/README"), "not read").unwrap();
    fleet.path("etc")
}

#[test]
fn a_disk_that_an_owner_names_is_not_free_to_go_by_whatever_path() {
    let fleet = Fleet::some();
    // Through a symbolic link, as pools often are.
    let owners = Owners::read(&[definitions(&fleet, "in/link")]);
    let scanned = fleet.scan().owners(owners).run(&Control::default()).unwrap();
    let graph = &scanned.graph;
    let find = |name: &str| graph.find(&fleet.path(name)).unwrap();
    assert_eq!(scanned.owned.names(find("in/deep/3")), ["vm build-a"]);
    let removal = |name: &str| graph.removal(&[find(name)]).with_owners(graph, &scanned.owned);
    let owned = removal("in/deep/3");
    assert_eq!(owned.verdict, Verdict::No);
    assert_eq!(owned.blockers.len(), 1);
    assert_eq!(owned.blockers[0].kind, BlockerKind::Owner);
    assert!(owned.blockers[0].detail.starts_with("a disk of vm build-a, as "));
    let free = removal("in/deep/4");
    assert_eq!((free.verdict, free.checked), (Verdict::Yes, vec!["headers", "owners"]));
}

#[test]
fn a_file_of_an_owner_that_cannot_be_read_may_name_any_disk() {
    let fleet = Fleet::some();
    let etc = definitions(&fleet, "in/deep/3");
    std::fs::write(etc.join("cut.xml"), "<domain><name>b</name>").unwrap();
    let owners = Owners::read(&[etc.clone(), fleet.path("none")]);
    let scanned = fleet.scan().owners(owners).run(&Control::default()).unwrap();
    let leaf = scanned.graph.find(&fleet.path("in/deep/4")).unwrap();
    let removal = scanned.graph.removal(&[leaf]).with_owners(&scanned.graph, &scanned.owned);
    assert_eq!(removal.verdict, Verdict::Unknown);
    let doubts: Vec<_> = removal.doubts.iter().map(|doubt| (doubt.kind, &*doubt.path)).collect();
    let expected =
        [(DoubtKind::Owner, etc.join("cut.xml")), (DoubtKind::Owner, fleet.path("none"))];
    assert_eq!(doubts, expected.each_ref().map(|(kind, path)| (*kind, &**path)));
}

/// The scope does not hold it, an owner knows it: what it needs is needed.
#[test]
fn an_owners_disk_out_of_the_scope_is_a_dependent_all_the_same() {
    let fleet = Fleet::some();
    fleet.image("out/vm", Some("../in/deep/6"));
    let base = |owners: Owners| {
        let scanned = fleet.scan().owners(owners).run(&Control::default()).unwrap();
        let base = scanned.graph.find(&fleet.path("in/deep/6")).unwrap();
        scanned.graph.has_dependents(base).is_yes()
    };
    assert!(!base(Owners::default()));
    assert!(base(Owners::default().claim(fleet.path("out/vm"), "sandbox 17")));
    let map = fleet.path("map");
    std::fs::write(&map, "# disks\nout/vm\tsandbox 17\n").unwrap();
    assert!(base(Owners::read(&[map])));
}

/// Of a directory that was mistaken for libvirt's, nobody owning anything was the answer.
#[test]
fn a_directory_that_defines_nothing_is_a_doubt_unless_it_is_libvirts() {
    let fleet = Fleet::some();
    let read = || crate::scan::Owners::read(&[fleet.path("in/deep")]);
    let [doubt] = read().doubts().to_vec().try_into().unwrap();
    assert_eq!((doubt.path, doubt.kind), (fleet.path("in/deep"), crate::DoubtKind::Owner));
    // A host without machines: what libvirt keeps there is there.
    fleet.folder("in/deep/autostart");
    assert!(read().doubts().is_empty());
    std::fs::remove_dir(fleet.path("in/deep/autostart")).unwrap();
    std::fs::write(fleet.path("in/deep/default.xml"), "<network><name>default</name></network>")
        .unwrap();
    assert!(read().doubts().is_empty());
}
