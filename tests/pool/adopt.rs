//! Chains that others have made.

use super::support::Pool;
use crate::support::{identity, items};

#[test]
fn a_chain_enters_the_catalogue_as_it_lies_there() {
    let Some(pool) = Pool::new() else { return };
    let root = pool.fleet.root();
    pool.disk("base.qcow2");
    for (name, below) in [("middle.qcow2", "base.qcow2"), ("vm.qcow2", "middle.qcow2")] {
        pool.qemu.create(&root, "qcow2", &["-b", below, "-F", "qcow2", name]);
        pool.write(name, 3);
    }
    let before: Vec<_> = ["base", "middle", "vm"].map(|it| pool.read(format!("{it}.qcow2"))).into();
    let files = pool.files();
    let base = identity(pool.fleet.path("base.qcow2"));
    let done = pool.json("snap adopt vm.qcow2", 0);
    assert_eq!(done["schema"], "diskdag/snap-adopt/1");
    assert_eq!(items(&done, "disks").len(), 2);
    assert_eq!(pool.files(), files, "nothing is renamed");
    assert_eq!(identity(pool.fleet.path("base.qcow2")), base);
    let listed = pool.json("snap list vm.qcow2", 0);
    let adopted = items(&listed, "snapshots");
    assert_eq!(adopted.len(), 2);
    assert!(adopted.iter().all(|it| it["adopted"] == true));
    for (name, content) in ["base", "middle", "vm"].iter().zip(&before) {
        assert_eq!(pool.read(format!("{name}.qcow2")), *content);
    }
    // From here on it is a disk with snapshots.
    let oldest = adopted[0]["name"].as_str().unwrap().to_owned();
    pool.ends(&format!("snap rm {oldest} vm.qcow2"), 4);
    pool.ok("snap create s1 vm.qcow2");
    pool.ok("snap adopt vm.qcow2");
    assert_eq!(pool.snapshots().len(), 3, "what is recorded already stays as it is");
}

#[test]
fn a_broken_chain_is_not_adopted() {
    let Some(pool) = Pool::new() else { return };
    pool.fleet.overlay("top.qcow2", "gone.qcow2");
    pool.ends("snap adopt top.qcow2", 4).says("gone.qcow2");
    assert!(pool.snapshots().is_empty());
}
