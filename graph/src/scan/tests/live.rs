use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::fleet::{Fleet, LATER, picture};
use super::programs::{Act, Opened, acts, folders};
use crate::scan::{Control, EventKind, Live, Owners, Scan, Scanned};
use crate::{Coverage, DoubtKind, Facts, Graph};

pub(super) fn live(fleet: &Fleet) -> Option<Live> {
    live_of(fleet.scan())
}

pub(super) fn live_of(scan: Scan) -> Option<Live> {
    let live = Live::begin(scan, &Control::default()).unwrap();
    if live.is_watching() {
        return Some(live);
    }
    // Another system, or no watches left for this user.
    assert!(!cfg!(target_os = "linux") || !has_watches(), "not watching");
    None
}

fn has_watches() -> bool {
    let limit = std::fs::read_to_string("/proc/sys/fs/inotify/max_user_watches");
    limit.is_ok_and(|limit| limit.trim().parse::<u64>().is_ok_and(|limit| limit > 4096))
}

/// What a file occupies changes when the system gets round to write it out, which nobody is told.
pub(super) fn settled(graph: &Graph) -> (Vec<Facts>, Coverage) {
    let (mut facts, coverage) = picture(graph);
    facts.iter_mut().for_each(|facts| facts.actual_size = None);
    (facts, coverage)
}

pub(super) fn refresh(live: &mut Live) -> Vec<(EventKind, String)> {
    let events = live.refresh(&Control::default()).unwrap();
    let name = |path: &std::path::Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    events.iter().map(|event| (event.kind, name(&event.path))).collect()
}

#[test]
fn a_new_overlay_is_known_as_soon_as_it_is_there() {
    let fleet = Fleet::some();
    let Some(mut live) = live(&fleet) else { return };
    let handle = live.handle();
    let base = live.graph().find(&fleet.path("in/base")).unwrap();
    fleet.image("out/new", Some("../base"));
    std::fs::rename(fleet.path("out/new"), fleet.path("in/deep/new")).unwrap();
    assert!(live.wait(Duration::from_secs(60)));
    assert_eq!(refresh(&mut live), [(EventKind::Appeared, "new".to_owned())]);
    // Nothing but the new one was opened, and the link and the base out of the scope asked.
    let cost = live.scanned().statistics;
    assert_eq!((cost.listed, cost.opened), (0, 1));
    assert!(cost.asked <= 2, "{cost:?}");
    // The ids are those of before, for those who ask from elsewhere too.
    let new = handle.graph().find(&fleet.path("in/deep/new")).unwrap();
    assert!(handle.graph().depends_on(new, base).is_yes());
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));

    std::fs::remove_file(fleet.path("in/deep/new")).unwrap();
    assert_eq!(refresh(&mut live), [(EventKind::Gone, "new".to_owned())]);
    assert!(live.graph().disk(new).is_none());
    // A version that somebody holds stays as it was.
    assert_eq!(refresh(&mut live), []);
}

/// In place, by a machine that runs: no directory changes.
#[test]
fn a_rebase_in_place_is_seen_and_a_guest_that_writes_is_no_event() {
    let fleet = Fleet::some();
    let Some(mut live) = live(&fleet) else { return };
    fleet.image("in/deep/3", Some("4"));
    let events = refresh(&mut live);
    assert!(events.contains(&(EventKind::Changed, "3".to_owned())), "{events:?}");
    std::fs::write(fleet.path("in/deep/plain.raw"), [1; 512]).unwrap();
    std::fs::write(fleet.path("in/deep/plain.raw"), [1; 700]).unwrap();
    assert_eq!(refresh(&mut live), []);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
}

