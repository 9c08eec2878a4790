//! Names, forth and back.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> SnapshotName {
    SnapshotName::new(text).unwrap()
}

#[test]
fn the_examples_of_the_format() {
    let disk = Path::new("/p/vms/vm.qcow2");
    let file = snapshot_path(disk, Id(17), &name("before-upgrade")).unwrap();
    assert_eq!(file, PathBuf::from("/p/vms/vm@17-before-upgrade.qcow2"));
    assert_eq!(trash_path(disk, Id(23)).unwrap(), PathBuf::from("/p/vms/.vm@23.trash"));
    assert_eq!(pending_path(disk, Id(24)).unwrap(), PathBuf::from("/p/vms/.vm@24.new"));
    assert_eq!(
        trash_path(&file, Id(25)).unwrap(),
        PathBuf::from("/p/vms/.vm@17-before-upgrade@25.trash")
    );
}

#[test]
fn names_that_snapshots_may_not_have() {
    for bad in ["", ".x", "a/b", "a:b", "a\nb", "\u{7f}", &"x".repeat(101)] {
        assert!(SnapshotName::new(bad).is_err(), "{bad:?}");
    }
    for good in ["x", "v1.2", "a@2-b", "before upgrade", "é", &"x".repeat(100)] {
        assert!(SnapshotName::new(good).is_ok(), "{good:?}");
    }
    assert!(SnapshotName::new(OsStr::from_bytes(b"\xff")).is_ok());
}

#[test]
fn names_that_are_not_ours_are_not_taken_for_ours() {
    for other in [
        "vm.qcow2",
        "vm@x-y.qcow2",
        "vm@017-y.qcow2",
        "vm@1.qcow2",
        "@1-x",
        ".vm.trash",
        "vm@1-",
        ".vm@.trash",
        ".vm@3.bak",
        "vm@99999999999999999999-x",
        "vm@18446744073709551615-x",
        ".vm@18446744073709551615.trash",
    ] {
        assert_eq!(FileName::parse(OsStr::new(other)), None, "{other}");
    }
}

#[test]
fn a_disk_may_not_be_called_like_a_snapshot() {
    assert!(check_disk_name(Path::new("/p/vm@1-x.qcow2")).is_err());
    assert!(check_disk_name(Path::new("/p/.vm@1.trash")).is_err());
    assert!(check_disk_name(Path::new("/p/vm@home.qcow2")).is_ok());
}

/// A catalogue that was rebuilt had lost the snapshots of hidden disks.
#[test]
fn hidden_disks_have_snapshots_too() {
    let disk = Path::new("/p/.vm.qcow2");
    let path = snapshot_path(disk, Id(15), &name("v1.2")).unwrap();
    assert_eq!(path, PathBuf::from("/p/.vm@15-v1.2.qcow2"));
    let wanted = FileName::Snapshot { disk: ".vm.qcow2".into(), id: Id(15), name: name("v1.2") };
    assert_eq!(FileName::parse(path.file_name().unwrap()), Some(wanted));
    let trash = trash_path(&path, Id(16)).unwrap();
    let parsed = FileName::parse(trash.file_name().unwrap());
    assert!(matches!(parsed, Some(FileName::Trash { id: Id(16), .. })), "{parsed:?}");
}

#[test]
fn a_file_name_of_more_than_255_bytes_is_refused() {
    let disk = PathBuf::from(format!("/p/{}.qcow2", "d".repeat(200)));
    let error = snapshot_path(&disk, Id(1), &name(&"s".repeat(100))).unwrap_err();
    assert!(matches!(error, FileNameError::TooLong { found: 309, .. }), "{error:?}");
}

proptest! {
    #[test]
    fn a_snapshots_file_name_says_what_it_is(
        stem in "[a-z@. -]{1,20}", extension in proptest::option::of("[a-z0-9]{1,6}"),
        id in 1_u64..=1 << 53, snapshot in "[a-zA-Z0-9@é_-][a-zA-Z0-9@._é -]{0,20}",
    ) {
        let file = match &extension {
            Some(extension) => format!("{stem}.{extension}"),
            None => stem.clone(),
        };
        let disk = Path::new("/pool").join(&file);
        prop_assume!(disk.file_name() == Some(OsStr::new(&file)));
        prop_assume!(check_disk_name(&disk).is_ok());
        let path = snapshot_path(&disk, Id(id), &name(&snapshot)).unwrap();
        let found = path.file_name().unwrap();
        let wanted = FileName::Snapshot { disk: file.into(), id: Id(id), name: name(&snapshot) };
        let readings = [FileName::parse(found), FileName::parse_without_extension(found)];
        prop_assert!(readings.contains(&Some(wanted)), "{readings:?}");
        prop_assert!(check_disk_name(&path).is_err());
    }
}
