//! Bytes and plans: `du`, what `tree`, `can-rm` and `scan` say of sizes, depths and the missing.

use serde_json::Value;

use crate::support::{Fleet, items, path_of, paths_of, text_of};

/// The entry of one disk.
fn entry<'a>(answer: &'a Value, fleet: &Fleet, name: &str) -> &'a Value {
    let found = items(answer, "disks").iter().find(|disk| path_of(disk) == fleet.path(name));
    found.unwrap_or_else(|| panic!("{name} is not in {answer}"))
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{key} is no number in {value}"))
}

#[test]
fn what_a_leaf_alone_keeps_is_its_whole_chain() {
    let fleet = Fleet::three();
    let ask = || fleet.diskdag("du").rooted().arg(fleet.root());
    let answer = ask().json().go().exits(0).scanned("du");
    let own = |name: &str| number(entry(&answer, &fleet, name), "own");
    let all = own("leaf.qcow2") + own("middle.qcow2") + own("base.qcow2");
    let leaf = entry(&answer, &fleet, "leaf.qcow2");
    assert_eq!((number(leaf, "retained"), number(leaf, "shared")), (all, 0));
    assert_eq!(number(leaf, "exclusive"), own("leaf.qcow2"));
    assert_eq!((number(&answer, "total"), number(&answer, "reclaimable")), (all, 0));
    // Greatest first.
    assert_eq!(path_of(&items(&answer, "disks")[0]), fleet.path("leaf.qcow2"));

    // A second overlay of the middle: the chain below is shared now.
    fleet.overlay("other.qcow2", "middle.qcow2");
    let answer = ask().json().go().exits(0).scanned("du");
    let leaf = entry(&answer, &fleet, "leaf.qcow2");
    assert_eq!(number(leaf, "shared"), own("middle.qcow2") + own("base.qcow2"));
    assert_eq!(number(leaf, "retained"), own("leaf.qcow2"));
    let tree =
        fleet.diskdag("tree").rooted().arg(fleet.root()).json().go().exits(0).scanned("tree");
    assert_eq!(entry(&tree, &fleet, "leaf.qcow2")["shared"], leaf["shared"]);
    let text = ask().args(["--sort", "path", "--limit", "1"]).go().exits(0);
    text.says("RETAINED").says("base.qcow2").says("and 3 more").never_says("leaf.qcow2");
}

#[test]
fn a_hole_takes_no_bytes() {
    let fleet = Fleet::new();
    let file = std::fs::File::create(fleet.path("sparse.raw")).unwrap();
    file.set_len(1 << 30).unwrap();
    let answer = fleet.diskdag("du").rooted().arg(fleet.root()).json().go().exits(0).scanned("du");
    assert!(number(entry(&answer, &fleet, "sparse.raw"), "own") < 1 << 20);
}

#[test]
fn what_no_owner_needs_is_reclaimable() {
    let fleet = Fleet::three();
    fleet.overlay("forgotten.qcow2", "middle.qcow2");
    let map = fleet.outside().join("map");
    std::fs::write(&map, "images/leaf.qcow2\tsandbox 17\n").unwrap();
    let ask = |verb: &str| fleet.diskdag(verb).rooted().arg(fleet.root()).arg("--owners").arg(&map);
    let answer = ask("du").json().go().exits(0).scanned("du");
    let forgotten = entry(&answer, &fleet, "forgotten.qcow2");
    assert!(number(forgotten, "own") > 0);
    assert_eq!(answer["reclaimable"], forgotten["own"]);
    let answer = ask("scan").json().go().exits(0).scanned("scan");
    assert_eq!(answer["orphans"], serde_json::json!([fleet.path("forgotten.qcow2")]));
    ask("scan").go().exits(0).says("orphans").says("forgotten.qcow2");
    let without = fleet.diskdag("scan").rooted().arg(fleet.root()).json().go().exits(0);
    assert_eq!(without.scanned("scan")["orphans"], Value::Null);
}

