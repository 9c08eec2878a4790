//! Paths that lead elsewhere than they did without anything having happened at their ends, and files that are known by
//! several.

use std::ffi::CStr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::fleet::Fleet;
use super::live::{live, live_of, refresh, settled};
use super::programs::Opened;
use crate::scan::EventKind;
use crate::scan::orders::Gate;

fn needs(graph: &crate::Graph, from: &Path, to: &Path) -> bool {
    let id = |path: &Path| graph.find(path).unwrap();
    graph.depends_on(id(from), id(to)).is_yes()
}

/// A scan made edges to the files that were known when it came to a name, a graph that was kept current to all: which
/// it was depended on who was first.
#[test]
fn what_one_name_from_qemus_working_directory_has_met_another_may_mean() {
    let fleet = Fleet::told();
    fleet.folder("in");
    fleet.folder("out");
    fleet.image("out/1", None);
    fleet.image("out/above", Some("file:1"));
    fleet.image("in/a", Some("file:1"));
    fleet.image("in/b", Some("../out/above"));
    let fresh = fleet.fresh().graph;
    let base = fresh.disks().find(|disk| disk.path().ends_with("out/1")).unwrap();
    assert_eq!(base.needed_by().count(), 2);
    assert_eq!(fresh.missing().count(), 0);
    let Some(mut live) = live(&fleet) else { return };
    fleet.image("in/new", None);
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
}

/// No directory that is watched is told of that; what had been there was said to be there for ever.
#[test]
fn another_directory_is_found_where_a_root_lies_when_one_above_it_was_renamed() {
    let fleet = Fleet::told();
    for folder in ["above/in", "other/in"] {
        fleet.folder(folder);
    }
    fleet.image("above/in/base", None);
    fleet.image("other/in/base", None);
    fleet.image("other/in/overlay", Some("base"));
    let scan = || fleet.scan_of(["above/in"]);
    let Some(mut live) = live_of(scan()) else { return };
    let base = |live: &crate::scan::Live| live.graph().find(&fleet.path("above/in/base")).unwrap();
    assert!(live.graph().has_dependents(base(&live)).is_no());
    std::fs::rename(fleet.path("above"), fleet.path("gone")).unwrap();
    std::fs::rename(fleet.path("other"), fleet.path("above")).unwrap();
    assert!(live.wait(Duration::from_secs(60)), "it is worth looking");
    refresh(&mut live);
    assert!(live.graph().has_dependents(base(&live)).is_yes());
    let fresh = || settled(&scan().run(&crate::scan::Control::default()).unwrap().graph);
    assert_eq!(settled(live.graph()), fresh());
    std::fs::rename(fleet.path("above"), fleet.path("other")).unwrap();
    refresh(&mut live);
    assert_eq!(settled(live.graph()), fresh());
    assert!(!live.graph().coverage().doubts.is_empty());
}

/// A file that is reached by two names out of the scope is known by those by which somebody goes there.
#[test]
fn a_name_out_of_the_scope_is_known_as_long_as_somebody_uses_it() {
    let fleet = Fleet::told();
    fleet.folder("in");
    fleet.folder("out");
    fleet.image("out/1", None);
    std::fs::hard_link(fleet.path("out/1"), fleet.path("out/2")).unwrap();
    std::os::unix::fs::symlink("1", fleet.path("out/3")).unwrap();
    for (overlay, base) in [("in/a", "../out/1"), ("in/b", "../out/2"), ("in/c", "../out/3")] {
        fleet.image(overlay, Some(base));
    }
    let Some(mut live) = live(&fleet) else { return };
    // Who is written to and needs what it needed leaves nothing behind.
    fleet.image_as("in/b", Some("../out/2"), Some("raw"));
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    std::fs::remove_file(fleet.path("in/b")).unwrap();
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    fleet.image("in/c", Some("../out/1"));
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
}

/// The base stays where it is, and is not found any more: it was said to be needed.
#[test]
fn a_name_that_goes_through_a_directory_and_out_of_it_breaks_when_that_goes() {
    for name in ["a/../base", "a/b/../../base", "./a/.././base"] {
        let fleet = Fleet::told();
        fleet.folder("in/a/b");
        fleet.image("in/base", None);
        fleet.image("in/overlay", Some(name));
        let Some(mut live) = live(&fleet) else { return };
        let (overlay, base) = (fleet.path("in/overlay"), fleet.path("in/base"));
        assert!(needs(live.graph(), &overlay, &base), "{name}");
        for (from, to) in [("in/a", "in/c"), ("in/c", "in/a"), ("in/a", "out"), ("out", "in/a")] {
            std::fs::rename(fleet.path(from), fleet.path(to)).unwrap();
            refresh(&mut live);
            assert_eq!(
                needs(live.graph(), &overlay, &base),
                to == "in/a",
                "{name}: {from} to {to}"
            );
            assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph), "{name}: {from}");
        }
    }
}

/// What is behind the link is the very directory that it was, and lies elsewhere: what was missed there was looked for
/// where it had been.
#[test]
fn a_directory_out_of_the_scope_is_looked_at_where_it_lies_by_now() {
    let fleet = Fleet::told();
    for folder in ["in", "out/a"] {
        fleet.folder(folder);
    }
    fleet.image("out/a/there", None);
    let link = |to: &str| {
        std::fs::remove_file(fleet.path("link")).ok();
        std::os::unix::fs::symlink(to, fleet.path("link")).unwrap();
    };
    link("out/a");
    fleet.image("in/missing", Some("../link/base"));
    fleet.image("in/overlay", Some("../link/there"));
    // A file is no directory, whatever comes behind it.
    fleet.image("in/through", Some("overlay/base"));
    let Some(mut live) = live(&fleet) else { return };
    std::fs::rename(fleet.path("out/a"), fleet.path("out/b")).unwrap();
    link("out/b");
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    fleet.image("out/b/base", None);
    refresh(&mut live);
    assert!(needs(live.graph(), &fleet.path("in/missing"), &fleet.path("out/b/base")));
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    assert_eq!(live.graph().missing().count(), 1);
}

