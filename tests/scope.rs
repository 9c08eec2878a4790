//! Where an answer looks: `--root`, else DISKDAG_ROOTS, else the configured roots, else the
//! image's own folder, and then it says so.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Fleet, Image, identities, identity, items, path_of, paths_of};

/// A base in one folder, its overlay in another; a leaf beside the base.
fn two_folders() -> (Fleet, [PathBuf; 2]) {
    let fleet = Fleet::new();
    fleet.base("one/base.qcow2");
    fleet.base("one/leaf.qcow2");
    fleet.overlay("two/over.qcow2", "../one/base.qcow2");
    let folders = [fleet.path("one"), fleet.path("two")];
    (fleet, folders)
}

#[track_caller]
fn looked_at(answer: &Value, source: &str, folders: &[&Path]) {
    assert_eq!(answer["scope-source"], source, "{answer}");
    let scope = items(answer, "scope").iter().map(|path| path.as_str().unwrap());
    assert_eq!(identities(scope), identities(folders), "{answer}");
}

#[test]
fn the_flag() {
    let (fleet, [one, two]) = two_folders();
    let ask = fleet.diskdag("can-rm").arg("--root").arg(&one).image("one/base.qcow2");
    looked_at(&ask.json().go().exits(0).scanned("can-rm"), "flag", &[&one]);
    let ask = fleet.diskdag("can-rm").arg("--root").arg(&one).arg("--root").arg(&two);
    let answer = ask.image("one/base.qcow2").json().go().exits(4).scanned("can-rm");
    looked_at(&answer, "flag", &[&one, &two]);
    assert_eq!(items(&answer, "blockers").len(), 1);
}

#[test]
fn the_environment() {
    let (fleet, [one, two]) = two_folders();
    let ask = || fleet.diskdag("can-rm").image("one/base.qcow2").json();
    let answer = ask().env("DISKDAG_ROOTS", &one).go().exits(0).scanned("can-rm");
    looked_at(&answer, "env", &[&one]);
    let both = std::env::join_paths([&one, &two]).unwrap();
    let answer = ask().env("DISKDAG_ROOTS", both).go().exits(4).scanned("can-rm");
    looked_at(&answer, "env", &[&one, &two]);
    // Set to nothing is not set.
    let answer = ask().env("DISKDAG_ROOTS", "").go().exits(7).scanned("can-rm");
    assert_eq!(answer["scope-source"], "assumed");
}

#[test]
fn the_settings() {
    let (fleet, [one, two]) = two_folders();
    let ask = || fleet.diskdag("can-rm").image("one/base.qcow2").json();
    fleet.diskdag("roots").arg("add").arg(&one).go().exits(0);
    looked_at(&ask().go().exits(0).scanned("can-rm"), "config", &[&one]);
    fleet.diskdag("roots").arg("add").arg(&two).go().exits(0);
    looked_at(&ask().go().exits(4).scanned("can-rm"), "config", &[&one, &two]);
    fleet.diskdag("roots").arg("rm").arg(&two).go().exits(0);
    looked_at(&ask().go().exits(0).scanned("can-rm"), "config", &[&one]);
    fleet.diskdag("roots").arg("rm").arg(&one).go().exits(0);
    assert_eq!(ask().go().exits(7).scanned("can-rm")["scope-source"], "assumed");
}

#[test]
fn the_nearer_declaration_wins() {
    let (fleet, [one, two]) = two_folders();
    fleet.diskdag("roots").arg("add").arg(&two).go().exits(0);
    let ask = || fleet.diskdag("can-rm").image("one/leaf.qcow2").json();
    looked_at(&ask().go().scanned("can-rm"), "config", &[&two]);
    let answer = ask().env("DISKDAG_ROOTS", fleet.root()).go().exits(0).scanned("can-rm");
    looked_at(&answer, "env", &[&fleet.root()]);
    let ask = ask().env("DISKDAG_ROOTS", fleet.root()).arg("--root").arg(&one);
    looked_at(&ask.go().exits(0).scanned("can-rm"), "flag", &[&one]);
}

/// With nothing declared the image's folder is searched: that can find a dependent, but never
/// that there is none.
#[test]
fn nothing_declared() {
    let (fleet, [one, _]) = two_folders();
    let ask = |name: &str| fleet.diskdag("can-rm").image(name).json().go();
    let answer = ask("one/base.qcow2").exits(7).scanned("can-rm");
    looked_at(&answer, "assumed", &[&one]);
    assert_eq!(answer["verdict"], "unknown");
    fleet.overlay("one/near.qcow2", "base.qcow2");
    let answer = ask("one/base.qcow2").exits(4).scanned("can-rm");
    assert_eq!(answer["verdict"], "no");
    assert_eq!(
        identities(paths_of(&answer, "blockers")),
        identities([fleet.path("one/near.qcow2")])
    );
    for words in ["--root", "DISKDAG_ROOTS", "roots add"] {
        let answer = fleet.diskdag("can-rm").image("one/leaf.qcow2").go();
        answer.exits(7).says(words);
    }
    // The folder is the image's, not the one in which the question was asked.
    let ask = fleet.diskdag("can-rm").arg("../one/near.qcow2").json().within(fleet.path("two"));
    looked_at(&ask.go().exits(7).scanned("can-rm"), "assumed", &[&one]);
}

