//! What nobody tells of, what a person has waived, and what owners name: what that costs a refresh, counted.

use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fleet::{Fleet, LATER};
use super::live::{live, live_of, refresh, settled};
use super::moved::{cost, forty};
use crate::scan::orders::Gate;
use crate::scan::{Control, EventKind, Fingerprint, Owners, Scan, Waiver};

/// A change beside what owners name costs what it costs without them.
#[test]
fn owners_do_not_have_everything_asked_again() {
    let fleet = Fleet::some();
    std::fs::write(fleet.path("owners"), format!("{}\tvm\n", fleet.path("in/deep/3").display()))
        .unwrap();
    let owners = Owners::read(&[fleet.path("owners")]);
    let Some(mut live) = live_of(fleet.scan().owners(owners)) else { return };
    fleet.image("out/new", Some("../base"));
    std::fs::rename(fleet.path("out/new"), fleet.path("in/deep/new")).unwrap();
    assert_eq!(refresh(&mut live), [(EventKind::Appeared, "new".to_owned())]);
    let cost = live.scanned().statistics;
    assert_eq!((cost.listed, cost.opened), (0, 1));
    assert!(cost.asked <= 2, "{cost:?}");
    let disk = live.graph().find(&fleet.path("in/deep/3")).unwrap();
    assert_eq!(live.scanned().owned.names(disk), ["vm"]);
}

/// Its directory was opened, and all that is known of every directory gone over.
#[test]
fn an_idle_refresh_asks_once_about_each_thing_that_nobody_tells_of_and_about_nothing_else() {
    let fleet = forty();
    for folder in 0..7 {
        std::os::unix::fs::symlink("0", fleet.path(&format!("in/{folder}/link"))).unwrap();
        std::os::unix::fs::symlink("gone", fleet.path(&format!("in/{folder}/none"))).unwrap();
        std::os::unix::fs::symlink("../0", fleet.path(&format!("in/{folder}/all"))).unwrap();
    }
    std::fs::hard_link(fleet.path("in/9/1"), fleet.path("in/9/hard")).unwrap();
    let Some(mut live) = live(&fleet) else { return };
    // What there is at the end of a link that is none of a file was not seen yet.
    assert_eq!(refresh(&mut live), []);
    assert_eq!(cost(&live), (7, 0, 23, 0));
    assert_eq!(refresh(&mut live), []);
    assert_eq!(cost(&live), (0, 0, 23, 0));
    // What changed is looked at, and nothing else: a link that leads elsewhere without being touched.
    std::fs::rename(fleet.path("in/3/1"), fleet.path("in/3/gone")).unwrap();
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    std::fs::rename(fleet.path("in/2/1"), fleet.path("in/2/0")).unwrap();
    refresh(&mut live);
    assert_eq!(cost(&live), (1, 0, 23, 2));
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
}

