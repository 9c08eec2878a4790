//! `orphans` and `what-if`: what could go, and what would come of changes that nobody has made.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Fleet, Image, items, path_of, text_of};

/// `base <- middle <- leaf`, `base <- spare`, and `alone`; the leaf is a sandbox's.
fn fleet() -> (Fleet, PathBuf) {
    let fleet = Fleet::three();
    fleet.overlay("spare.qcow2", "base.qcow2");
    fleet.base("alone.qcow2");
    let map = fleet.outside().join("map");
    std::fs::write(&map, "images/leaf.qcow2\tsandbox 17\n").unwrap();
    (fleet, map)
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{key} is no number in {value}"))
}

fn listed(fleet: &Fleet, names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(|name| fleet.path(name)).collect()
}

#[test]
fn orphans_are_what_nobody_names_and_nothing_of_use_needs() {
    let (fleet, map) = fleet();
    let ask = || fleet.diskdag("orphans").rooted().arg(fleet.root()).arg("--owners").arg(&map);
    let answer = ask().json().go().exits(0).scanned("orphans");
    let mut found: Vec<PathBuf> = items(&answer, "orphans").iter().map(path_of).collect();
    found.sort();
    assert_eq!(found, listed(&fleet, &["alone.qcow2", "spare.qcow2"]));
    let sum: u64 = items(&answer, "orphans").iter().map(|one| number(one, "frees")).sum();
    assert_eq!((number(&answer, "frees"), number(&answer, "orphans-total")), (sum, 2));
    assert!(sum > 0);
    ask().go().exits(0).says("spare.qcow2").says("2 disks").never_says("middle.qcow2");
    let answer = ask().args(["--limit", "1"]).json().go().exits(0).scanned("orphans");
    assert_eq!((items(&answer, "orphans").len(), number(&answer, "orphans-total")), (1, 2));
    // What is kept by hand keeps what it needs.
    let answer = ask().arg("--keep").arg(fleet.path("spare.qcow2")).json().go().exits(0);
    assert_eq!(paths_in(&answer.scanned("orphans")), listed(&fleet, &["alone.qcow2"]));
    let names = ask().arg("-0").any_bytes().go().exits(0).stdout;
    assert_eq!(names.iter().filter(|byte| **byte == 0).count(), 2);
    ask().arg("--keep").arg(fleet.path("gone.qcow2")).go().exits(5);
}

fn paths_in(answer: &Value) -> Vec<PathBuf> {
    items(answer, "orphans").iter().map(path_of).collect()
}

/// An empty list of owners is no owner; a list that nobody has given says nothing.
#[test]
fn without_anybody_who_says_what_is_of_use_there_are_no_orphans_to_name() {
    let (fleet, map) = fleet();
    fleet.diskdag("orphans").rooted().arg(fleet.root()).go().exits(64).says("--owners");
    std::fs::write(&map, "images/leaf.qcow2 no tab\n").unwrap();
    let ask = fleet.diskdag("orphans").rooted().arg(fleet.root()).arg("--owners").arg(&map);
    let answer = ask.json().go().exits(7).scanned("orphans");
    assert_eq!(text_of(&items(&answer, "doubts")[0], "kind"), "owner");
    // Nobody has declared that this is everywhere.
    std::fs::write(&map, "images/leaf.qcow2\tsandbox 17\n").unwrap();
    let ask = fleet.diskdag("orphans").image("leaf.qcow2").arg("--owners").arg(&map);
    ask.json().go().exits(7);
}

/// A snapshot is kept by its catalogue, and keeps what it needs.
#[test]
fn what_a_catalogue_lists_is_no_orphan() {
    let (fleet, map) = fleet();
    fleet.diskdag("init").arg(fleet.root()).go().exits(0);
    fleet.diskdag("snap").args(["create", "s1"]).image("spare.qcow2").go().exits(0);
    let ask = fleet.diskdag("orphans").rooted().arg(fleet.root()).arg("--owners").arg(&map);
    let answer = ask.json().go().exits(0).scanned("orphans");
    let mut found = paths_in(&answer);
    found.sort();
    assert_eq!(found, listed(&fleet, &["alone.qcow2", "spare.qcow2"]), "{answer}");
    let kept = items(&answer, "kept");
    assert_eq!(kept.len(), 1, "{answer}");
    assert_eq!(text_of(&kept[0], "kind"), "snapshot");
}