/// No directory is told of the link, nor of what is written under it: it was known only to who asked a scan.
#[test]
fn an_image_that_is_written_under_a_name_out_of_the_scope_is_found_in_the_round() {
    let fleet = Fleet::told();
    for folder in ["in", "in/a", "in/b", "in/c", "out"] {
        fleet.folder(folder);
    }
    for number in 0..60 {
        fleet.image(&format!("in/{}/{number:02}", ["a", "b", "c"][number % 3]), None);
    }
    fleet.image("in/b/over", Some("01"));
    let Some(mut live) = live(&fleet) else { return };
    let path = fleet.path("in/b/over");
    let needs = |live: &Live, base: &str| {
        let id = |path: &Path| live.graph().find(path).unwrap();
        live.graph().depends_on(id(&path), id(&fleet.path(base))).is_yes()
    };
    for (turn, base) in ["in/b/04", "in/c/05", "in/a/03"].into_iter().enumerate() {
        let second = fleet.path(&format!("out/{turn}"));
        std::fs::hard_link(&path, &second).unwrap();
        fleet.image(&format!("out/{turn}"), Some(fleet.path(base).to_str().unwrap()));
        std::fs::remove_file(&second).unwrap();
        // Eight of 61 files each time.
        for round in 0..9 {
            // One of them by walks alone: a link leads to another directory each time.
            if turn == 2 {
                let (link, to) = (fleet.path("in/link"), ["out", "in/a"][round % 2]);
                if round > 0 {
                    std::fs::remove_file(&link).unwrap();
                }
                std::os::unix::fs::symlink(fleet.path(to), &link).unwrap();
            }
            live.later(1_000_000_000);
            refresh(&mut live);
        }
        assert!(needs(&live, base), "{turn}");
        assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
        // Who is in the round is gone: it goes on with the next.
        std::fs::remove_file(fleet.path(&format!("in/a/{:02}", turn * 3))).unwrap();
    }
}

/// Only the directory of the new link is told of the link, and of what is written under it.
#[test]
fn an_image_is_seen_to_change_when_it_is_written_under_a_new_hard_link() {
    let fleet = Fleet::told();
    for folder in ["in", "in/a", "in/b"] {
        fleet.folder(folder);
    }
    for base in ["in/a/one", "in/a/two"] {
        fleet.image(base, None);
    }
    fleet.image("in/a/over", Some("one"));
    let Some(mut live) = live(&fleet) else { return };
    std::fs::hard_link(fleet.path("in/a/over"), fleet.path("in/b/over")).unwrap();
    fleet.image("in/b/over", Some(fleet.path("in/a/two").to_str().unwrap()));
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    let id = |name: &str| live.graph().find(&fleet.path(name)).unwrap();
    assert!(live.graph().depends_on(id("in/a/over"), id("in/a/two")).is_yes());
    assert!(live.graph().depends_on(id("in/a/over"), id("in/a/one")).is_no());
    // The name that is left is what the other was: also where a walk has to be made.
    std::fs::remove_file(fleet.path("in/b/over")).unwrap();
    std::fs::hard_link(fleet.path("in/a/two"), fleet.path("in/b/two")).unwrap();
    fleet.image("in/b/two", Some(fleet.path("in/a/one").to_str().unwrap()));
    fleet.folder("in/c");
    std::fs::rename(fleet.path("in/b"), fleet.path("in/c/b")).unwrap();
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
}

/// Has more happen than the kernel keeps notices of; not where that is very much.
fn overflows(fleet: &Fleet) -> bool {
    let kept = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let kept: u32 = kept.trim().parse().unwrap();
    if kept > 1 << 17 {
        return false;
    }
    let files = ["in/deep/1", "in/deep/2"].map(|name| std::fs::File::open(fleet.path(name)));
    let times = std::fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
    for file in files.iter().cycle().take(kept as usize + 2) {
        file.as_ref().unwrap().set_times(times).unwrap();
    }
    true
}

/// The kernel keeps so many notices and no more: nothing is then believed, and everything asked.
#[test]
fn more_than_the_kernel_can_tell_is_asked_again() {
    let fleet = Fleet::some();
    let Some(mut live) = live(&fleet) else { return };
    if !overflows(&fleet) {
        return;
    }
    fleet.image("in/deep/new", Some("../base"));
    fleet.folder("in/more");
    fleet.image("in/more/above", Some("../deep/new"));
    let events = refresh(&mut live);
    assert_eq!(events[0].0, EventKind::Rescanned);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    // And it is watched on: the new directory, too.
    assert!(live.is_watching());
    assert_eq!(live.graph().coverage().doubts, []);
    fleet.image("in/more/later", Some("above"));
    assert_eq!(refresh(&mut live), [(EventKind::Appeared, "later".to_owned())]);
}

