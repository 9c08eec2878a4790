//! Files and folders that may not be read, asked as somebody whom permissions bind. The two
//! plain cases are in `acceptance.rs`.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{Fleet, identities, identity, items, path_of, paths_of};

fn close(path: &Path) {
    std::fs::set_permissions(path, Permissions::from_mode(0o000)).unwrap();
}

/// Dependents that are known are a "no", whatever else could not be asked.
#[test]
fn a_known_dependent_outweighs_a_doubt() {
    let fleet = Fleet::three();
    close(&fleet.base("closed.qcow2"));
    let answer = fleet.diskdag("can-rm").rooted().image("base.qcow2").json().unprivileged().go();
    let answer = answer.exits(4).scanned("can-rm");
    assert_eq!(answer["verdict"], "no");
    assert_eq!(answer["complete"], false);
    assert_eq!(items(&answer, "blockers").len(), 2);
}

#[test]
fn a_list_that_may_be_longer_says_so() {
    let fleet = Fleet::three();
    close(&fleet.overlay("closed.qcow2", "base.qcow2"));
    let ask = || fleet.diskdag("dependents").rooted().image("base.qcow2").unprivileged();
    let answer = ask().json().go().exits(7).scanned("dependents");
    assert_eq!(answer["complete"], false);
    assert_eq!(items(&answer, "dependents").len(), 2, "what is known is listed: {answer}");
    let answer = ask().go().exits(7);
    assert!(answer.text().contains("leaf.qcow2") && answer.text().contains("middle.qcow2"));
    assert!(String::from_utf8_lossy(&answer.stderr).contains("closed.qcow2"), "{}", answer.whole());
    let answer = ask().arg("--count").go().exits(7);
    assert_eq!(answer.text().trim(), "2");
}

#[test]
fn a_scan_prints_all_it_has_and_exits_7() {
    let fleet = Fleet::three();
    let file = fleet.base("closed.qcow2");
    let folder = fleet.folder("shut");
    fleet.base("shut/inside.qcow2");
    close(&file);
    close(&folder);
    let answer = fleet.diskdag("scan").rooted().arg(fleet.root()).json().unprivileged().go();
    let answer = answer.exits(7).scanned("scan");
    assert_eq!(answer["complete"], false);
    assert_eq!(identities(paths_of(&answer, "unreadable")), identities([file, folder]));
    assert!(answer["disks"].as_u64() >= Some(3), "{answer}");
    for verb in ["tree", "graph", "scan"] {
        let answer = fleet.diskdag(verb).rooted().arg(fleet.root()).unprivileged().go();
        answer.exits_one_of(if verb == "graph" { &[0, 7] } else { &[7] }).says("closed.qcow2");
    }
    // Nothing is closed to the same question elsewhere.
    fleet.diskdag("chain").image("leaf.qcow2").unprivileged().go().exits(0);
}

/// A backing file that may not be read ends the chain visibly, also inside of a closed folder.
#[test]
fn a_chain_into_the_dark() {
    let fleet = Fleet::new();
    let base = fleet.base("shut/base.qcow2");
    let middle = fleet.overlay("middle.qcow2", "shut/base.qcow2");
    fleet.overlay("leaf.qcow2", "middle.qcow2");
    for (closed, last) in [(fleet.path("shut"), &base), (middle.clone(), &middle)] {
        close(&closed);
        let answer = fleet.diskdag("chain").image("leaf.qcow2").json().unprivileged().go();
        let answer = answer.exits_one_of(&[6, 7]).object("chain");
        let chain = items(&answer, "chain");
        let end = chain.last().unwrap();
        assert_eq!(end["state"], "unreadable", "{answer}");
        assert_eq!(path_of(end), *last, "{answer}");
        std::fs::set_permissions(&closed, Permissions::from_mode(0o755)).unwrap();
    }
}

/// A closed backing file inside a folder that is listed is one doubt, not one for every child.
#[test]
fn a_closed_base_still_has_its_dependents() {
    let fleet = Fleet::three();
    let base = fleet.path("base.qcow2");
    close(&base);
    let ask = |name: &str| fleet.diskdag("can-rm").rooted().image(name).json().unprivileged().go();
    let answer = ask("base.qcow2").exits(4).scanned("can-rm");
    assert_eq!(items(&answer, "blockers").len(), 2);
    let answer = ask("leaf.qcow2").exits(7).scanned("can-rm");
    let doubts = items(&answer, "doubts");
    assert_eq!(doubts.len(), 1, "{answer}");
    assert_eq!(identity(path_of(&doubts[0])), identity(&base));
}

/// The folder of the scope itself.
#[test]
fn a_root_that_may_not_be_read() {
    let fleet = Fleet::three();
    let other = fleet.outside().join("other");
    std::fs::create_dir(&other).unwrap();
    close(&other);
    let ask = fleet.diskdag("can-rm").rooted().arg("--root").arg(&other).image("leaf.qcow2");
    let answer = ask.json().unprivileged().go().exits(7).scanned("can-rm");
    assert_eq!(identities(paths_of(&answer, "unreadable")), identities([&other]));
}

/// A root that does not exist is not an empty one.
#[test]
fn a_root_that_does_not_exist() {
    let fleet = Fleet::three();
    let gone = fleet.path("gone");
    let answer = fleet.diskdag("can-rm").rooted().arg("--root").arg(gone).image("leaf.qcow2").go();
    answer.exits_one_of(&[5, 7, 64]).says("gone");
}

/// Settings that may not be read are an error, never "no roots".
#[test]
fn settings_that_may_not_be_read() {
    let fleet = Fleet::three();
    fleet.diskdag("roots").arg("add").arg(fleet.root()).go().exits(0);
    fleet.diskdag("can-rm").image("leaf.qcow2").go().exits(0);
    close(&fleet.settings());
    let answer = fleet.diskdag("can-rm").image("leaf.qcow2").unprivileged().go();
    assert_ne!(answer.code, 0, "{}", answer.whole());
}

/// A reference into a folder that may not be entered: whether there is a pool cannot be looked up there, and
/// that is no failure. The doubt is the answer.
#[test]
fn a_reference_into_a_closed_folder_is_a_doubt_and_no_failure() {
    let fleet = Fleet::three();
    let folder = fleet.folder("shut");
    fleet.base("shut/inside.qcow2");
    fleet.overlay("reader.qcow2", "shut/inside.qcow2");
    close(&folder);
    let ask = |verb: &str| fleet.diskdag(verb).rooted().unprivileged();
    let answer = ask("can-rm").image("leaf.qcow2").json().go().exits(7).scanned("can-rm");
    assert_eq!(answer["verdict"], "unknown");
    for verb in ["tree", "scan"] {
        let _as_doubtful = ask(verb).arg(fleet.root()).go().exits_one_of(&[6, 7]);
    }
    let _as_doubtful = ask("dependents").image("leaf.qcow2").go().exits(7);
    // What is known outweighs it, even of what lies there.
    let _needed = ask("can-rm").image("shut/inside.qcow2").go().exits(4);
}
