//! Catalogues that are damaged or lost, by hand.

use std::path::PathBuf;

use super::support::Pool;
use crate::support::{items, text_of};

/// The catalogue's files.
fn records(pool: &Pool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(pool.fleet.path(".diskdag")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_one =
        |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("catalogue");
    paths.filter(is_one).collect()
}

/// Lost whole: nothing is done before it is rebuilt, and nothing removed before a person stands by it.
#[test]
fn a_lost_catalogue_is_rebuilt_and_has_to_be_confirmed() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.disk("data.qcow2");
    pool.ok("snap create s1 vm.qcow2 data.qcow2");
    pool.write("vm.qcow2", 2);
    pool.ok("snap create s2 vm.qcow2");
    pool.run(["pin", "s1", "data.qcow2", "--reason", "kept"]).go().exits(0);
    let (at_s1, at_s2) = (pool.read("vm@1-s1.qcow2"), pool.read("vm@3-s2.qcow2"));
    records(&pool).iter().for_each(|path| std::fs::remove_file(path).unwrap());

    for line in [
        "snap create s3 vm.qcow2",
        "snap rm s2 vm.qcow2",
        "gc --purge --older-than 0s",
        "snap list",
    ] {
        let before = pool.bytes();
        pool.ends(line, 8).says("diskdag recover");
        assert_eq!(pool.bytes(), before, "{line}");
    }
    let recovered = pool.json("recover", 8);
    assert_eq!(recovered["rebuilt"], true);
    assert!(!items(&recovered, "questions").is_empty());
    assert_eq!(pool.snapshots().len(), 3);
    // It may be read, and new snapshots may be taken; but nothing goes.
    let refused = pool.json("snap rm --retire s2 vm.qcow2", 8);
    assert_eq!(refused["kind"], "unconfirmed");
    pool.ends("snap restore s1 vm.qcow2", 8);
    pool.ends("trash purge --all", 8);
    assert_eq!(pool.json("can-rm data.qcow2", 7)["verdict"], "unknown");
    pool.ends("recover", 8).says("--confirm");
    pool.ends("recover --confirm", 0).says("confirmed");
    pool.ends("recover", 0).says("nothing to recover");
    pool.ok("snap restore s1 vm.qcow2");
    assert_eq!(pool.read("vm.qcow2"), at_s1);
    pool.ok("snap restore s2 vm.qcow2");
    assert_eq!(pool.read("vm.qcow2"), at_s2);
    // Ids go on where they were.
    pool.ok("snap create s4 vm.qcow2");
    let ids: Vec<u64> = items(&pool.json("snap list", 0), "snapshots")
        .iter()
        .map(|it| it["id"].as_u64().unwrap())
        .collect();
    assert!(ids.is_sorted() && ids.last() > Some(&3), "{ids:?}");
}

/// Every way in which one file of it may be damaged: it is noticed, or it does not matter; never is it taken
/// for an empty one, and the disks read what they read.
#[test]
fn a_damaged_catalogue_is_never_an_empty_one() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    pool.write("vm.qcow2", 2);
    pool.ok("snap create s2 vm.qcow2");
    let (live, at_s1) = (pool.read("vm.qcow2"), pool.read("vm@1-s1.qcow2"));
    let whole: Vec<(PathBuf, Vec<u8>)> = records(&pool)
        .into_iter()
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    assert!(!whole.is_empty());
    for (path, bytes) in &whole {
        let half = bytes.len() / 2;
        let mut flipped = bytes.clone();
        let mut zeroed = bytes.clone();
        for at in (0..flipped.len()).step_by(4096) {
            flipped[at] ^= 0xff;
        }
        zeroed[..half.min(8192)].fill(0);
        let damages: [(&str, Option<&[u8]>); 5] = [
            ("gone", None),
            ("empty", Some(&[])),
            ("half", Some(&bytes[..half])),
            ("flipped", Some(&flipped)),
            ("zeroed", Some(&zeroed)),
        ];
        for (what, damaged) in damages {
            match damaged {
                Some(damaged) => std::fs::write(path, damaged).unwrap(),
                None => std::fs::remove_file(path).unwrap(),
            }
            let said = format!("{} {what}", path.display());
            let listed = pool.run(["snap", "list", "--json"]).go().exits_one_of(&[0, 8]);
            if listed.code == 0 {
                assert_eq!(items(&listed.value(), "snapshots").len(), 2, "{said}");
            } else {
                assert_eq!(listed.value()["kind"], "catalogue", "{said}");
                pool.ends("snap rm s1 vm.qcow2", 8);
            }
            // Recovery makes it whole, and everything is there.
            let recovered = pool.run(["recover", "--json"]).go().exits_one_of(&[0, 8]);
            assert_eq!(
                pool.snapshots(),
                ["vm.qcow2@s1", "vm.qcow2@s2"],
                "{said}: {}",
                recovered.whole()
            );
            pool.run(["recover", "--confirm"]).go().exits(0);
            pool.ends("snap rm s1 vm.qcow2", 4);
            assert_eq!(pool.read("vm.qcow2"), live, "{said}");
            assert_eq!(pool.read("vm@1-s1.qcow2"), at_s1, "{said}");
            records(&pool).iter().for_each(|path| std::fs::remove_file(path).unwrap());
            for (path, bytes) in &whole {
                std::fs::write(path, bytes).unwrap();
            }
        }
    }
}

/// Files that were removed by hand: a missing snapshot is shown as such, and nothing else is made of it.
#[test]
fn a_snapshot_that_somebody_has_deleted() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    pool.ok("snap create s2 vm.qcow2");
    pool.ok("snap restore s1 vm.qcow2");
    pool.ok("trash purge --all");
    std::fs::remove_file(pool.fleet.path("vm@2-s2.qcow2")).unwrap();
    let listed = pool.json("snap list", 6);
    let second = &items(&listed, "snapshots")[1];
    assert_eq!(text_of(second, "state"), "missing");
    pool.ends("snap list", 6).says("missing");
    pool.ends("snap restore s2 vm.qcow2", 5);
    pool.ends("snap clone s2 vm.qcow2 a.qcow2", 5);
    pool.ok("recover");
}
