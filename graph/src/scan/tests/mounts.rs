//! File systems that come and go below a watched directory: needs the right to mount.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::fleet::Fleet;
use super::live::{live, live_of, refresh, settled};
use crate::Verdict;
use crate::scan::EventKind;

/// Something that is mounted, until it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    /// A file system in memory. Nothing, with a word on why, where that is not allowed.
    fn at(place: PathBuf) -> Option<Self> {
        Self::with(&["-t".as_ref(), "tmpfs".as_ref(), "none".as_ref()], place)
    }

    fn with(words: &[&OsStr], place: PathBuf) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(words).arg(&place).stderr(Stdio::null());
        if mount.status().is_ok_and(|status| status.success()) {
            return Some(Self(place));
        }
        eprintln!("skipped: nothing may be mounted here");
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let status = Command::new("umount").arg(&self.0).status();
        assert!(status.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

/// Of what comes to lie over a directory, or goes from it, that directory is not told.
#[test]
fn what_is_mounted_below_a_watched_directory_is_seen_to_come_and_to_go() {
    let fleet = Fleet::new();
    fleet.folder("in/place");
    fleet.image("in/place/hidden", None);
    fleet.image("in/overlay", Some("place/shown"));
    let Some(mut live) = live(&fleet) else { return };
    let Some(mounted) = Mounted::at(fleet.path("in/place")) else { return };
    assert!(live.wait(Duration::from_secs(60)), "it is worth looking");
    let events = refresh(&mut live);
    assert_eq!(events, [(EventKind::Gone, "hidden".to_owned())]);
    fleet.image("in/place/shown", None);
    assert!(refresh(&mut live).contains(&(EventKind::Appeared, "shown".to_owned())));
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    drop(mounted);
    assert!(live.wait(Duration::from_secs(60)), "it is worth looking");
    let events = refresh(&mut live);
    assert!(events.contains(&(EventKind::Gone, "shown".to_owned())), "{events:?}");
    assert!(events.contains(&(EventKind::Appeared, "hidden".to_owned())), "{events:?}");
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    assert!(live.is_watching());
}

/// QEMU goes up from the path by which it opens an image, and there lies something else. It was said that nothing
/// needs the base beside one of the two places.
#[test]
fn an_image_in_a_directory_that_is_mounted_twice_needs_what_it_names_from_each_place() {
    let fleet = Fleet::new();
    for folder in ["in/a", "in/a/vms/deep", "in/b", "in/b/vms"] {
        std::fs::create_dir_all(fleet.path(folder)).unwrap();
    }
    for base in ["in/a/base", "in/b/base", "in/a/vms/base"] {
        fleet.image(base, None);
    }
    fleet.image("in/a/vms/over", Some("../base"));
    fleet.image("in/a/vms/deep/over", Some("../../base"));
    fleet.image("in/a/vms/deep/inside", Some("../base"));
    let Some(mut live) = live(&fleet) else { return };
    let vms = fleet.path("in/a/vms");
    let bind = ["--bind".as_ref(), vms.as_os_str()];
    let Some(mounted) = Mounted::with(&bind, fleet.path("in/b/vms")) else { return };
    let needed_by = |graph: &crate::Graph, base: &str| {
        let base = graph.find(&fleet.path(base)).unwrap();
        let removal = graph.removal(&[base]);
        (removal.verdict, removal.blockers.len())
    };
    refresh(&mut live);
    let fresh = fleet.fresh();
    for graph in [live.graph(), &fresh.graph] {
        assert_eq!(needed_by(graph, "in/a/base"), (Verdict::No, 2));
        assert_eq!(needed_by(graph, "in/b/base"), (Verdict::No, 2));
        let inside = fresh.graph.disks().filter(|disk| disk.path().ends_with("vms/base"));
        assert_eq!(inside.map(|disk| disk.needed_by().count()).collect::<Vec<_>>(), [1]);
        assert_eq!(graph.missing().count(), 0);
    }
    drop(mounted);
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    assert_eq!(needed_by(live.graph(), "in/b/base"), (Verdict::Yes, 0));
}

/// That it could not be listed was a doubt for ever; no watch tells of that.
#[test]
fn a_directory_that_is_removed_and_still_mounted_elsewhere_holds_nothing() {
    let fleet = Fleet::new();
    for folder in ["in/a", "in/b", "out"] {
        fleet.folder(folder);
    }
    fleet.image("in/overlay", None);
    let out = fleet.path("out");
    let bind = ["--bind".as_ref(), out.as_os_str()];
    let Some(_mounted) = Mounted::with(&bind, fleet.path("in/b")) else { return };
    let Some(mut live) = live(&fleet) else { return };
    std::fs::remove_dir(fleet.path("out")).unwrap();
    refresh(&mut live);
    assert!(fleet.fresh().graph.coverage().doubts.is_empty());
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
}

/// The table of mounts tells of real paths, and that of the root was another when the watch was made.
#[test]
fn a_mount_is_noticed_when_a_directory_above_the_root_has_another_name_by_now() {
    let fleet = Fleet::new();
    fleet.folder("above/in/place");
    fleet.image("above/in/place/hidden", None);
    let Some(mut live) = live_of(fleet.scan_of(["above/in"])) else { return };
    std::fs::rename(fleet.path("above"), fleet.path("new")).unwrap();
    std::os::unix::fs::symlink("new", fleet.path("above")).unwrap();
    assert_eq!(refresh(&mut live), []);
    let Some(mounted) = Mounted::at(fleet.path("new/in/place")) else { return };
    assert_eq!(refresh(&mut live), [(EventKind::Gone, "hidden".to_owned())]);
    drop(mounted);
    assert_eq!(refresh(&mut live), [(EventKind::Appeared, "hidden".to_owned())]);
}

/// It is written to where it comes from, of which the directory that shows it is not told.
#[test]
fn a_file_that_is_mounted_over_another_is_looked_at_every_time() {
    let fleet = Fleet::new();
    fleet.folder("in");
    fleet.folder("out");
    fleet.image("in/base", None);
    fleet.image("in/shown", None);
    fleet.image("out/hides", None);
    let Some(mut live) = live(&fleet) else { return };
    let hides = fleet.path("out/hides");
    let bind = ["--bind".as_ref(), hides.as_os_str()];
    let Some(mounted) = Mounted::with(&bind, fleet.path("in/shown")) else { return };
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    for backing in [Some("../in/base"), Some("base"), None] {
        fleet.image("out/hides", backing);
        refresh(&mut live);
        let base = live.graph().find(&fleet.path("in/base")).unwrap();
        let needs = live.graph().has_dependents(base);
        assert_eq!(needs.is_yes(), backing.is_some(), "{backing:?}");
        assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph), "{backing:?}");
    }
    drop(mounted);
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
}
