//! The lines by which the command was accepted, as they were written.
//!
//! ```console
//! $ diskdag scan --root /images /images                   0, or 6 with every problem named
//! $ diskdag can-rm --root /images /images/golden.qcow2    4, all dependents at any depth named
//! $ diskdag can-rm --root /images /images/leaf.qcow2      0; 4 while qemu-nbd holds it
//! $ diskdag can-rm /images/leaf.qcow2                     7: scope assumed, and how to declare it
//! $ chmod 000 /images/x (as a user)
//! $ diskdag can-rm --root /images /images/leaf.qcow2      7, x named
//! ```

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Fleet, identities, items, path_of, paths_of, require_qemu, text_of};

/// `golden <- vm <- vm-1 … vm-11 <- leaf`: deeper than any walk that stops at a round number,
/// and one more overlay of golden in another folder.
fn fleet() -> (Fleet, Vec<String>) {
    let fleet = Fleet::new();
    fleet.base("golden.qcow2");
    let mut dependents = Vec::new();
    let mut below = "golden.qcow2".to_owned();
    for depth in 1..=11 {
        let name = format!("vm-{depth}.qcow2");
        fleet.overlay(&name, &below);
        dependents.push(name.clone());
        below = name;
    }
    fleet.overlay("leaf.qcow2", &below);
    fleet.overlay("elsewhere/other.qcow2", "../golden.qcow2");
    dependents.extend(["leaf.qcow2".to_owned(), "elsewhere/other.qcow2".to_owned()]);
    (fleet, dependents)
}

#[test]
fn scan_of_a_sound_fleet_exits_0() {
    let (fleet, dependents) = fleet();
    let answer = fleet.diskdag("scan").rooted().arg(fleet.root()).json().go().exits(0);
    let scan = answer.scanned("scan");
    assert_eq!(scan["disks"], dependents.len() + 1);
    assert_eq!(scan["edges"], dependents.len());
    assert_eq!(scan["bases"], 1);
    assert_eq!(scan["overlays"], dependents.len());
    assert_eq!(scan["complete"], true);
    assert_eq!(scan["scope-source"], "flag");
    for key in ["missing", "cycles", "unreadable", "findings"] {
        assert!(items(&scan, key).is_empty(), "{key}: {}", scan[key]);
    }
    fleet.diskdag("scan").rooted().arg(fleet.root()).go().exits(0);
}

#[test]
fn scan_of_a_broken_fleet_exits_6_with_every_problem_named() {
    let (fleet, _) = fleet();
    fleet.overlay("orphaned.qcow2", "gone.qcow2");
    fleet.overlay("ring-a.qcow2", "ring-b.qcow2");
    fleet.overlay("ring-b.qcow2", "ring-a.qcow2");
    let scan = fleet.diskdag("scan").rooted().arg(fleet.root()).json().go().exits(6);
    let scan = scan.scanned("scan");
    let missing = items(&scan, "missing");
    assert_eq!(missing.len(), 1, "{scan}");
    assert!(text_of(&missing[0], "path").ends_with("/gone.qcow2"), "{scan}");
    assert!(missing[0]["needed-by"][0].as_str().unwrap().ends_with("/orphaned.qcow2"), "{scan}");
    let cycles = items(&scan, "cycles");
    assert_eq!(cycles.len(), 1, "{scan}");
    let members = cycles[0].as_array().unwrap().iter().map(|member| member.as_str().unwrap());
    let ring = identities([fleet.path("ring-a.qcow2"), fleet.path("ring-b.qcow2")]);
    assert_eq!(identities(members), ring);

    let mut text = fleet.diskdag("scan").rooted().arg(fleet.root()).go().exits(6);
    for name in ["gone.qcow2", "orphaned.qcow2", "ring-a.qcow2", "ring-b.qcow2"] {
        text = text.says(name);
    }
}

#[test]
fn a_golden_image_may_not_go_and_all_dependents_are_named() {
    let (fleet, dependents) = fleet();
    let answer = fleet.diskdag("can-rm").rooted().image("golden.qcow2").json().go().exits(4);
    let answer = answer.scanned("can-rm");
    assert_eq!(answer["verdict"], "no");
    let blockers = identities(paths_of(&answer, "blockers"));
    assert_eq!(blockers, identities(dependents.iter().map(|name| fleet.path(name))));
    for blocker in items(&answer, "blockers") {
        assert_eq!(blocker["kind"], "dependent", "{blocker}");
        let name = path_of(blocker).file_name().unwrap().to_string_lossy().into_owned();
        let depth = match name.strip_prefix("vm-").and_then(|rest| rest.strip_suffix(".qcow2")) {
            Some(depth) => depth.parse().unwrap(),
            None if name == "leaf.qcow2" => 12,
            None => 1,
        };
        assert_eq!(blocker["depth"], depth, "{blocker}");
    }
    let mut text = fleet.diskdag("can-rm").rooted().image("golden.qcow2").go().exits(4);
    for name in &dependents {
        text = text.says(name);
    }
}

