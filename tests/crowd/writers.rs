//! Many processes on one pool.

use std::sync::atomic::{AtomicBool, Ordering};

use super::rounds;
use crate::pool::support::Pool;
use crate::support::items;

/// Each works on a disk of its own, and all on one catalogue; readers read all the while, and wait for nobody.
#[test]
fn eight_writers_and_two_readers() {
    let Some(pool) = Pool::new() else { return };
    let disks: Vec<String> = (0..8).map(|at| format!("vm{at}.qcow2")).collect();
    for disk in &disks {
        pool.disk(disk);
    }
    let first = pool.read(&disks[0]);
    let is_over = AtomicBool::new(false);
    let write = |disk: &str| {
        for round in 0..rounds(3) {
            let run = |line: String| pool.run(line.split(' ')).arg("--wait").go().exits(0);
            run(format!("snap create r{round} {disk}"));
            pool.write(disk, 5);
            run(format!("snap restore r{round} {disk} --keep k{round}"));
            run(format!("snap clone r{round} {disk} {round}-{disk}"));
        }
    };
    let read = || {
        let mut asked = 0;
        while !is_over.load(Ordering::Relaxed) {
            // A file may come or go while its directory is read: then an answer may say that it is not sure.
            pool.run(["snap", "list"]).go().exits_one_of(&[0, 6, 7]);
            pool.run(["tree"]).go().exits_one_of(&[0, 6, 7]);
            asked += 1;
        }
        asked
    };
    std::thread::scope(|scope| {
        let readers = [scope.spawn(read), scope.spawn(read)];
        let writers: Vec<_> = disks.iter().map(|disk| scope.spawn(|| write(disk))).collect();
        let ended: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        is_over.store(true, Ordering::Relaxed);
        ended.into_iter().for_each(|ended| ended.unwrap());
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
    let listed = pool.json("snap list", 0);
    let mut ids: Vec<u64> =
        items(&listed, "snapshots").iter().map(|it| it["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), 8 * 2 * rounds(3), "every snapshot that was taken is there");
    ids.dedup();
    assert_eq!(ids.len(), 8 * 2 * rounds(3), "an id was given twice");
    for disk in &disks {
        assert_eq!(pool.read(disk), first, "{disk}");
        assert_eq!(pool.read(format!("0-{disk}")), first, "{disk}");
    }
    assert!(items(&pool.json("recover", 0), "actions").is_empty());
    pool.ok("scan .");
}

/// They all want the same disk, and the same name: one has it, the others are told.
#[test]
fn one_name_for_many() {
    let Some(pool) = Pool::with_vm() else { return };
    let codes: Vec<i32> = std::thread::scope(|scope| {
        let create = || pool.run(["snap", "create", "s1", "vm.qcow2", "--wait"]).go().code;
        let all: Vec<_> = (0..8).map(|_| scope.spawn(create)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{codes:?}");
    assert!(codes.iter().all(|code| [0, 4].contains(code)), "{codes:?}");
    assert_eq!(pool.snapshots(), ["vm.qcow2@s1"]);
    assert_eq!(pool.files(), ["vm.qcow2", "vm@1-s1.qcow2"]);
}