/// That a directory was removed found no room among the notices, and another has its number: it counted as watched.
#[test]
fn a_watch_of_whose_end_nobody_was_told_is_set_again() {
    let fleet = Fleet::some();
    let Some(mut live) = live(&fleet) else { return };
    if !overflows(&fleet) {
        return;
    }
    let identity = {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = std::fs::metadata(fleet.path("in/deep")).unwrap();
        (metadata.dev(), metadata.ino())
    };
    live.watches.as_ref().unwrap().lose(identity);
    assert_eq!(refresh(&mut live)[0].0, EventKind::Rescanned);
    fleet.image("in/deep/new", Some("../base"));
    assert_eq!(refresh(&mut live), [(EventKind::Appeared, "new".to_owned())]);
}

/// Who asks while things are missed is told so, and not given a stale no.
#[test]
fn a_refresh_that_fails_leaves_a_graph_in_doubt() {
    let fleet = Fleet::some();
    let Some(mut live) = live(&fleet) else { return };
    let leaf = live.graph().find(&fleet.path("in/deep/5")).unwrap();
    assert!(live.graph().has_dependents(leaf).is_no());
    fleet.image("in/deep/new", Some("5"));
    let stopped = Control::default().until(std::time::Instant::now());
    assert!(live.refresh(&stopped).is_err());
    let graph = live.handle().graph();
    assert!(graph.has_dependents(leaf).is_unknown());
    assert_eq!(graph.coverage().doubts[0].kind, DoubtKind::Watch);
    refresh(&mut live);
    assert!(live.handle().graph().has_dependents(leaf).is_yes());
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
}

#[test]
fn a_root_that_goes_and_comes_back_is_followed() {
    let fleet = Fleet::some();
    let Some(mut live) = live(&fleet) else { return };
    std::fs::rename(fleet.path("in"), fleet.path("away")).unwrap();
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    std::fs::rename(fleet.path("away"), fleet.path("in")).unwrap();
    // Nobody watches where it was: after a second it is worth asking.
    assert!(live.wait(Duration::from_secs(60)));
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
}

/// The price of a refresh, in system calls: what was told of, and the root.
#[test]
fn what_was_not_told_of_is_not_asked() {
    let fleet = Fleet::told();
    fleet.folder("in");
    for folder in 0..40 {
        fleet.folder(&format!("in/{folder}"));
        for number in 0..5 {
            fleet.image(&format!("in/{folder}/{number}"), Some("0"));
        }
    }
    let Some(mut live) = live(&fleet) else { return };
    fleet.image("in/17/new", Some("../3/2"));
    assert_eq!(refresh(&mut live), [(EventKind::Appeared, "new".to_owned())]);
    let cost = live.scanned().statistics;
    assert_eq!((cost.directories, cost.listed, cost.asked, cost.opened), (1, 0, 0, 1));
    // A directory that is new is listed, and no other.
    fleet.folder("in/18/below");
    fleet.image("in/18/below/new", Some("../../17/new"));
    assert_eq!(refresh(&mut live), [(EventKind::Appeared, "new".to_owned())]);
    let cost = live.scanned().statistics;
    assert_eq!((cost.directories, cost.listed, cost.asked, cost.opened), (2, 1, 0, 1));
    // And watched from then on.
    std::fs::remove_file(fleet.path("in/17/new")).unwrap();
    fleet.image("in/18/below/newer", Some("new"));
    let events = refresh(&mut live);
    assert!(events.contains(&(EventKind::Missing, "new".to_owned())), "{events:?}");
    let cost = live.scanned().statistics;
    assert_eq!((cost.directories, cost.listed, cost.asked, cost.opened), (2, 0, 0, 1));
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    assert_eq!(refresh(&mut live), []);
}