#[test]
fn a_refused_removal_comes_with_a_plan() {
    let fleet = Fleet::three();
    fleet.overlay("other.qcow2", "base.qcow2");
    let ask = |names: &[&str]| {
        let paths = names.iter().map(|name| fleet.path(name));
        fleet.diskdag("can-rm").rooted().args(paths)
    };
    let answer = ask(&["middle.qcow2"]).json().go().exits(4).scanned("can-rm");
    let [step] = items(&answer, "plan") else { panic!("{answer}") };
    assert_eq!((path_of(step), text_of(step, "remedy")), (fleet.path("leaf.qcow2"), "rebase"));
    assert_eq!(step["onto"], fleet.path("base.qcow2").to_str().unwrap());
    assert!(number(step, "copies") > 0);
    let answer = ask(&["base.qcow2"]).json().go().exits(4).scanned("can-rm");
    let steps = items(&answer, "plan");
    assert_eq!(steps.len(), 2, "the leaf rests on the middle alone: {answer}");
    assert!(steps.iter().all(|step| text_of(step, "remedy") == "flatten"));
    ask(&["base.qcow2"]).go().exits(4).says("to be done first, cheapest first").says("flatten");
    let answer = ask(&["leaf.qcow2"]).json().go().exits(0).scanned("can-rm");
    assert!(items(&answer, "plan").is_empty());
}

#[test]
fn a_moved_base_is_named_where_it_is_now() {
    let fleet = Fleet::three();
    fleet.folder("elsewhere");
    std::fs::rename(fleet.path("base.qcow2"), fleet.path("elsewhere/base.qcow2")).unwrap();
    let ask = || fleet.diskdag("scan").rooted().arg(fleet.root());
    let answer = ask().json().go().exits(6).scanned("scan");
    let [one] = items(&answer, "relocated") else { panic!("{answer}") };
    assert_eq!(path_of(one), fleet.path("base.qcow2"));
    let [candidate] = items(one, "candidates") else { panic!("{answer}") };
    assert_eq!(path_of(candidate), fleet.path("elsewhere/base.qcow2"));
    assert_eq!((&candidate["same-name"], &candidate["same-size"]), (&true.into(), &true.into()));
    ask().go().exits(6).says("missing, and may be here").says("same name");
}

#[test]
fn copies_of_a_base_are_named() {
    let fleet = Fleet::three();
    std::fs::copy(fleet.path("base.qcow2"), fleet.path("copy.qcow2")).unwrap();
    let answer = fleet.diskdag("scan").rooted().arg(fleet.root()).json().go().exits(0);
    let answer = answer.scanned("scan");
    let [group] = items(&answer, "duplicates") else { panic!("{answer}") };
    let expected = [fleet.path("base.qcow2"), fleet.path("copy.qcow2")];
    assert_eq!(group["paths"], serde_json::json!(expected));
    assert!(number(group, "wasted") > 0);
}

#[test]
fn a_chain_of_64_is_called_deep() {
    let fleet = Fleet::new();
    fleet.base("0.qcow2");
    for layer in 1..=64 {
        fleet.overlay(&format!("{layer}.qcow2"), format!("{}.qcow2", layer - 1));
    }
    let answer = fleet.diskdag("scan").rooted().arg(fleet.root()).json().go().exits(0);
    let answer = answer.scanned("scan");
    assert_eq!(paths_of(&answer, "deep"), [fleet.path("64.qcow2")]);
    assert_eq!(number(&items(&answer, "deep")[0], "depth"), 64);
    fleet.diskdag("tree").rooted().arg(fleet.root()).go().exits(0).says("flatten it");
    std::fs::remove_file(fleet.path("64.qcow2")).unwrap();
    fleet.diskdag("tree").rooted().arg(fleet.root()).go().exits(0).never_says("flatten it");
    fleet.diskdag("scan").rooted().arg(fleet.root()).go().exits(0).never_says("deep\n");
    // Who wants it otherwise says so.
    let ask = |deep: &str| fleet.diskdag("scan").rooted().arg(fleet.root()).args(["--deep", deep]);
    let answer = ask("63").json().go().exits(0).scanned("scan");
    assert_eq!(paths_of(&answer, "deep"), [fleet.path("63.qcow2")]);
    assert_eq!(text_of(&items(&answer, "deep")[0], "verdict"), "fine");
    ask("0").go().exits(64);
}
