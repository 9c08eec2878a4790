//! The new live file is to others what the old one was: mode, owner, access lists, extended attributes.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use super::support::Pool;
use crate::support::is_root;

fn modes(path: &Path) -> (u32, u32, u32) {
    let found = path.metadata().unwrap();
    (found.mode() & 0o7777, found.uid(), found.gid())
}

#[test]
fn mode_and_owner_stay() {
    let Some(pool) = Pool::with_vm() else { return };
    let live = pool.fleet.path("vm.qcow2");
    std::fs::set_permissions(&live, Permissions::from_mode(0o640)).unwrap();
    if is_root() {
        chown(&live, Some(1234), Some(4321)).unwrap();
    }
    let before = modes(&live);
    pool.ok("snap create s1 vm.qcow2");
    assert_eq!(modes(&live), before);
    let (mode, uid, gid) = modes(&pool.fleet.path("vm@1-s1.qcow2"));
    assert_eq!(
        (mode, uid, gid),
        (0o440, before.1, before.2),
        "only the permission to write is gone"
    );
    pool.ok("snap restore s1 vm.qcow2");
    assert_eq!(modes(&live), before);
    pool.ok("snap clone s1 vm.qcow2 new.qcow2");
    assert_eq!(modes(&pool.fleet.path("new.qcow2")).0 & 0o600, 0o600, "a clone can be written to");
}

#[test]
fn extended_attributes_stay() {
    let Some(pool) = Pool::with_vm() else { return };
    let live = pool.fleet.path("vm.qcow2");
    if let Err(error) = xattr::set(&live, "user.owner", b"tenant 7\0\xff") {
        println!("skipped: no extended attributes here: {error}");
        return;
    }
    xattr::set(&live, "user.empty", b"").unwrap();
    pool.ok("snap create s1 vm.qcow2");
    pool.ok("snap restore s1 vm.qcow2");
    assert_eq!(xattr::get(&live, "user.owner").unwrap().as_deref(), Some(&b"tenant 7\0\xff"[..]));
    assert_eq!(xattr::get(&live, "user.empty").unwrap().as_deref(), Some(&b""[..]));
    let snapshot = pool.fleet.path("vm@1-s1.qcow2");
    assert!(xattr::get(&snapshot, "user.owner").unwrap().is_some());
}

/// The kernel's own form: version 2, then tag, permissions and id of each entry.
fn access_list() -> Vec<u8> {
    let entries: [(u16, u16, u32); 5] = [
        (0x01, 6, u32::MAX),
        (0x02, 6, 4242),
        (0x04, 4, u32::MAX),
        (0x10, 6, u32::MAX),
        (0x20, 0, u32::MAX),
    ];
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

#[test]
fn access_lists_stay() {
    let Some(pool) = Pool::with_vm() else { return };
    let live = pool.fleet.path("vm.qcow2");
    let name = "system.posix_acl_access";
    if let Err(error) = xattr::set(&live, name, &access_list()) {
        println!("skipped: no access lists here: {error}");
        return;
    }
    let before = xattr::get(&live, name).unwrap();
    assert!(before.is_some());
    pool.ok("snap create s1 vm.qcow2");
    assert_eq!(xattr::get(&live, name).unwrap(), before);
    pool.ok("snap restore s1 vm.qcow2");
    assert_eq!(xattr::get(&live, name).unwrap(), before);
    // The snapshot may be read by whom it could be read by, and written to by nobody.
    let snapshot = xattr::get(pool.fleet.path("vm@1-s1.qcow2"), name).unwrap();
    assert!(snapshot.is_some(), "the snapshot has lost its access list");
}