/// The link was looked at, the name that it leads to was not: it was what both say.
#[test]
fn a_file_is_looked_at_under_its_own_name_when_a_symbolic_link_shows_that_it_has_another() {
    let fleet = Fleet::told();
    fleet.folder("in/a");
    fleet.folder("out");
    for base in ["in/one", "in/two"] {
        fleet.image(base, None);
    }
    fleet.image("in/a/over", Some("../one"));
    std::os::unix::fs::symlink("a/over", fleet.path("in/link")).unwrap();
    let Some(mut live) = live(&fleet) else { return };
    std::fs::hard_link(fleet.path("in/a/over"), fleet.path("out/over")).unwrap();
    fleet.image("out/over", Some(fleet.path("in/two").to_str().unwrap()));
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    assert!(!needs(live.graph(), &fleet.path("in/a/over"), &fleet.path("in/one")));
}

/// It is the same directory, known by another name from then on, as every scan calls it.
#[test]
fn a_directory_out_of_the_scope_is_called_as_it_lies_when_a_link_leads_there_by_now() {
    let fleet = Fleet::told();
    fleet.folder("in");
    fleet.folder("out/d");
    fleet.image("in/over", Some("../out/d/none"));
    let Some(mut live) = live(&fleet) else { return };
    refresh(&mut live);
    std::fs::rename(fleet.path("out"), fleet.path("moved")).unwrap();
    std::os::unix::fs::symlink("moved", fleet.path("out")).unwrap();
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
}

/// What lies behind the link is not moved, and nothing is told of it.
#[test]
fn a_link_to_a_directory_leads_nowhere_when_the_directory_that_it_lies_in_is_moved() {
    let fleet = Fleet::told();
    for folder in ["in/a", "in/d", "out"] {
        fleet.folder(folder);
    }
    fleet.image("in/a/base", None);
    std::os::unix::fs::symlink("../a", fleet.path("in/d/link")).unwrap();
    fleet.image("in/overlay", Some("d/link/base"));
    let absolute = format!("file:{}", fleet.path("in/d/link/base").display());
    fleet.image("in/absolute", Some(&absolute));
    let Some(mut live) = live(&fleet) else { return };
    for (from, to) in [("in/d", "in/e"), ("in/e", "in/d"), ("in/d", "out/d"), ("out/d", "in/d")] {
        std::fs::rename(fleet.path(from), fleet.path(to)).unwrap();
        refresh(&mut live);
        for overlay in ["in/overlay", "in/absolute"] {
            let needs = needs(live.graph(), &fleet.path(overlay), &fleet.path("in/a/base"));
            assert_eq!(needs, to == "in/d", "{overlay}: {from} to {to}");
        }
        assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph), "{from} to {to}");
    }
}

/// What could not be entered was tried once more, by its path, and taken in although nobody could find it any more. Root
/// may do everything, and sees nothing of this.
#[test]
fn what_lies_in_a_directory_that_may_be_passed_through_and_not_listed_is_not_known() {
    use std::os::unix::fs::PermissionsExt as _;
    let fleet = Fleet::told();
    let _opened = Opened(&fleet);
    fleet.folder("in/a/b");
    fleet.image("in/a/b/0", None);
    fleet.image("in/overlay", Some("a/b/0"));
    let rights = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(fleet.path("in/a"), mode).unwrap();
    };
    rights(0o444);
    let Some(mut live) = live(&fleet) else { return };
    for mode in [0o111, 0o444, 0o755, 0o111, 0o755, 0o444, 0, 0o755] {
        rights(mode);
        refresh(&mut live);
        assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph), "{mode:o}");
    }
}

/// Everything below it lies on another host.
struct Remote;

impl Gate for Remote {
    fn pass(&self, _: &Path, _: Option<&CStr>) {}

    fn is_remote(&self, directory: &Path) -> bool {
        directory.components().any(|component| component.as_os_str() == "far")
    }
}

/// It was believed to be as it was for ever: nobody tells here of what is done there.
#[test]
fn a_root_on_another_host_is_asked_at_every_refresh() {
    let fleet = Fleet::new();
    fleet.folder("far/deep");
    fleet.folder("near");
    fleet.image("far/deep/base", None);
    fleet.image("near/overlay", Some("../far/deep/base"));
    let scan = || fleet.scan_of(["far", "near"]).gate(Arc::new(Remote));
    let Some(mut live) = live_of(scan()) else { return };
    for round in 0..3 {
        assert_eq!(refresh(&mut live), []);
        fleet.image(&format!("far/deep/{round}"), Some("base"));
        assert_eq!(refresh(&mut live), [(EventKind::Appeared, round.to_string())]);
        // What a rescan costs.
        let cost = live.scanned().statistics;
        assert_eq!((cost.directories, cost.listed, cost.opened), (3, 1, 1));
    }
    let fresh = settled(&scan().run(&crate::scan::Control::default()).unwrap().graph);
    assert_eq!(settled(live.graph()), fresh);
}
