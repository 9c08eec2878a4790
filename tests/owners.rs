//! Owners: libvirt's definitions and plain mappings give names to disks, and keep them.

use std::path::PathBuf;

use crate::support::{Fleet, items, path_of, text_of};

/// A domain that has `leaf.qcow2`, among what libvirt keeps beside it.
fn defined(fleet: &Fleet) -> PathBuf {
    let folder = fleet.outside().join("libvirt");
    std::fs::create_dir_all(folder.join("networks")).unwrap();
    let disk = fleet.path("leaf.qcow2");
    let domain = format!(
        "<domain type='kvm'>\n  <name>build-a</name>\n  <devices>\n    <disk type='file'>\n      \
         <source file='{}'/>\n    </disk>\n  </devices>\n</domain>\n",
        disk.display()
    );
    std::fs::write(folder.join("build-a.xml"), domain).unwrap();
    folder
}

#[test]
fn a_disk_that_an_owner_names_is_not_free_to_go() {
    let fleet = Fleet::three();
    let folder = defined(&fleet);
    let ask = |verb: &str, name: &str| {
        fleet.diskdag(verb).rooted().image(name).arg("--owners").arg(&folder)
    };
    fleet.diskdag("can-rm").rooted().image("leaf.qcow2").go().exits(0);
    ask("can-rm", "leaf.qcow2").go().exits(4).says("vm build-a").says("checked: headers");
    let answer = ask("can-rm", "leaf.qcow2").json().go().exits(4).scanned("can-rm");
    let blockers = items(&answer, "blockers");
    assert_eq!(blockers.len(), 1, "{answer}");
    assert_eq!(text_of(&blockers[0], "kind"), "owner");
    assert_eq!(path_of(&blockers[0]), fleet.path("leaf.qcow2"));
    assert!(items(&answer, "checked").iter().any(|checked| checked == "owners"), "{answer}");

    ask("dependents", "base.qcow2").go().exits(0).says("leaf.qcow2  (vm build-a)");
    ask("tree", "").go().exits(0).says("(vm build-a)");
    let answer = ask("tree", "").json().go().exits(0).scanned("tree");
    let owned = items(&answer, "disks").iter().filter(|disk| !items(disk, "owners").is_empty());
    assert_eq!(owned.map(path_of).collect::<Vec<_>>(), [fleet.path("leaf.qcow2")]);

    // The environment says it as well.
    let answer = fleet.diskdag("can-rm").rooted().image("leaf.qcow2");
    answer.env("DISKDAG_OWNERS", &folder).go().exits(4).says("vm build-a");
}

#[test]
fn a_mapping_serves_those_who_are_not_libvirt() {
    let fleet = Fleet::three();
    let map = fleet.outside().join("map");
    std::fs::write(&map, "# disks of the sandboxes\nimages/leaf.qcow2\tsandbox 17\n").unwrap();
    let ask = || fleet.diskdag("can-rm").rooted().image("leaf.qcow2").arg("--owners").arg(&map);
    ask().go().exits(4).says("sandbox 17");
    std::fs::write(&map, "images/leaf.qcow2 sandbox 17\n").unwrap();
    ask().go().exits(7).says("line 1");
}

#[test]
fn an_owner_file_that_cannot_be_read_makes_the_answer_unknown() {
    let fleet = Fleet::three();
    let folder = defined(&fleet);
    std::fs::write(folder.join("b.xml"), "<domain><name>b</name><devices>").unwrap();
    let ask = |name: &str, owners: &PathBuf| {
        let ask = fleet.diskdag("can-rm").rooted().image(name).arg("--owners").arg(owners);
        ask.json().go()
    };
    fleet.base("free.qcow2");
    let answer = ask("free.qcow2", &folder).exits(7).scanned("can-rm");
    assert_eq!(text_of(&items(&answer, "doubts")[0], "kind"), "owner");
    let answer = ask("free.qcow2", &fleet.outside().join("none")).exits(7).scanned("can-rm");
    assert_eq!(items(&answer, "doubts").len(), 1);
}

/// The directory of the images, given for that of the definitions: every disk was free to go.
#[test]
fn a_directory_without_any_definition_is_not_taken_for_nobody_owning_anything() {
    let fleet = Fleet::three();
    let empty = fleet.outside().join("no-such-definitions");
    std::fs::create_dir(&empty).unwrap();
    let ask = || fleet.diskdag("can-rm").rooted().image("leaf.qcow2").arg("--owners").arg(&empty);
    ask().go().exits(7).says("holds no definition of a machine");
    let answer = ask().json().go().exits(7).scanned("can-rm");
    assert_eq!(text_of(&items(&answer, "doubts")[0], "kind"), "owner");
    // As libvirt leaves it before the first machine.
    std::fs::create_dir(empty.join("networks")).unwrap();
    ask().go().exits(0).says("owners");
    // Nobody has disks, and says so.
    let map = fleet.outside().join("nobody");
    std::fs::write(&map, "").unwrap();
    let ask = fleet.diskdag("can-rm").rooted().image("leaf.qcow2").arg("--owners").arg(&map);
    ask.go().exits(0);
}