#[test]
fn what_would_have_to_be_done_first_is_tried_without_being_done() {
    let (fleet, _) = fleet();
    let ask = || fleet.diskdag("what-if").rooted();
    let before: Vec<Vec<u8>> = ["base.qcow2", "middle.qcow2", "leaf.qcow2"]
        .map(|name| std::fs::read(fleet.path(name)).unwrap())
        .to_vec();
    // Removed alone it breaks the leaf.
    let answer = ask().arg("--rm").image("middle.qcow2").json().go().exits(4).scanned("what-if");
    assert_eq!((&answer["verdict"], number(&answer, "blockers-total")), (&"no".into(), 1));
    assert_eq!(answer["broken"], serde_json::json!([fleet.path("leaf.qcow2")]));
    let missing = &items(&answer, "missing")[0];
    assert_eq!(path_of(missing), fleet.path("middle.qcow2"));
    assert_eq!(missing["needed-by"], answer["broken"]);
    // The leaf put on the base first: then it may go.
    let rebased = || ask().arg("--rebase").image("leaf.qcow2").image("base.qcow2");
    let answer =
        rebased().arg("--rm").image("middle.qcow2").json().go().exits(0).scanned("what-if");
    assert_eq!(answer["verdict"], "yes");
    assert_eq!(answer["frees"], answer["copies"], "the middle goes, and is taken over: {answer}");
    assert!(items(&answer, "broken").is_empty());
    assert_eq!((&answer["deepest-before"], &answer["deepest"]), (&2.into(), &1.into()));
    // Without the removal it is needed no more, and could go.
    let answer = rebased().json().go().exits(0).scanned("what-if");
    assert_eq!(answer["verdict"], Value::Null);
    let unneeded: Vec<PathBuf> = items(&answer, "unneeded").iter().map(path_of).collect();
    assert_eq!(unneeded, listed(&fleet, &["middle.qcow2"]));
    rebased().go().exits(0).says("needed no more").says("nothing was changed");
    let after = ["base.qcow2", "middle.qcow2", "leaf.qcow2"]
        .map(|name| std::fs::read(fleet.path(name)).unwrap());
    assert_eq!(before, after);
}

#[test]
fn a_flattened_top_leaves_its_whole_chain_unneeded_but_for_what_others_need() {
    let (fleet, _) = fleet();
    let ask = fleet.diskdag("what-if").rooted().arg("--flatten").image("leaf.qcow2");
    let answer = ask.json().go().exits(0).scanned("what-if");
    let unneeded: Vec<PathBuf> = items(&answer, "unneeded").iter().map(path_of).collect();
    assert_eq!(unneeded, listed(&fleet, &["middle.qcow2"]));
    let ask = fleet.diskdag("what-if").rooted().arg("--flatten").image("leaf.qcow2");
    let answer = ask.arg("--rm").image("spare.qcow2").json().go().exits(0).scanned("what-if");
    let unneeded: Vec<PathBuf> = items(&answer, "unneeded").iter().map(path_of).collect();
    assert_eq!(unneeded, listed(&fleet, &["base.qcow2", "middle.qcow2"]));
}

#[test]
fn a_cycle_and_a_chain_that_is_too_deep_are_foreseen() {
    let (fleet, _) = fleet();
    let ask = || fleet.diskdag("what-if").rooted();
    let answer = ask().arg("--rebase").image("base.qcow2").image("leaf.qcow2").json().go();
    let answer = answer.exits(6).scanned("what-if");
    assert_eq!(items(&answer, "cycles")[0].as_array().map(Vec::len), Some(3), "{answer}");
    let mut below = "alone.qcow2".to_owned();
    for depth in 1..64 {
        let name = format!("deep-{depth}.qcow2");
        fleet.overlay(&name, &below);
        below = name;
    }
    let answer = ask().arg("--create").image("next.qcow2").image(&below).json().go().exits(0);
    let answer = answer.scanned("what-if");
    let deep = &items(&answer, "deep")[0];
    assert_eq!((path_of(deep), number(deep, "depth")), (fleet.path("next.qcow2"), 64));
    let answer = ask().arg("--create").image("next.qcow2").image("deep-62.qcow2").json().go();
    assert!(items(&answer.exits(0).scanned("what-if"), "deep").is_empty());
    assert!(!fleet.path("next.qcow2").exists());
}