/// Every refresh had all directories walked where a person had waived anything.
#[test]
fn a_waiver_that_lapses_costs_what_it_covers() {
    let fleet = forty();
    let path = fleet.path("in/5/broken");
    std::fs::write(&path, b"QFI\xfb\0\0\0\x03").unwrap();
    let fingerprint = Fingerprint::of(&path).unwrap();
    let waiver = |path: &Path, fingerprint| {
        let reason = "known".to_owned();
        Waiver { path: path.to_owned(), reason, fingerprint }
    };
    let absent = fleet.path("in/6/absent");
    let scan = || {
        let waivers = vec![waiver(&path, fingerprint), waiver(&absent, None)];
        fleet.scan().ahead(LATER).waivers(waivers)
    };
    let fresh = |scan: Scan| settled(&scan.run(&Control::default()).unwrap().graph);
    let Some(mut live) = live_of(scan()) else { return };
    let waived = |live: &crate::scan::Live| live.graph().coverage().waived.len();
    assert_eq!(waived(&live), 2);
    fleet.image("in/7/new", None);
    refresh(&mut live);
    assert_eq!(cost(&live), (1, 0, 0, 1));
    assert_eq!((settled(live.graph()), waived(&live)), (fresh(scan()), 2));
    // What is not there comes.
    fleet.image("in/6/absent", None);
    refresh(&mut live);
    assert_eq!(cost(&live), (1, 0, 0, 1));
    assert_eq!((settled(live.graph()), waived(&live)), (fresh(scan()), 1));
    // What it covers is written to: nothing is known of it any more.
    let id = live.graph().find(&path).unwrap();
    let leaf = live.graph().find(&fleet.path("in/7/new")).unwrap();
    assert!(live.graph().has_dependents(leaf).is_no());
    std::fs::write(&path, b"QFI\xfb\0\0\0\x03\0").unwrap();
    assert_eq!(refresh(&mut live), [(EventKind::Changed, "broken".to_owned())]);
    assert_eq!(cost(&live), (1, 0, 0, 1));
    assert!(live.graph().has_dependents(leaf).is_unknown());
    assert_eq!((settled(live.graph()), waived(&live)), (fresh(scan()), 0));
    std::fs::remove_file(&path).unwrap();
    refresh(&mut live);
    assert!(live.graph().disk(id).is_none());
    assert_eq!(settled(live.graph()), fresh(scan()));
}

/// As every snapshot and every restore does; all directories were walked for it.
#[test]
fn a_disk_of_an_owner_that_another_file_takes_the_place_of_costs_a_look_at_that() {
    let fleet = forty();
    let named = ["in/5/3", "in/6/plain", "in/7/none"];
    std::fs::write(fleet.path("in/6/plain"), [7; 700]).unwrap();
    let lines = named.map(|name| format!("{}\tvm {name}\n", fleet.path(name).display()));
    std::fs::write(fleet.path("owners"), lines.concat()).unwrap();
    let scan = || fleet.scan().owners(Owners::read(&[fleet.path("owners")]));
    let Some(mut live) = live_of(scan()) else { return };
    let names = |live: &crate::scan::Live, name: &str| {
        let disk = live.graph().find(&fleet.path(name)).unwrap();
        live.scanned().owned.names(disk).iter().map(|name| name.to_string()).collect::<Vec<_>>()
    };
    fleet.image("in/5/new", Some("3-before"));
    std::fs::rename(fleet.path("in/5/3"), fleet.path("in/5/3-before")).unwrap();
    std::fs::rename(fleet.path("in/5/new"), fleet.path("in/5/3")).unwrap();
    std::fs::write(fleet.path("in/6/other"), [8; 700]).unwrap();
    std::fs::rename(fleet.path("in/6/other"), fleet.path("in/6/plain")).unwrap();
    std::fs::write(fleet.path("in/7/none"), [8; 700]).unwrap();
    refresh(&mut live);
    assert_eq!(cost(&live), (3, 0, 0, 4));
    for name in named {
        assert_eq!(names(&live, name), [format!("vm {name}")]);
    }
    assert!(names(&live, "in/5/3-before").is_empty());
    let fresh = || settled(&scan().run(&Control::default()).unwrap().graph);
    assert_eq!(settled(live.graph()), fresh());
    // What nobody names, and nobody needs, is no disk.
    std::fs::rename(fleet.path("in/6/plain"), fleet.path("in/6/idle")).unwrap();
    std::fs::remove_file(fleet.path("in/7/none")).unwrap();
    refresh(&mut live);
    assert_eq!(cost(&live), (2, 0, 0, 1));
    assert!(live.graph().find(&fleet.path("in/6/idle")).is_none());
    assert_eq!(settled(live.graph()), fresh());
}

