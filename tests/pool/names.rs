//! Disks with odd names: what QEMU would take for a protocol, what a shell would take apart, what no terminal
//! should see.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::support::{Pool, SIZE, content};
use crate::support::items;

const NAMES: &[&[u8]] = &[
    b"vm",
    b"vm:1.qcow2",
    b"a b.qcow2",
    b"-x.qcow2",
    b"json:{}.qcow2",
    b"nbd:host:1",
    b"new\nline\x1b[31m.qcow2",
    "größe.qcow2".as_bytes(),
    b".hidden.qcow2",
    b"vm.tar.qcow2",
    b"x@y.qcow2",
    b"a%20b.qcow2",
    b"bad\xff.qcow2",
];

/// Each is snapshotted, written to, and goes back; QEMU finds every backing file by the name that we gave.
#[test]
fn odd_names_work_and_reach_no_terminal() {
    let Some(pool) = Pool::new() else { return };
    let root = pool.fleet.root();
    for name in NAMES {
        let disk = Path::new(".").join(OsStr::from_bytes(name));
        let new = ["create", "-q", "-f", "qcow2"].map(OsStr::new);
        let size = SIZE.to_string();
        pool.qemu.img(&root, new.into_iter().chain([disk.as_os_str(), OsStr::new(&size)]));
        let disk = disk.to_str().map_or_else(|| disk.clone().into_os_string(), Into::into);
        let write = |byte: u8| {
            let mut io = std::process::Command::new("qemu-io");
            io.args(["-f", "qcow2", "-c", &format!("write -P {byte} 0 64k")]).arg(&disk);
            assert_eq!(crate::support::finish(io.current_dir(&root)).code, Some(0));
        };
        write(5);
        let before = content(pool.qemu, &root.join(&disk));
        let words = |verb: &'static str| ["snap", verb, "--", "v1.2"].map(OsStr::new);
        let run = |verb| pool.run(words(verb).into_iter().chain([&*disk])).go().exits(0);
        run("create");
        write(6);
        run("restore");
        assert_eq!(content(pool.qemu, &root.join(&disk)), before, "{disk:?}");
    }
    let listed = pool.json("snap list", 0);
    assert_eq!(items(&listed, "snapshots").len(), NAMES.len());
    pool.ok("scan .");
    pool.ok("snap list");
    pool.ok("trash list");

    // They are found again when the catalogue is lost.
    for entry in std::fs::read_dir(root.join(".diskdag")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("catalogue") {
            std::fs::remove_file(path).unwrap();
        }
    }
    pool.ends("recover", 8);
    pool.ok("recover --confirm");
    let again = pool.json("snap list", 0);
    let key = |listed: &serde_json::Value| -> Vec<_> {
        let all = items(listed, "snapshots").iter();
        all.map(|it| (it["id"].clone(), it["disk"].clone(), it["name"].clone(), it["path"].clone()))
            .collect()
    };
    assert_eq!(key(&again), key(&listed));
}

/// Somebody has made files with numbers that leave none: they are not ours, and nothing stands still.
#[test]
fn numbers_without_end_are_not_ours() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    for name in ["vm@18446744073709551615-x.qcow2", ".vm@18446744073709551614.trash"] {
        pool.fleet.overlay(name, "vm@1-s1.qcow2");
    }
    std::fs::remove_file(pool.fleet.path(".diskdag/catalogue.redb")).unwrap();
    pool.run(["recover"]).go().exits_one_of(&[0, 8]);
    pool.ok("recover --confirm");
    pool.ok("snap create s2 vm.qcow2");
    assert_eq!(pool.snapshots(), ["vm.qcow2@s1", "vm.qcow2@s2"]);
}