#[test]
fn roots_are_listed_kept_and_forgotten() {
    let (fleet, [one, two]) = two_folders();
    let list = || fleet.diskdag("roots").arg("list").go().exits(0);
    assert_eq!(list().text().trim(), "");
    // By a relative path: what is kept must not depend on where it was said.
    fleet.diskdag("roots").args(["add", "images/two"]).go().exits(0);
    fleet.diskdag("roots").arg("add").arg(&one).go().exits(0);
    fleet.diskdag("roots").arg("add").arg(&one).go().exits(0);
    let listed = list();
    let lines: Vec<_> = listed.text().lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, folder) in lines.iter().zip([&two, &one]) {
        assert!(Path::new(line).is_absolute(), "{line}");
        assert!(identities(&lines).contains(&identity(folder)), "{lines:?}");
    }
    fleet.diskdag("roots").args(["list", "--json"]).go().exits(0).object("roots");
    fleet.diskdag("roots").args(["rm", "two"]).within(fleet.root()).go().exits(0);
    assert_eq!(list().text().lines().count(), 1);
    // What is not there cannot be taken out, and what does not exist cannot be put in.
    fleet.diskdag("roots").arg("rm").arg(&two).go().exits(5);
    fleet.diskdag("roots").arg("add").arg(fleet.path("gone")).go().exits(5);
    assert_eq!(list().text().lines().count(), 1);
    // A root that has gone can still be taken out.
    std::fs::rename(&one, fleet.path("renamed")).unwrap();
    fleet.diskdag("roots").arg("rm").arg(&one).go().exits(0);
    assert_eq!(list().text().trim(), "");
}

/// A configured root that is not there (a disk not mounted) is a gap in the answer.
#[test]
fn a_configured_root_that_has_gone_is_a_doubt() {
    let (fleet, [one, two]) = two_folders();
    for folder in [&one, &two] {
        fleet.diskdag("roots").arg("add").arg(folder).go().exits(0);
    }
    std::fs::rename(&two, fleet.path("renamed")).unwrap();
    let answer = fleet.diskdag("can-rm").image("one/base.qcow2").go();
    answer.exits_one_of(&[5, 7]).says("two");
}

/// One root inside of another is searched once.
#[test]
fn overlapping_roots() {
    let (fleet, [one, _]) = two_folders();
    let ask = fleet.diskdag("scan").rooted().arg("--root").arg(&one).arg(fleet.root()).json();
    let answer = ask.go().exits(0).scanned("scan");
    assert_eq!(answer["disks"], 3);
    assert_eq!(answer["edges"], 1);
}

/// Folders are searched through; links to folders lead out of the tree and may lead round in
/// circles.
#[test]
fn links_to_folders_do_not_lead_in_circles() {
    let (fleet, [one, _]) = two_folders();
    std::os::unix::fs::symlink(fleet.root(), one.join("round")).unwrap();
    std::os::unix::fs::symlink(".", one.join("here")).unwrap();
    let answer = fleet.diskdag("scan").rooted().arg(fleet.root()).json().go().exits_one_of(&[0, 7]);
    assert_eq!(answer.scanned("scan")["disks"], 3);
    fleet.diskdag("can-rm").rooted().image("one/base.qcow2").go().exits(4);
}

/// What lies behind a link to a folder is in scope: the link was put there to be followed.
#[test]
fn links_to_folders_are_followed() {
    let fleet = Fleet::new();
    let base = fleet.base("base.qcow2");
    let elsewhere = fleet.outside().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::write(elsewhere.join("over.qcow2"), Image::over(&base).bytes()).unwrap();
    std::os::unix::fs::symlink(&elsewhere, fleet.path("linked")).unwrap();
    fleet.diskdag("can-rm").rooted().arg(&base).go().exits(4).says("over.qcow2");
    // One that leads nowhere leads to no image.
    std::fs::remove_dir_all(&elsewhere).unwrap();
    fleet.diskdag("can-rm").rooted().arg(&base).go().exits(0);
}

