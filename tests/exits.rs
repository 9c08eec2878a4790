//! Exit codes, and which of several wins: 64, 75, 8, 1, 5, 4, 7, 6.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Fleet, Image, items, text_of};

#[test]
fn usage_is_64() {
    let fleet = Fleet::three();
    for arguments in [
        vec!["can-rm"],
        vec!["can-rm", "--nonsense", "x"],
        vec!["no-such-verb"],
        vec!["why", "one-only"],
        vec!["dependents"],
        vec!["chain"],
        vec!["graph", "--format"],
        vec!["waive", "x"],
        vec!["roots", "nonsense"],
    ] {
        let answer = fleet.diskdag(arguments[0]).args(&arguments[1..]).go().exits(64);
        assert!(answer.stdout.is_empty(), "{}", answer.whole());
        assert!(!answer.stderr.is_empty());
    }
}

#[test]
fn not_found_is_5() {
    let fleet = Fleet::three();
    for verb in ["can-rm", "dependents", "chain"] {
        let answer = fleet.diskdag(verb).rooted().image("nothing.qcow2").go().exits(5);
        assert!(String::from_utf8_lossy(&answer.stderr).contains("nothing.qcow2"));
        let answer = fleet.diskdag(verb).rooted().image("no/such/folder").go();
        answer.exits(5);
    }
    fleet.diskdag("scan").arg(fleet.path("gone")).go().exits(5);
    fleet.diskdag("why").rooted().image("base.qcow2").image("gone.qcow2").go().exits(5);
}

/// A name that a cut-off loop variable leaves behind.
#[test]
fn an_empty_name_is_never_an_answer() {
    let fleet = Fleet::three();
    fleet.diskdag("can-rm").rooted().arg("").go().exits_one_of(&[5, 64]);
}

/// What is not a disk cannot be asked about as one.
#[test]
fn a_folder_is_no_image() {
    let fleet = Fleet::three();
    let answer = fleet.diskdag("can-rm").rooted().arg(fleet.root()).go();
    answer.exits_one_of(&[1, 5, 64]);
    let answer = fleet.diskdag("chain").arg(fleet.root()).go();
    assert_ne!(answer.code, 0);
}

/// An error is on standard error for people, and on standard output too for programs.
#[test]
fn errors_in_json() {
    let fleet = Fleet::three();
    for verb in ["can-rm", "dependents", "chain"] {
        let answer = fleet.diskdag(verb).rooted().image("nothing.qcow2").json().go().exits(5);
        let error = answer.object("error");
        assert_eq!(error["exit"], 5, "{error}");
        assert!(text_of(&error, "error").contains("nothing.qcow2"), "{error}");
        assert!(!text_of(&error, "kind").is_empty());
        assert!(!answer.stderr.is_empty(), "people read standard error");
    }
}

/// 5 before 4: one image of the set does not exist, another is needed.
#[test]
fn not_found_before_refused() {
    let fleet = Fleet::three();
    fleet.diskdag("can-rm").rooted().image("base.qcow2").image("gone.qcow2").go().exits(5);
}

/// 64 before 5.
#[test]
fn usage_before_not_found() {
    let fleet = Fleet::three();
    fleet.diskdag("can-rm").rooted().image("gone.qcow2").arg("--nonsense").go().exits(64);
}

/// 4 before 7: who is known to need it is enough.
#[test]
fn refused_before_unknown() {
    let fleet = Fleet::three();
    fleet.bytes("cut.qcow2", &Image::new().bytes()[..50]);
    let answer = fleet.diskdag("can-rm").rooted().image("base.qcow2").json().go().exits(4);
    assert_eq!(items(&answer.scanned("can-rm"), "blockers").len(), 2);
    fleet.diskdag("can-rm").rooted().image("leaf.qcow2").go().exits(7);
    // Also when nothing was declared.
    fleet.diskdag("can-rm").image("base.qcow2").go().exits(4);
}

/// 7 before 6: a broken chain and a file that cannot be read.
#[test]
fn incomplete_before_broken() {
    let fleet = Fleet::three();
    fleet.overlay("broken.qcow2", "gone.qcow2");
    let scan = || fleet.diskdag("scan").rooted().arg(fleet.root()).unprivileged();
    scan().go().exits(6);
    let closed = fleet.base("closed.qcow2");
    std::fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
    let answer = scan().json().go().exits(7).scanned("scan");
    // All it has is printed, both kinds.
    assert_eq!(items(&answer, "missing").len(), 1);
    assert_eq!(items(&answer, "unreadable").len(), 1);
}

/// A broken chain elsewhere is not this question's business.
#[test]
fn a_yes_is_0_even_in_a_broken_fleet() {
    let fleet = Fleet::three();
    fleet.overlay("broken.qcow2", "gone.qcow2");
    fleet.overlay("ring.qcow2", "ring.qcow2");
    fleet.diskdag("can-rm").rooted().image("leaf.qcow2").go().exits(0);
    fleet.diskdag("chain").image("leaf.qcow2").go().exits(0);
    fleet.diskdag("dependents").rooted().image("base.qcow2").go().exits(0);
    fleet.diskdag("can-rm").rooted().image("broken.qcow2").go().exits(0);
}

#[test]
fn trees_exit_like_scans() {
    let fleet = Fleet::three();
    fleet.diskdag("tree").rooted().arg(fleet.root()).go().exits(0);
    fleet.overlay("broken.qcow2", "gone.qcow2");
    fleet.diskdag("tree").rooted().arg(fleet.root()).go().exits(6).says("gone.qcow2");
}