/// Nothing is removed, and what cannot be read may lie on what changes: 0 was given, and all would be well.
#[test]
fn changes_are_not_said_to_break_nothing_where_something_cannot_be_read() {
    let (fleet, _) = fleet();
    fleet.bytes("cut.qcow2", &Image::new().bytes()[..50]);
    let ask = || fleet.diskdag("what-if").rooted().arg("--flatten").image("leaf.qcow2");
    ask().go().exits(7).says("nothing that is known would be broken").says("cut.qcow2");
    assert!(!items(&ask().json().go().exits(7).scanned("what-if"), "doubts").is_empty());
}

#[test]
fn an_answer_without_a_verdict_began_with_an_empty_line() {
    let (fleet, _) = fleet();
    let ask = || fleet.diskdag("what-if").rooted();
    let answers = [
        ask().arg("--flatten").image("leaf.qcow2").go().exits(0),
        ask().arg("--rebase").image("base.qcow2").image("leaf.qcow2").go().exits(6),
        ask().arg("--mv").image("base.qcow2").image("moved.qcow2").go().exits(6),
        ask().arg("--create").image("new.qcow2").image("leaf.qcow2").go().exits(0),
    ];
    for answer in answers {
        let lines: Vec<&str> = answer.text().split('\n').collect();
        assert!(!lines[0].is_empty(), "{}", answer.whole());
    }
    // What follows a verdict is apart from it.
    let answer = ask().arg("--rm").image("base.qcow2").go().exits(4);
    assert!(answer.text().contains("\n\nwould be missing\n"), "{}", answer.whole());
}

#[test]
fn what_nothing_can_open_was_said_to_be_flattened_well() {
    let (fleet, _) = fleet();
    fleet.overlay("a.qcow2", "b.qcow2");
    fleet.overlay("b.qcow2", "a.qcow2");
    fleet.overlay("lost.qcow2", "gone.qcow2");
    let ask = |change: &str, images: &[&str]| {
        let paths = images.iter().map(|name| fleet.path(name));
        fleet.diskdag("what-if").rooted().arg(change).args(paths)
    };
    for (name, kind) in [("a.qcow2", "cycle"), ("lost.qcow2", "broken")] {
        let answer = ask("--flatten", &[name]).json().go().exits(6).scanned("what-if");
        let [one] = items(&answer, "hindered") else { panic!("{answer}") };
        assert_eq!(path_of(one), fleet.path(name));
        assert_eq!(text_of(&items(one, "by")[0], "kind"), kind, "{answer}");
        let text = ask("--flatten", &[name]).go().exits(6);
        text.says("cannot be done as things are").never_says("nothing would be broken");
        // Pointed elsewhere it can be opened again: nothing is the worse for it.
        let answer = ask("--rebase", &[name, "base.qcow2"]).json().go().exits(0);
        assert_eq!(items(&answer.scanned("what-if"), "hindered").len(), 1);
    }
    // Nor is what it needs free to go then.
    let answer = ask("--flatten", &["a.qcow2"]).arg("--rm").image("b.qcow2").json().go();
    assert_eq!(answer.exits(4).scanned("what-if")["verdict"], "no");
    let answer = ask("--flatten", &["a.qcow2"]).arg("--rm").image("spare.qcow2").json().go();
    assert_eq!(answer.exits(6).scanned("what-if")["verdict"], "yes");
    let answer = ask("--flatten", &["leaf.qcow2"]).json().go().exits(0).scanned("what-if");
    assert!(items(&answer, "hindered").is_empty(), "{answer}");
}

#[test]
fn a_change_that_makes_no_sense_is_refused() {
    let (fleet, _) = fleet();
    let ask = || fleet.diskdag("what-if").rooted();
    ask().go().exits(64);
    ask().arg("--rm").image("gone.qcow2").go().exits(5);
    ask().arg("--rebase").image("leaf.qcow2").image("gone.qcow2").go().exits(5);
    ask().arg("--create").image("leaf.qcow2").image("base.qcow2").go().exits(64);
    let twice = ask().arg("--flatten").image("leaf.qcow2").arg("--rebase").image("leaf.qcow2");
    twice.image("base.qcow2").go().exits(64);
}

