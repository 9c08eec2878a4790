//! Owners of disks in a pool: those that the command line names, and those that the pool remembers.

use super::support::Pool;
use crate::support::{items, text_of};

/// Two snapshots, of which nothing needs the second; libvirt's machine has that one.
fn owned() -> Option<(Pool, String)> {
    let pool = Pool::with_vm()?;
    for line in ["snap create s1 vm.qcow2", "snap create s2 vm.qcow2", "snap restore s1 vm.qcow2"] {
        pool.ok(line);
    }
    pool.ok("trash purge --all");
    let folder = pool.fleet.outside().join("libvirt");
    std::fs::create_dir_all(&folder).unwrap();
    let disk = pool.fleet.path("vm@2-s2.qcow2");
    let domain = format!(
        "<domain><name>build-a</name><devices><disk type='file'><source file='{}'/></disk></devices>\
         </domain>",
        disk.display()
    );
    std::fs::write(folder.join("build-a.xml"), domain).unwrap();
    let folder = folder.to_str().unwrap().to_owned();
    Some((pool, folder))
}

#[test]
fn what_an_owner_names_on_the_command_line_stays() {
    let Some((pool, folder)) = owned() else { return };
    let refused = pool.json(&format!("snap rm s2 vm.qcow2 --owners {folder}"), 4);
    let blockers = items(&refused, "blockers");
    assert_eq!(blockers.len(), 1, "{refused}");
    assert_eq!(text_of(&blockers[0], "kind"), "owner");
    pool.ends(&format!("snap rm s2 vm.qcow2 --owners {folder}"), 4)
        .says("vm build-a")
        .says("--retire");
    pool.ends(&format!("snap rm s2 vm.qcow2 --owners {folder} --dry-run"), 4).says("vm build-a");
    pool.ok(&format!("snap rm --retire s2 vm.qcow2 --owners {folder}"));
    let kept = pool.json(&format!("gc --owners {folder}"), 0);
    assert!(items(&kept, "dead").is_empty(), "{kept}");
    let collected = pool.json("gc", 0);
    assert_eq!(items(&collected, "dead").len(), 1, "{collected}");
}

#[test]
fn a_pool_remembers_its_owners() {
    let Some((pool, folder)) = owned() else { return };
    let config = pool.fleet.path(".diskdag/config");
    std::fs::write(&config, format!("{{\"owners\": [\"{folder}\"]}}")).unwrap();
    pool.ends("snap rm s2 vm.qcow2", 4).says("vm build-a");
    pool.ends("can-rm vm@2-s2.qcow2", 4).says("vm build-a");
    // What cannot be read may name it.
    std::fs::write(format!("{folder}/b.xml"), "<domain><name>b").unwrap();
    pool.ends("trash purge --all", 0);
    pool.ends("snap rm s2 vm.qcow2 --retire", 0);
    let kept = pool.json("gc", 0);
    assert_eq!(items(&kept, "dead").len(), 0, "{kept}");
}

#[test]
fn init_takes_owners() {
    let Some(pool) = Pool::with_vm() else { return };
    let folder = pool.fleet.outside().join("libvirt");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::remove_dir_all(pool.fleet.path(".diskdag")).unwrap();
    let folder = folder.to_str().unwrap();
    let made = pool.json(&format!("init . --owners {folder}"), 0);
    assert_eq!(made["owners"][0], folder, "{made}");
    let config = std::fs::read_to_string(pool.fleet.path(".diskdag/config")).unwrap();
    assert!(config.contains(folder), "{config}");
}

/// Which directories may depend on the pool's images is not known then.
#[test]
fn a_configuration_that_cannot_be_read_says_how_to_go_on() {
    let Some(pool) = Pool::with_vm() else { return };
    pool.ok("snap create s1 vm.qcow2");
    std::fs::write(pool.fleet.path(".diskdag/config"), "roots = /images").unwrap();
    let failed = pool.json("snap restore s1 vm.qcow2", 1);
    assert_eq!(failed["kind"], "config", "{failed}");
    pool.ends("snap restore s1 vm.qcow2", 1).says("put it right");
    pool.ends("can-rm vm.qcow2", 1).says("put it right");
    std::fs::write(pool.fleet.path(".diskdag/config"), "{\"roots\": []}").unwrap();
    pool.ok("snap restore s1 vm.qcow2");
}
