//! A doubt that a person has accepted: by name, with a reason, until the file changes.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::support::{Answer, Fleet, Image, identities, items, path_of, paths_of, text_of};

const REASON: &str = "left over from the migration, #4711";

/// Three disks and a file of which nobody can say what it names.
fn doubtful() -> (Fleet, PathBuf) {
    let fleet = Fleet::three();
    let cut = fleet.bytes("cut.qcow2", &Image::over("leaf.qcow2").bytes()[..71]);
    (fleet, cut)
}

fn can_rm(fleet: &Fleet) -> Answer {
    fleet.diskdag("can-rm").rooted().image("leaf.qcow2").json().go()
}

#[test]
fn a_waived_doubt_no_longer_blocks_and_is_printed() {
    let (fleet, cut) = doubtful();
    let answer = can_rm(&fleet).exits(7).scanned("can-rm");
    assert!(items(&answer, "waived").is_empty());
    fleet.diskdag("waive").arg(&cut).args(["--reason", REASON]).go().exits(0);

    let answer = can_rm(&fleet).exits(0).scanned("can-rm");
    assert_eq!(answer["verdict"], "yes");
    let waived = items(&answer, "waived");
    assert_eq!(waived.len(), 1, "{answer}");
    assert_eq!(path_of(&waived[0]), cut);
    assert_eq!(text_of(&waived[0], "reason"), REASON);
    assert!(items(&answer, "doubts").is_empty());
    let answer = fleet.diskdag("can-rm").rooted().image("leaf.qcow2").go().exits(0);
    answer.says("cut.qcow2").says(REASON);
    let answer = fleet.diskdag("dependents").rooted().image("base.qcow2").json().go().exits(0);
    assert_eq!(items(&answer.scanned("dependents"), "waived").len(), 1);
}

#[test]
fn a_waiver_lapses_when_the_file_changes() {
    let (fleet, cut) = doubtful();
    fleet.diskdag("waive").arg(&cut).args(["--reason", REASON]).go().exits(0);
    can_rm(&fleet).exits(0);
    // Another length, so that no clock is needed to see it.
    std::fs::write(&cut, &Image::over("leaf.qcow2").bytes()[..70]).unwrap();
    let answer = can_rm(&fleet).exits(7).scanned("can-rm");
    assert!(items(&answer, "waived").is_empty(), "{answer}");
    // Said again, it holds again.
    fleet.diskdag("waive").arg(&cut).args(["--reason", REASON]).go().exits(0);
    can_rm(&fleet).exits(0);
    // Another file under the same name is another file.
    std::fs::remove_file(&cut).unwrap();
    std::fs::write(&cut, &Image::over("leaf.qcow2").bytes()[..69]).unwrap();
    can_rm(&fleet).exits(7);
    // Made whole, it is no doubt, and says itself what it needs.
    std::fs::write(&cut, Image::over("leaf.qcow2").bytes()).unwrap();
    let answer = can_rm(&fleet).exits(4).scanned("can-rm");
    assert_eq!(identities(paths_of(&answer, "blockers")), identities([cut]));
}

#[test]
fn a_waiver_covers_one_path_only() {
    let (fleet, cut) = doubtful();
    let other = fleet.bytes("other.qcow2", &Image::new().bytes()[..50]);
    fleet.diskdag("waive").arg(&cut).args(["--reason", REASON]).go().exits(0);
    let answer = can_rm(&fleet).exits(7).scanned("can-rm");
    assert_eq!(identities(paths_of(&answer, "doubts")), identities([&other]));
    fleet.diskdag("waive").arg(&other).args(["--reason", "another"]).go().exits(0);
    can_rm(&fleet).exits(0);
}

/// It takes a doubt away, and nothing that is known.
#[test]
fn a_waiver_never_covers_a_dependent() {
    let fleet = Fleet::three();
    let leaf = fleet.path("leaf.qcow2");
    let _may_be_refused = fleet.diskdag("waive").arg(&leaf).args(["--reason", REASON]).go();
    fleet.diskdag("can-rm").rooted().image("middle.qcow2").go().exits(4);
}

#[test]
fn a_file_that_may_not_be_read_can_be_waived() {
    let fleet = Fleet::three();
    let closed = fleet.base("closed.qcow2");
    std::fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
    let ask = || fleet.diskdag("can-rm").rooted().image("leaf.qcow2").json().unprivileged().go();
    ask().exits(7);
    let waive = fleet.diskdag("waive").arg(&closed).args(["--reason", REASON]);
    waive.unprivileged().go().exits(0);
    let answer = ask().exits(0).scanned("can-rm");
    assert_eq!(paths_of(&answer, "waived"), [closed.as_path()]);
    // It changes without being readable.
    std::fs::OpenOptions::new()
        .write(true)
        .open({
            std::fs::set_permissions(&closed, Permissions::from_mode(0o600)).unwrap();
            &closed
        })
        .unwrap()
        .set_len(12345)
        .unwrap();
    std::fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
    ask().exits(7);
}

#[test]
fn a_waiver_needs_a_reason_and_a_file() {
    let (fleet, cut) = doubtful();
    fleet.diskdag("waive").arg(&cut).go().exits(64);
    fleet.diskdag("waive").arg(fleet.path("gone")).args(["--reason", REASON]).go().exits(5);
    can_rm(&fleet).exits(7);
}

/// The reason is a person's text, and comes back on a terminal.
#[test]
fn a_reason_is_escaped() {
    let (fleet, cut) = doubtful();
    fleet.diskdag("waive").arg(&cut).args(["--reason", "new\nline \u{1b}[31mred"]).go().exits(0);
    let answer = fleet.diskdag("can-rm").rooted().image("leaf.qcow2").go().exits(0);
    assert!(!answer.everything().lines().any(|line| line.starts_with("line ")));
}