/// A move by hand breaks those who name the old path, and what the image itself names from its directory.
#[test]
fn who_loses_a_disk_that_moves_and_what_it_loses_is_told() {
    let (fleet, _) = fleet();
    std::fs::create_dir(fleet.path("golden")).unwrap();
    let ask =
        || fleet.diskdag("what-if").rooted().arg("--mv").image("middle.qcow2").image("golden");
    let answer = ask().json().go().exits(6).scanned("what-if");
    let told = |key: &str| -> Vec<(PathBuf, String, Value)> {
        let repoint = items(&answer, "repoint").iter();
        repoint
            .map(|one| (path_of(one), text_of(one, "name").to_owned(), one[key].clone()))
            .collect()
    };
    let (leaf, moved) = (fleet.path("leaf.qcow2"), fleet.path("golden/middle.qcow2"));
    let base = fleet.path("base.qcow2");
    let pair = |path: &PathBuf, name: &str, to: &PathBuf| {
        (path.clone(), name.to_owned(), serde_json::json!(to))
    };
    let expected = [pair(&moved, "base.qcow2", &base), pair(&leaf, "middle.qcow2", &moved)];
    assert_eq!(told("to"), expected, "{answer}");
    assert!(told("finds").iter().all(|(.., finds)| finds.is_null()), "{answer}");
    assert_eq!(answer["broken"], serde_json::json!([moved, leaf]));
    assert_eq!((&answer["verdict"], number(&answer, "copies")), (&Value::Null, 0));
    ask().go().exits(6).says("would have to be re-pointed").says("golden/middle.qcow2");
    // Re-pointed in the same set, both, all is well.
    let ask = ask().arg("--rebase").image("leaf.qcow2").image("golden/middle.qcow2");
    let ask = ask.arg("--rebase").image("middle.qcow2").image("base.qcow2");
    let answer = ask.json().go().exits(0).scanned("what-if");
    assert!(items(&answer, "missing").is_empty() && items(&answer, "repoint").is_empty());
    assert!(fleet.path("middle.qcow2").exists() && !fleet.path("golden/middle.qcow2").exists());
}

/// `mv` says nothing when it replaces a disk that others read through.
#[test]
fn a_disk_that_a_move_would_replace_is_judged_as_if_it_were_removed() {
    let (fleet, map) = fleet();
    let ask = || fleet.diskdag("what-if").rooted().arg("--mv").image("spare.qcow2");
    let answer = ask().image("middle.qcow2").json().go().exits(4).scanned("what-if");
    assert_eq!(answer["verdict"], "no");
    assert_eq!(answer["replaced"], serde_json::json!([fleet.path("middle.qcow2")]));
    assert_eq!(path_of(&items(&answer, "blockers")[0]), fleet.path("leaf.qcow2"));
    let repoint = &items(&answer, "repoint")[0];
    assert_eq!((path_of(repoint), &repoint["to"]), (fleet.path("leaf.qcow2"), &Value::Null));
    assert_eq!(repoint["finds"], serde_json::json!(fleet.path("middle.qcow2")));
    // It is the one that was there first which goes, wherever the other is moved on to.
    let onward = ask().image("leaf.qcow2").arg("--mv").image("leaf.qcow2").image("onward.qcow2");
    let answer = onward.json().go().exits(0).scanned("what-if");
    assert_eq!(answer["verdict"], "yes", "{answer}");
    // Nothing needs this one, but its owner would find another in its place.
    let ask = ask().image("leaf.qcow2").arg("--owners").arg(&map);
    std::fs::write(&map, "images/spare.qcow2\tsandbox 17\n").unwrap();
    let answer = ask.json().go().exits(6).scanned("what-if");
    assert_eq!(answer["verdict"], "yes", "{answer}");
    assert_eq!(text_of(&items(&answer, "owners")[0], "owner"), "sandbox 17");
}

/// A snapshot taken by hand: what stood on the disk stands on its new overlay, and reads the same.
#[test]
fn who_finds_an_overlay_of_what_it_needs_is_told_so_and_not_called_broken() {
    let (fleet, _) = fleet();
    let ask =
        fleet.diskdag("what-if").rooted().arg("--mv").image("middle.qcow2").image("old.qcow2");
    let ask = ask.arg("--create").image("middle.qcow2").image("old.qcow2");
    let answer = ask.json().go().exits(0).scanned("what-if");
    let repoint = &items(&answer, "repoint")[0];
    assert_eq!(
        (path_of(repoint), &repoint["finds-overlay"]),
        (fleet.path("leaf.qcow2"), &true.into())
    );
    assert_eq!((number(&answer, "deepest-before"), number(&answer, "deepest")), (2, 3));
}