/// Who kept a graph current had to begin anew for a waiver.
#[test]
fn waivers_and_owners_that_are_given_meanwhile_count_from_the_next_refresh() {
    let fleet = forty();
    fleet.folder("out");
    for raw in ["out/raw", "out/other"] {
        std::fs::write(fleet.path(raw), [7; 700]).unwrap();
    }
    let broken = fleet.path("in/5/broken");
    std::fs::write(&broken, b"QFI\xfb\0\0\0\x03").unwrap();
    let waiver = |reason: &str| {
        let fingerprint = Fingerprint::of(&broken).unwrap();
        vec![Waiver { path: broken.clone(), reason: reason.to_owned(), fingerprint }]
    };
    let owners = |disks: &[&str]| {
        let line = |disk: &&str| format!("{}\tvm {disk}\n", fleet.path(disk).display());
        std::fs::write(fleet.path("owners"), disks.iter().map(line).collect::<String>()).unwrap();
        Some(Owners::read(&[fleet.path("owners")]))
    };
    let Some(mut live) = live_of(fleet.scan()) else { return };
    let programs = [
        (waiver("known"), None),
        (waiver("for another reason"), owners(&["in/5/3", "out/raw"])),
        (Vec::new(), owners(&["in/6/3", "out/other", "out/none"])),
        (waiver("again"), owners(&[])),
        (Vec::new(), None),
    ];
    for (waivers, owners) in programs {
        let scan = fleet.scan().waivers(waivers.clone());
        let scan = owners.clone().into_iter().fold(scan, Scan::owners);
        let (is_waived, is_asked) = (!waivers.is_empty(), owners.is_some());
        live.set_waivers(waivers);
        live.set_owners(owners);
        refresh(&mut live);
        let fresh = scan.run(&Control::default()).unwrap();
        assert_eq!(settled(live.graph()), settled(&fresh.graph));
        let leaf = live.graph().find(&fleet.path("in/7/4")).unwrap();
        assert_eq!(live.graph().has_dependents(leaf).is_no(), is_waived);
        let owned = |scanned: &crate::scan::Scanned| {
            let disks = scanned.graph.disks().map(|disk| {
                let names = scanned.owned.names(disk.id());
                (disk.path().to_owned(), names.join(", "))
            });
            let mut owned: Vec<_> = disks.filter(|(_, names)| !names.is_empty()).collect();
            owned.sort();
            owned
        };
        assert_eq!(owned(live.scanned()), owned(&fresh));
        assert_eq!(live.scanned().owned.were_asked(), is_asked);
        // And so do those who ask whether it still is so.
        let verified = live.scanned().verify_dependents(&[leaf], &Control::default()).unwrap();
        assert_eq!(verified.is_unchanged(), is_waived);
    }
}

/// Makes an image when somebody is about to look for it.
struct Faster {
    fleet: Arc<Fleet>,
    path: PathBuf,
}

impl Gate for Faster {
    fn pass(&self, directory: &Path, _: Option<&CStr>) {
        if directory == self.path && !self.path.exists() {
            self.fleet.image("in/base", None);
        }
    }
}

/// It was there twice: as what a reference had led to, and as what was told of.
#[test]
fn a_base_that_comes_while_it_is_looked_for_is_there_once() {
    let fleet = Arc::new(Fleet::told());
    fleet.folder("in");
    fleet.image("in/over", Some("base"));
    let gate = Faster { fleet: Arc::clone(&fleet), path: fleet.path("in/base") };
    let Some(mut live) = live_of(fleet.scan().gate(Arc::new(gate))) else { return };
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
}

/// The image asked about was said to be a directory for ever.
#[test]
fn what_a_link_to_a_directory_leads_to_is_missed_when_that_goes() {
    let fleet = Fleet::told();
    fleet.folder("in/c");
    fleet.folder("out");
    fleet.image("in/over", Some("link"));
    std::os::unix::fs::symlink("c", fleet.path("in/link")).unwrap();
    let Some(mut live) = live(&fleet) else { return };
    refresh(&mut live);
    std::fs::rename(fleet.path("in/c"), fleet.path("out/c")).unwrap();
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    // A pipe is no file either, and nobody knows its name.
    std::fs::remove_file(fleet.path("in/link")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(fleet.path("in/link")).status();
    assert!(made.unwrap().success());
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
}
