//! `what-if --mv` of directories.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Fleet, items, path_of, text_of};

/// What lies in it finds what lies in it, and what it names from above it or by absolute paths may be elsewhere.
#[test]
fn a_directory_moves_with_all_that_is_in_it() {
    let fleet = Fleet::three();
    for folder in ["vms", "vms/old", "deep"] {
        fleet.folder(folder);
    }
    fleet.overlay("vms/one.qcow2", "../base.qcow2");
    fleet.overlay("vms/two.qcow2", "one.qcow2");
    fleet.overlay("vms/old/three.qcow2", fleet.path("vms/one.qcow2"));
    fleet.overlay("top.qcow2", "vms/two.qcow2");
    let ask = |from: &str, to: &str| {
        let to = format!("{}/{to}", fleet.root().display());
        fleet.diskdag("what-if").rooted().arg("--mv").image(from).arg(to)
    };
    let repointed = |answer: &Value| -> Vec<(PathBuf, PathBuf)> {
        let all = items(answer, "repoint").iter();
        all.map(|one| (path_of(one), text_of(one, "to").into())).collect()
    };
    let pairs = |of: &[(&str, &str)]| -> Vec<(PathBuf, PathBuf)> {
        of.iter().map(|(path, to)| (fleet.path(path), fleet.path(to))).collect()
    };
    // Beside where it was.
    let answer = ask("vms", "disks").json().go().exits(6).scanned("what-if");
    let expected = [("disks/old/three.qcow2", "disks/one.qcow2"), ("top.qcow2", "disks/two.qcow2")];
    assert_eq!(repointed(&answer), pairs(&expected), "{answer}");
    assert_eq!((&answer["frees"], &answer["copies"]), (&0.into(), &0.into()));
    // One deeper, into a directory: what is named from above it is not found any more.
    let answer = ask("vms", "deep/").json().go().exits(6).scanned("what-if");
    let expected = [
        ("deep/vms/old/three.qcow2", "deep/vms/one.qcow2"),
        ("deep/vms/one.qcow2", "base.qcow2"),
        ("top.qcow2", "deep/vms/two.qcow2"),
    ];
    assert_eq!(repointed(&answer), pairs(&expected), "{answer}");
    ask("vms", "deep/").go().exits(6).says("deep/vms/one.qcow2  its backing '../base.qcow2' finds");
    // With what it needs put right, all is well.
    let rebased = ask("vms", "disks")
        .args(["--rebase"])
        .image("vms/old/three.qcow2")
        .image("disks/one.qcow2")
        .args(["--rebase"])
        .image("top.qcow2")
        .image("disks/two.qcow2");
    rebased.go().exits(0).says("nothing would be broken");
    // Out of the scope nobody would be asked about it.
    let out = fleet.outside().join("away");
    let answer = fleet.diskdag("what-if").rooted().arg("--mv").image("vms").arg(&out).json().go();
    let answer = answer.exits_one_of(&[6, 7]).scanned("what-if");
    assert_eq!(items(&answer, "out-of-scope").len(), 3, "{answer}");
    // What makes no sense.
    ask("vms", "vms/old/below").go().exits(64);
    ask("vms", "base.qcow2").go().exits(64);
    fleet.diskdag("what-if").rooted().arg("--mv").arg(fleet.root()).arg(&out).go().exits(64);
    let elsewhere = fleet.outside().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let ask = fleet.diskdag("what-if").rooted().arg("--mv").arg(&elsewhere).arg(fleet.root());
    ask.go().exits(7);
}

/// Its records name what lies in it from its top.
#[test]
fn a_pool_that_moves_as_a_whole_loses_nothing() {
    let fleet = Fleet::three();
    fleet.folder("pool");
    fleet.overlay("pool/vm.qcow2", fleet.path("base.qcow2"));
    fleet.diskdag("init").image("pool").go().exits(0);
    fleet.diskdag("snap").args(["create", "s1"]).image("pool/vm.qcow2").go().exits(0);
    let to = fleet.path("moved");
    let ask = || fleet.diskdag("what-if").rooted().arg("--mv").image("pool").arg(&to);
    let answer = ask().json().go().exits(0).scanned("what-if");
    assert!(items(&answer, "pools").is_empty() && items(&answer, "blockers").is_empty());
    // Unless something in it is moved for itself.
    let ask = ask().arg("--mv").arg(to.join("vm.qcow2")).arg(to.join("other.qcow2"));
    let answer = ask.json().go().exits(6).scanned("what-if");
    assert_eq!(path_of(&items(&answer, "pools")[0]), fleet.path("pool/vm.qcow2"), "{answer}");
    std::fs::rename(fleet.path("pool"), &to).unwrap();
    fleet.diskdag("snap").args(["restore", "s1"]).arg(to.join("vm.qcow2")).go().exits(0);
    // A directory in a pool is another matter.
    fleet.folder("moved/deep");
    fleet.overlay("moved/deep/other.qcow2", fleet.path("base.qcow2"));
    fleet.diskdag("snap").args(["create", "s2"]).image("moved/deep/other.qcow2").go().exits(0);
    let ask = fleet.diskdag("what-if").rooted().arg("--mv").image("moved/deep");
    let answer = ask.arg(fleet.path("moved/other")).json().go().exits(4).scanned("what-if");
    assert_eq!(text_of(&items(&answer, "blockers")[0], "kind"), "snapshot", "{answer}");
    assert_eq!(path_of(&items(&answer, "pools")[0]), fleet.path("moved/deep/other.qcow2"));
}
