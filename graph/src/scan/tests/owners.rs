use super::fleet::{Fleet, LATER};
use super::live::{live_of, refresh};
use crate::scan::{Control, Live, Owners, Settings, Sources};
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

/// Whoever keeps a graph current asks every second; there may be thousands of files.
#[test]
fn files_of_owners_are_read_again_when_something_about_them_has_changed_and_not_else() {
    let fleet = Fleet::some();
    let etc = definitions(&fleet, "in/deep/3");
    std::fs::write(fleet.path("map"), "in/deep/4\tsandbox 4\n").unwrap();
    let places = vec![etc.clone(), fleet.path("map")];
    let mut sources = Sources::new(None, places.clone());
    let now = || crate::sys::clock() + LATER;
    let mut is_read_once = |what: &str| {
        assert_eq!(sources.owners(now()), Some(Owners::read(&places)), "{what}");
        assert_eq!(sources.owners(now()), None, "{what}");
    };
    is_read_once("at first");
    std::fs::write(fleet.path("map"), "in/deep/5\tsandbox 5 \n").unwrap();
    is_read_once("written");
    std::fs::copy(etc.join("build-a.xml"), etc.join("build-b.xml")).unwrap();
    is_read_once("one more");
    std::fs::remove_file(etc.join("build-a.xml")).unwrap();
    is_read_once("one less");
    std::fs::rename(etc.join("build-b.xml"), etc.join("build-c.xml")).unwrap();
    is_read_once("renamed");
    // What was written a moment ago may be written again without that showing.
    std::fs::write(fleet.path("map"), "in/deep/6\tsandbox 6\n").unwrap();
    assert!(sources.owners(now() - LATER).is_some() && sources.owners(now()).is_some());
    assert!(sources.owners(now()).is_none());
    // What cannot be read is tried again.
    std::fs::write(etc.join("broken.xml"), "<domain").unwrap();
    assert!(sources.owners(now()).is_some() && sources.owners(now()).is_some());
    std::fs::remove_file(fleet.path("map")).unwrap();
    assert!(sources.owners(now()).is_some() && sources.owners(now()).is_some());
}

/// A watched graph knew what had been said when it began.
#[test]
fn a_graph_that_is_kept_current_takes_in_what_is_said_meanwhile() {
    let fleet = Fleet::some();
    let settings = fleet.path("settings");
    std::fs::write(fleet.path("map"), "in/deep/4\tsandbox 4\n").unwrap();
    let broken = fleet.path("in/broken");
    std::fs::write(&broken, b"QFI\xfb\0\0\0\x03").unwrap();
    let mut sources = Sources::new(Some(settings.clone()), vec![fleet.path("map")]);
    let Some(mut live) = live_of(fleet.scan()) else { return };
    let owners = |live: &Live, name: &str| {
        let disk = live.graph().find(&fleet.path(name)).unwrap();
        live.scanned().owned.names(disk).iter().map(|name| name.to_string()).collect::<Vec<_>>()
    };
    let leaf = live.graph().find(&fleet.path("in/deep/6")).unwrap();
    live.read_again(&mut sources).unwrap();
    refresh(&mut live);
    assert_eq!(owners(&live, "in/deep/4"), ["sandbox 4"]);
    assert!(live.graph().has_dependents(leaf).is_unknown());
    let mut said = Settings::default();
    said.waive(broken, "known".to_owned()).unwrap();
    said.save(&settings).unwrap();
    std::fs::write(fleet.path("map"), "in/deep/5\tsandbox 5\n").unwrap();
    live.read_again(&mut sources).unwrap();
    refresh(&mut live);
    assert_eq!(owners(&live, "in/deep/5"), ["sandbox 5"]);
    assert!(owners(&live, "in/deep/4").is_empty());
    assert!(live.graph().has_dependents(leaf).is_no());
    // As long as nobody can say what is waived nothing is.
    std::fs::write(settings.join("settings.json"), "{").unwrap();
    live.read_again(&mut sources).unwrap_err();
    refresh(&mut live);
    assert!(live.graph().has_dependents(leaf).is_unknown());
}