#[test]
fn a_leaf_may_go() {
    let (fleet, _) = fleet();
    let answer = fleet.diskdag("can-rm").rooted().image("leaf.qcow2").json().go().exits(0);
    let answer = answer.scanned("can-rm");
    assert_eq!(answer["verdict"], "yes");
    assert!(items(&answer, "blockers").is_empty() && items(&answer, "doubts").is_empty());
    let checked = items(&answer, "checked");
    for layer in ["headers", "locks"] {
        assert!(checked.iter().any(|entry| entry == layer), "{layer} is not in {checked:?}");
    }
    let images = items(&answer, "images");
    assert_eq!(images.len(), 1);
    assert_eq!(images[0]["verdict"], "yes");
    assert!(answer["frees"].as_u64().is_some(), "{answer}");
    assert_eq!(images[0]["frees"], answer["frees"]);
    fleet.diskdag("can-rm").rooted().image("leaf.qcow2").go().exits(0);
}

#[test]
fn a_leaf_may_not_go_while_qemu_nbd_holds_it() {
    let Some(qemu) = require_qemu() else { return };
    let (fleet, _) = fleet();
    let leaf = fleet.path("leaf.qcow2");
    let held = qemu.serve(&leaf, &fleet.outside().join("nbd"));
    let answer = fleet.diskdag("can-rm").rooted().arg(&leaf).json().go().exits(4);
    let answer = answer.scanned("can-rm");
    assert_eq!(answer["verdict"], "no");
    let blockers = items(&answer, "blockers");
    assert!(blockers.iter().any(|blocker| blocker["kind"] == "in-use"), "{answer}");
    fleet.diskdag("can-rm").rooted().arg(&leaf).go().exits(4).says("leaf.qcow2");
    held.release();
    fleet.diskdag("can-rm").rooted().arg(&leaf).go().exits(0);
}

#[test]
fn without_a_declared_scope_the_answer_is_unknown_and_says_how_to_declare_it() {
    let (fleet, _) = fleet();
    let answer = fleet.diskdag("can-rm").image("leaf.qcow2").go().exits(7);
    answer.says("--root").says("assumed");
    let answer = fleet.diskdag("can-rm").image("leaf.qcow2").json().go().exits(7);
    let answer = answer.scanned("can-rm");
    assert_eq!(answer["verdict"], "unknown");
    assert_eq!(answer["scope-source"], "assumed");
}

#[test]
fn a_closed_file_makes_the_answer_unknown_and_is_named() {
    let (fleet, _) = fleet();
    let closed = fleet.overlay("x", "unknown-to-us.qcow2");
    std::fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
    let ask = || fleet.diskdag("can-rm").rooted().image("leaf.qcow2").unprivileged();
    ask().go().exits(7).says("/x");
    let answer = ask().json().go().exits(7);
    let answer = answer.scanned("can-rm");
    assert_eq!(answer["verdict"], "unknown");
    assert_eq!(answer["complete"], false);
    assert_eq!(identities(paths_of(&answer, "doubts")), identities([&closed]));
    assert_eq!(identities(paths_of(&answer, "unreadable")), identities([&closed]));
}

#[test]
fn a_closed_folder_makes_the_answer_unknown_and_is_named() {
    let (fleet, _) = fleet();
    let closed = fleet.folder("shut");
    fleet.overlay("shut/hidden.qcow2", "../leaf.qcow2");
    std::fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
    let ask = || fleet.diskdag("can-rm").rooted().image("leaf.qcow2").unprivileged();
    ask().go().exits(7).says("/shut");
    let answer = ask().json().go().exits(7);
    let answer = answer.scanned("can-rm");
    assert_eq!(answer["verdict"], "unknown");
    assert_eq!(identities(paths_of(&answer, "doubts")), identities([&closed]));
    assert_eq!(identities(paths_of(&answer, "unreadable")), identities([&closed]));
}
