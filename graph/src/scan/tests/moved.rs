//! Directories that are moved, removed and come, below one that is watched: what that costs, counted.

use super::fleet::Fleet;
use super::live::{live, refresh, settled};
use crate::DoubtKind;
use crate::scan::{EventKind, Live};

/// Forty directories of five images each; what is in each of them needs a base in another.
pub(super) fn forty() -> Fleet {
    let fleet = Fleet::told();
    for folder in 0..40 {
        fleet.folder(&format!("in/{folder}/below"));
        for number in 0..5 {
            let base = format!("../{}/0", (folder + 1) % 40);
            fleet.image(&format!("in/{folder}/{number}"), Some(&base));
        }
        fleet.image(&format!("in/{folder}/below/over"), Some("../1"));
    }
    fleet
}

/// Directories entered and listed, files asked by a `stat` and opened.
pub(super) fn cost(live: &Live) -> (u64, u64, u64, u64) {
    let cost = live.scanned().statistics;
    (cost.directories, cost.listed, cost.asked, cost.opened)
}

/// Every directory was entered, and everything made anew.
#[test]
fn a_directory_that_is_renamed_costs_what_lies_in_it() {
    let fleet = forty();
    let Some(mut live) = live(&fleet) else { return };
    let id = |live: &Live, name: &str| live.graph().find(&fleet.path(name)).unwrap();
    let before = id(&live, "in/17/3");
    std::fs::rename(fleet.path("in/17"), fleet.path("in/new")).unwrap();
    let events = refresh(&mut live);
    // Of that in which it lies, it, and the one below it, nothing but that they are there.
    assert_eq!(cost(&live), (3, 0, 0, 0));
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    // The same disk under another name; those of the directory before miss their base.
    assert_eq!(id(&live, "in/new/3"), before);
    assert!(events.contains(&(EventKind::Changed, "3".to_owned())), "{events:?}");
    assert!(events.contains(&(EventKind::Missing, "0".to_owned())), "{events:?}");

    // Below another: what it names from above it is somewhere else now.
    std::fs::rename(fleet.path("in/new"), fleet.path("in/5/17")).unwrap();
    refresh(&mut live);
    assert_eq!(cost(&live), (4, 0, 0, 0));
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    // It is watched where it is.
    fleet.image("in/5/17/below/newer", Some("over"));
    assert_eq!(refresh(&mut live), [(EventKind::Appeared, "newer".to_owned())]);
    assert_eq!(cost(&live), (1, 0, 0, 1));
    // And back, where it was missed.
    std::fs::rename(fleet.path("in/5/17"), fleet.path("in/17")).unwrap();
    refresh(&mut live);
    assert_eq!(cost(&live), (4, 0, 0, 0));
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    assert_eq!(id(&live, "in/17/3"), before);
    assert_eq!(refresh(&mut live), []);
}

#[test]
fn a_directory_that_is_removed_costs_a_look_at_where_it_was() {
    let fleet = forty();
    let Some(mut live) = live(&fleet) else { return };
    std::fs::remove_dir_all(fleet.path("in/17")).unwrap();
    let events = refresh(&mut live);
    assert_eq!(cost(&live), (1, 0, 0, 0));
    assert!(events.contains(&(EventKind::Gone, "3".to_owned())), "{events:?}");
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    // Another one of that name, which often gets its number too, and what was elsewhere.
    fleet.folder("in/17");
    std::fs::rename(fleet.path("in/3/0"), fleet.path("in/17/0")).unwrap();
    refresh(&mut live);
    assert_eq!(cost(&live), (3, 1, 0, 1));
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    fleet.image("in/17/later", Some("0"));
    assert_eq!(refresh(&mut live), [(EventKind::Appeared, "later".to_owned())]);
    // All at once.
    std::fs::remove_dir_all(fleet.path("in/17")).unwrap();
    fleet.folder("in/17");
    std::fs::rename(fleet.path("in/30"), fleet.path("in/17/30")).unwrap();
    std::fs::rename(fleet.path("in/31"), fleet.path("in/30")).unwrap();
    refresh(&mut live);
    assert_eq!(cost(&live), (6, 1, 0, 0));
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
}

/// What left is watched no more, and what comes is watched from then on.
#[test]
fn a_directory_that_leaves_the_scope_and_comes_back_is_read_once_more() {
    let fleet = forty();
    fleet.folder("out");
    let Some(mut live) = live(&fleet) else { return };
    std::fs::rename(fleet.path("in/17"), fleet.path("out/17")).unwrap();
    refresh(&mut live);
    assert_eq!(cost(&live), (1, 0, 0, 0));
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    fleet.image("out/17/new", Some("0"));
    assert_eq!(refresh(&mut live), []);
    std::fs::rename(fleet.path("out/17"), fleet.path("in/17")).unwrap();
    refresh(&mut live);
    assert_eq!(cost(&live), (3, 2, 0, 7));
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
}

/// In one move over all names of a scope, whose number does not matter.
#[test]
fn two_directories_that_change_places_are_seen_to() {
    let fleet = forty();
    let Some(mut live) = live(&fleet) else { return };
    std::fs::rename(fleet.path("in/17"), fleet.path("in/aside")).unwrap();
    std::fs::rename(fleet.path("in/23"), fleet.path("in/17")).unwrap();
    std::fs::rename(fleet.path("in/aside"), fleet.path("in/23")).unwrap();
    fleet.image("in/23/new", Some("0"));
    refresh(&mut live);
    assert_eq!(cost(&live), (5, 0, 0, 1));
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
}

/// Names in a path that is too long even for root. What cannot be entered is tried once more at every refresh, and had
/// every directory walked and everything made anew.
#[test]
fn a_directory_that_can_be_entered_no_more_is_a_doubt_at_the_cost_of_what_changed() {
    let fleet = forty();
    let Some(mut live) = live(&fleet) else { return };
    // 4096 is the most that Linux takes.
    let longest = 4090 - fleet.path("in/deep").as_os_str().len();
    let mut chain = String::from("in/deep");
    for level in 0..longest / 200 {
        chain += &format!("/{level:0>199}");
    }
    fleet.folder(&chain);
    fleet.image(&format!("{chain}/x"), None);
    refresh(&mut live);
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    let (levels, long) = (longest as u64 / 200, format!("in/{}", "d".repeat(200)));
    std::fs::rename(fleet.path("in/deep"), fleet.path(&long)).unwrap();
    let events = refresh(&mut live);
    assert_eq!(cost(&live), (1 + levels, 0, 0, 0));
    assert_eq!(events, [(EventKind::Gone, "x".to_owned())]);
    let doubts = &live.graph().coverage().doubts;
    assert_eq!((doubts.len(), doubts[0].kind), (1, DoubtKind::Directory));
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    // It stays one, whatever else happens.
    fleet.image("in/3/new", None);
    refresh(&mut live);
    assert_eq!(cost(&live), (1, 0, 0, 1));
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
    // And is none any more.
    std::fs::rename(fleet.path(&long), fleet.path("in/deep")).unwrap();
    assert_eq!(refresh(&mut live), [(EventKind::Appeared, "x".to_owned())]);
    assert_eq!(cost(&live), (2 + levels, 1, 0, 1));
    assert!(live.graph().coverage().doubts.is_empty());
    assert_eq!(settled(live.graph()), settled(&fleet.fresh().graph));
}