/// It had every directory walked and everything made anew, at every refresh.
#[test]
fn a_symbolic_link_to_a_directory_that_is_known_costs_no_walk() {
    let fleet = Fleet::told();
    fleet.folder("out");
    for folder in 0..40 {
        fleet.folder(&format!("in/{folder}"));
        fleet.image(&format!("in/{folder}/0"), None);
    }
    let link = |to: &str| {
        std::fs::remove_file(fleet.path("in/5/link")).ok();
        std::os::unix::fs::symlink(to, fleet.path("in/5/link")).unwrap();
    };
    link("../7");
    fleet.image("in/9/linked", Some("../5/link/0"));
    let Some(mut live) = live(&fleet) else { return };
    fleet.image("in/17/new", Some("0"));
    assert_eq!(refresh(&mut live), [(EventKind::Appeared, "new".to_owned())]);
    let cost = live.scanned().statistics;
    assert_eq!((cost.directories, cost.listed, cost.asked, cost.opened), (1, 0, 1, 1));
    fleet.image("in/17/newer", Some("0"));
    assert_eq!(refresh(&mut live), [(EventKind::Appeared, "newer".to_owned())]);
    let cost = live.scanned().statistics;
    assert_eq!((cost.directories, cost.listed, cost.asked, cost.opened), (1, 0, 1, 1));
    // Elsewhere, to what nobody knew, and back.
    fleet.image("out/0", None);
    for to in ["../8", "../../out", "../7", "nowhere", "../../out", "../../nowhere", "../7"] {
        link(to);
        refresh(&mut live);
        assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph), "{to}");
    }
}

/// Nobody tells of what lies out of the scope: what was missed there is asked for again.
#[test]
fn a_base_out_of_the_scope_that_was_missing_is_found_when_it_comes() {
    let fleet = Fleet::new();
    fleet.folder("in");
    fleet.folder("out");
    fleet.image("in/overlay", Some("../out/base"));
    let Some(mut live) = live(&fleet) else { return };
    assert!(live.graph().missing().next().is_some());
    fleet.image("out/base", None);
    assert!(live.wait(Duration::from_secs(60)));
    assert_eq!(refresh(&mut live).len(), 2);
    assert!(live.graph().missing().next().is_none());
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// The oracle is a scan that knows nothing.
    #[test]
    fn what_is_kept_current_is_what_a_scan_finds(
        program in proptest::collection::vec(proptest::collection::vec(acts(), 1..4), 1..10)
    ) {
        let fleet = Fleet::told();
        let _opened = Opened(&fleet);
        folders(&fleet);
        let Some(mut live) = live(&fleet) else { return Ok(()) };
        for acts in program {
            acts.iter().for_each(|act: &Act| act.run(&fleet));
            refresh(&mut live);
            let fresh = fleet.scan().ahead(LATER).run(&Control::default()).unwrap();
            prop_assert_eq!(settled(live.graph()), settled(&fresh.graph), "after {:?}", acts);
        }
    }

    /// So are the disks that owners name and the images asked about, raw, missing and out of the scope.
    #[test]
    fn what_owners_name_is_kept_current_too(
        program in proptest::collection::vec(proptest::collection::vec(acts(), 1..4), 1..10)
    ) {
        let fleet = Fleet::told();
        let _opened = Opened(&fleet);
        folders(&fleet);
        let named = ["in/0", "in/1", "in/a/2", "in/a/b/3", "out/base", "out/nothing"];
        let lines = named.map(|name| format!("{}\tvm {name}\n", fleet.path(name).display()));
        std::fs::write(fleet.path("owners"), lines.concat()).unwrap();
        let scan = || {
            let owners = Owners::read(&[fleet.path("owners")]);
            fleet.scan().ahead(LATER).owners(owners).images(vec![fleet.path("in/4")])
        };
        let Some(mut live) = live_of(scan()) else { return Ok(()) };
        for acts in program {
            acts.iter().for_each(|act: &Act| act.run(&fleet));
            refresh(&mut live);
            let fresh = scan().run(&Control::default()).unwrap();
            let now = live.scanned();
            prop_assert_eq!(settled(&now.graph), settled(&fresh.graph), "after {:?}", acts);
            prop_assert_eq!(named_in(now), named_in(&fresh), "after {:?}", acts);
        }
    }
}

/// The disks that somebody names, by whom, and what came of asking about images.
fn named_in(scanned: &Scanned) -> (Vec<(String, Vec<String>)>, Vec<String>) {
    let path = |id| format!("{:?}", scanned.graph.disk(id).map(|disk| disk.path().to_owned()));
    let names = |id| scanned.owned.names(id).iter().map(|name| name.to_string()).collect();
    let mut owned: Vec<(String, Vec<String>)> =
        scanned.graph.disks().map(|disk| (path(disk.id()), names(disk.id()))).collect();
    owned.sort();
    let images = scanned.images.iter().map(|image| match image {
        Ok(id) => path(*id),
        Err(error) => error.to_string(),
    });
    (owned, images.collect())
}