/// A root may itself be a link.
#[test]
fn a_root_by_a_link() {
    let (fleet, _) = two_folders();
    let link = fleet.outside().join("link");
    std::os::unix::fs::symlink(fleet.root(), &link).unwrap();
    let ask = fleet.diskdag("can-rm").arg("--root").arg(&link).image("one/base.qcow2");
    ask.go().exits(4).says("over.qcow2");
    let ask = fleet.diskdag("can-rm").rooted().arg(link.join("one/base.qcow2"));
    ask.go().exits(4).says("over.qcow2");
}

/// Hidden folders are folders.
#[test]
fn hidden_files_and_folders_are_searched() {
    let fleet = Fleet::new();
    fleet.base("base.qcow2");
    fleet.overlay(".hidden/.over", "../base.qcow2");
    fleet.diskdag("can-rm").rooted().image("base.qcow2").go().exits(4).says(".over");
}

/// What is beside an image that lies in none of the declared folders was not asked: never a yes.
#[test]
fn an_image_outside_of_every_declared_root_may_not_simply_go() {
    let fleet = Fleet::three();
    let elsewhere = fleet.outside().join("elsewhere");
    std::fs::create_dir_all(&elsewhere).unwrap();
    let image = fleet.path("leaf.qcow2");
    let answer = fleet.diskdag("can-rm").arg("--root").arg(&elsewhere).arg(&image).json().go();
    let answer = answer.exits(7).object("can-rm");
    assert_eq!(answer["doubts"][0]["kind"], "out-of-scope", "{answer}");
    fleet.diskdag("can-rm").arg("--root").arg(&elsewhere).arg(&image).go().exits(7).says("--root");
}

/// Whoever led to it: beside what is only the end of a reference nobody looked either.
#[test]
fn a_base_outside_of_every_declared_root_may_not_go_with_its_overlays() {
    let fleet = Fleet::new();
    let elsewhere = fleet.outside().join("elsewhere");
    std::fs::create_dir_all(&elsewhere).unwrap();
    std::fs::write(elsewhere.join("base.qcow2"), Image::new().bytes()).unwrap();
    std::fs::write(elsewhere.join("mid.qcow2"), Image::over("base.qcow2").bytes()).unwrap();
    fleet.overlay("leaf.qcow2", elsewhere.join("mid.qcow2"));
    let ask = |verb: &str| fleet.diskdag(verb).rooted();
    let outside = |answer: &Value, key: &str| -> Vec<PathBuf> {
        let all = items(answer, key).iter().filter(|doubt| doubt["kind"] == "out-of-scope");
        all.map(path_of).collect()
    };
    // Asked about by name, and known by its overlay.
    let all = ["base.qcow2", "mid.qcow2"].map(|name| elsewhere.join(name));
    let answer = ask("can-rm").args(&all).image("leaf.qcow2").json().go().exits(7);
    let answer = answer.object("can-rm");
    assert_eq!((&answer["verdict"], outside(&answer, "doubts")), (&"unknown".into(), all.to_vec()));
    assert_eq!(
        (&answer["complete"], outside(&answer, "unreadable")),
        (&false.into(), all.to_vec())
    );
    ask("can-rm").image("leaf.qcow2").go().exits(0);
    let answer = ask("can-rm").arg(&all[0]).json().go().exits(4).object("can-rm");
    assert_eq!(outside(&answer, "doubts"), all[..1]);
    // Who needs what is between was not asked.
    let answer = ask("dependents").arg(&all[0]).json().go().exits(7).object("dependents");
    assert_eq!(outside(&answer, "unreadable"), all);
    ask("dependents").arg(&all[0]).go().exits(7).says("--root");
    ask("dependents").image("leaf.qcow2").go().exits(0);
    // The forest is all that was found; about one disk it is an answer.
    for verb in ["tree", "du", "graph", "scan"] {
        ask(verb).go().exits(0);
        ask(verb).arg(&all[1]).go().exits(7).says("out-of-scope").says("--root");
    }
    // Who else loses what is moved is not known.
    let away = elsewhere.join("away.qcow2");
    let moved = ask("what-if").arg("--mv").arg(&all[1]).arg(&away).json().go();
    let answer = moved.exits(7).object("what-if");
    assert_eq!(outside(&answer, "doubts"), all[1..]);
    let put = ask("what-if").arg("--rebase").image("leaf.qcow2").arg(&all[0]).go();
    put.exits(0).says("nothing would be broken");
    // With everything asked all is known.
    let both = || ask("can-rm").arg("--root").arg(&elsewhere);
    both().args(&all).image("leaf.qcow2").go().exits(0);
    // So it is where a person knows it.
    fleet.diskdag("waive").arg(&all[0]).args(["--reason", "ours alone"]).go().exits(0);
    fleet.diskdag("waive").arg(&all[1]).args(["--reason", "ours alone"]).go().exits(0);
    let answer = ask("can-rm").args(&all).image("leaf.qcow2").json().go().exits(0);
    assert_eq!(items(&answer.object("can-rm"), "waived").len(), 2);
}
