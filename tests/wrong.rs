//! Mistakes that programs of this kind are known for: each was seen in the wild, each cost
//! somebody a disk, and each has its test here.

use crate::support::{
    Answer, Fleet, Image, identities, identity, items, path_of, paths_of, require_qemu,
};

fn can_rm(fleet: &Fleet, name: &str) -> Answer {
    fleet.diskdag("can-rm").rooted().image(name).json().go()
}

/// A walk that stops silently at depth 8 (or 10, 16, 64): deeper dependents are invisible and the
/// base is deleted.
#[test]
fn no_walk_stops_at_a_depth() {
    for depth in [9, 11, 17, 65, 257] {
        let fleet = Fleet::new();
        fleet.base("0.qcow2");
        for layer in 1..=depth {
            fleet.overlay(&format!("{layer}.qcow2"), format!("{}.qcow2", layer - 1));
        }
        let answer = can_rm(&fleet, "0.qcow2").exits(4).scanned("can-rm");
        assert_eq!(items(&answer, "blockers").len(), depth);
        let top = format!("{depth}.qcow2");
        let chain = fleet.diskdag("chain").image(&top).json().go().exits(0).object("chain");
        assert_eq!(items(&chain, "chain").len(), depth + 1);
        let steps = fleet.diskdag("why").rooted().image("0.qcow2").image(&top).json().go();
        assert_eq!(items(&steps.exits(0).object("why"), "steps").len(), depth + 1);
    }
}

/// A read error, a missing file or a failed canonicalize ends the walk, and the answer is
/// "no dependency".
#[test]
fn a_file_that_cannot_be_understood_is_never_no_dependency() {
    // A qcow2 file cut off inside its header: nobody knows what it named.
    let fleet = Fleet::three();
    fleet.bytes("cut.qcow2", &Image::over("leaf.qcow2").bytes()[..71]);
    let answer = can_rm(&fleet, "leaf.qcow2").exits(7).scanned("can-rm");
    assert_eq!(identities(paths_of(&answer, "doubts")), identities([fleet.path("cut.qcow2")]));

    // A missing link in the middle: what lies above it is still seen, and the base still is too.
    let fleet = Fleet::three();
    fleet.overlay("a-broken.qcow2", "missing.qcow2");
    fleet.overlay("b-above.qcow2", "a-broken.qcow2");
    can_rm(&fleet, "a-broken.qcow2").exits(4).says("b-above.qcow2");
    can_rm(&fleet, "base.qcow2").exits(4).says("leaf.qcow2");
    can_rm(&fleet, "leaf.qcow2").exits(0);
}

/// Relative backing names resolved against the working directory; `json:` and URIs ignored; the
/// external data file ignored.
#[test]
fn relative_names_are_resolved_from_the_image_and_not_from_the_working_directory() {
    let fleet = Fleet::new();
    fleet.base("vms/base.qcow2");
    fleet.base("elsewhere/base.qcow2");
    fleet.overlay("vms/vm.qcow2", "base.qcow2");
    let within = fleet.path("elsewhere");
    let chain = fleet.diskdag("chain").arg("../vms/vm.qcow2").within(&within).json().go();
    let chain = paths_of(&chain.exits(0).object("chain"), "chain");
    assert_eq!(identity(within.join(&chain[1])), identity(fleet.path("vms/base.qcow2")));
    let ask = |name: &str| fleet.diskdag("can-rm").rooted().arg(name).within(&within).go();
    ask("../vms/base.qcow2").exits(4);
    ask("base.qcow2").exits(0);
}

/// The same, its second part.
#[test]
fn json_names_are_followed() {
    let fleet = Fleet::three();
    let base = fleet.path("base.qcow2");
    let base = base.to_str().unwrap();
    for (index, name) in [
        format!(r#"json:{{"driver":"qcow2","file":{{"driver":"file","filename":"{base}"}}}}"#),
        format!(r#"json:{{"driver":"qcow2","file.driver":"file","file.filename":"{base}"}}"#),
        format!(r#"json:{{"file":{{"filename":"{base}"}}}}"#),
        format!("json:{{'driver':'qcow2','file':{{'driver':'file','filename':'{base}'}}}}"),
    ]
    .iter()
    .enumerate()
    {
        let overlay = fleet.overlay(&format!("json-{index}.qcow2"), name);
        let answer = fleet.diskdag("dependents").rooted().arg(base).json().go().exits(0);
        let dependents = paths_of(&answer.scanned("dependents"), "dependents");
        assert!(identities(dependents).contains(&identity(&overlay)), "{name} is not followed");
    }
}

/// The same: a disk over the network is no file of this host, and no gap in the answer either.
#[test]
fn remote_names_are_shown_and_are_no_doubt() {
    let fleet = Fleet::three();
    fleet.overlay("remote.qcow2", "nbd://10.0.0.1:10809/leaf.qcow2");
    can_rm(&fleet, "leaf.qcow2").exits(0);
    let graph = fleet.diskdag("graph").rooted().arg(fleet.root()).json().go();
    let graph = graph.exits_one_of(&[0, 6]).scanned("graph");
    assert!(items(&graph, "disks").iter().any(|disk| disk["state"] == "remote"), "{graph}");
}

/// The same, its last part: the data lies in the data file, and the image is only its table.
#[test]
fn the_external_data_file_counts() {
    let fleet = Fleet::new();
    let data = fleet.bytes("data.raw", &[0; 32 << 10]);
    fleet.write("table.qcow2", &Image::new().data_file(&data));
    fleet.overlay("over.qcow2", "table.qcow2");
    let answer = can_rm(&fleet, "data.raw").exits(4).scanned("can-rm");
    let blockers = identities(paths_of(&answer, "blockers"));
    assert_eq!(blockers, identities([fleet.path("table.qcow2"), fleet.path("over.qcow2")]));
    let answer = fleet.diskdag("dependents").rooted().image("data.raw").arg("--direct").json();
    let answer = answer.go().exits(0).scanned("dependents");
    assert_eq!(items(&answer, "dependents").len(), 1);
    assert_eq!(answer["dependents"][0]["kind"], "data-file");
}

/// Only one directory searched; directory errors ignored; the first child found is taken for the
/// only one.
#[test]
fn all_folders_below_all_roots_are_searched_and_all_children_are_named() {
    let fleet = Fleet::new();
    let base = fleet.base("one/base.qcow2");
    let mut children = Vec::new();
    for (index, folder) in ["one", "one/deep/er", "two", "two/a/b/c/d/e"].iter().enumerate() {
        for twin in ["x", "y"] {
            children.push(fleet.overlay(&format!("{folder}/{index}{twin}"), &base));
        }
    }
    let roots = [fleet.path("one"), fleet.path("two")];
    let ask = fleet.diskdag("can-rm").arg("--root").arg(&roots[0]).arg("--root").arg(&roots[1]);
    let answer = ask.arg(&base).json().go().exits(4).scanned("can-rm");
    assert_eq!(identities(paths_of(&answer, "blockers")), identities(&children));
    let scope = items(&answer, "scope").iter().map(|path| path.as_str().unwrap());
    assert_eq!(identities(scope), identities(&roots));

    // Only half of it is looked at, and the answer says which half.
    let answer = fleet.diskdag("can-rm").arg("--root").arg(&roots[0]).arg(&base).json().go();
    let answer = answer.exits(4).scanned("can-rm");
    assert_eq!(identities(paths_of(&answer, "blockers")), identities(&children[..4]));
}

/// A chain opened by recursion: a cycle overflows the stack, or fills memory.
#[test]
fn cycles_end_everywhere() {
    let fleet = Fleet::new();
    fleet.overlay("self.qcow2", "self.qcow2");
    fleet.overlay("a.qcow2", "b.qcow2");
    fleet.overlay("b.qcow2", "c.qcow2");
    fleet.overlay("c.qcow2", "a.qcow2");
    fleet.overlay("above.qcow2", "a.qcow2");
    let ring = ["a.qcow2", "b.qcow2", "c.qcow2"];

    let scan = fleet.diskdag("scan").rooted().arg(fleet.root()).json().go().exits(6);
    let scan = scan.scanned("scan");
    let mut cycles: Vec<_> = items(&scan, "cycles")
        .iter()
        .map(|cycle| {
            identities(cycle.as_array().unwrap().iter().map(|name| name.as_str().unwrap()))
        })
        .collect();
    cycles.sort_by_key(std::collections::BTreeSet::len);
    let expected =
        [identities([fleet.path("self.qcow2")]), identities(ring.map(|name| fleet.path(name)))];
    assert_eq!(cycles, expected, "{scan}");

    for verb in ["tree", "graph"] {
        fleet.diskdag(verb).rooted().arg(fleet.root()).go().exits_one_of(&[0, 6]).says("above");
    }
    for (top, members) in [("self.qcow2", 1), ("above.qcow2", 4)] {
        let chain = fleet.diskdag("chain").image(top).json().go().exits(6).object("chain");
        let seen = identities(paths_of(&chain, "chain"));
        assert_eq!(seen.len(), members, "{chain}");
        assert!(items(&chain, "chain").len() <= members + 1, "{chain}");
        assert_eq!(identity(path_of(&chain["chain"][0])), identity(fleet.path(top)));
    }
    for name in ring {
        let answer = can_rm(&fleet, name).exits(4).scanned("can-rm");
        let blockers = identities(paths_of(&answer, "blockers"));
        let others = ring.iter().filter(|other| **other != name).chain(&["above.qcow2"]);
        assert!(blockers.is_superset(&identities(others.map(|other| fleet.path(other)))));
    }
    can_rm(&fleet, "above.qcow2").exits(0);
    // As a set they are free: whoever removes the ring and what stands on it breaks nothing.
    let all = fleet.diskdag("can-rm").rooted().args(ring.map(|name| fleet.path(name)));
    all.image("above.qcow2").json().go().exits(0);
}

/// A disk moved to a snapshots directory: its relative backing name no longer resolves.
#[test]
fn a_moved_overlay_is_reported_and_its_old_base_is_not_thought_free() {
    let fleet = Fleet::three();
    fleet.folder("snapshots");
    std::fs::rename(fleet.path("leaf.qcow2"), fleet.path("snapshots/leaf.qcow2")).unwrap();
    let scan = fleet.diskdag("scan").rooted().arg(fleet.root()).json().go().exits(6);
    let scan = scan.scanned("scan");
    let missing = items(&scan, "missing");
    assert_eq!(missing.len(), 1);
    assert!(path_of(&missing[0]).ends_with("snapshots/middle.qcow2"), "{scan}");
    // Its name is middle's, so it may well be middle that it needs.
    let answer = can_rm(&fleet, "middle.qcow2").exits(7).scanned("can-rm");
    assert_eq!(answer["verdict"], "unknown");
    can_rm(&fleet, "middle.qcow2").says("snapshots");
    // The base still has middle.
    can_rm(&fleet, "base.qcow2").exits(4);
    // Nothing speaks for a disk of another name.
    fleet.base("unrelated.qcow2");
    can_rm(&fleet, "unrelated.qcow2").exits(0);
}

/// The same, seen from the base: it is the base that was moved away.
#[test]
fn a_moved_base_is_not_thought_free() {
    let fleet = Fleet::three();
    fleet.folder("new-home");
    std::fs::rename(fleet.path("base.qcow2"), fleet.path("new-home/base.qcow2")).unwrap();
    can_rm(&fleet, "new-home/base.qcow2").exits(7).says("middle.qcow2");
}

/// QEMU agrees that the moved disk is broken; the test above is not about a rule of our own.
#[test]
fn qemu_too_resolves_from_the_folder_of_the_overlay() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::three();
    fleet.folder("snapshots");
    std::fs::rename(fleet.path("leaf.qcow2"), fleet.path("snapshots/leaf.qcow2")).unwrap();
    let leaf = fleet.path("snapshots/leaf.qcow2");
    let arguments = ["info".as_ref(), "--backing-chain".as_ref(), leaf.as_os_str()];
    let finished = qemu.try_img(&fleet.root(), arguments);
    assert_ne!(finished.code, Some(0));
    assert!(String::from_utf8_lossy(&finished.stderr).contains("snapshots/middle.qcow2"));
}
