//! Who needs whom: `dependents`, `chain` and `why`.

use crate::support::{Fleet, identities, items, path_of, paths_of};

#[test]
fn dependents_direct_and_all() {
    let fleet = Fleet::three();
    let ask = || fleet.diskdag("dependents").rooted().image("base.qcow2");
    let answer = ask().json().go().exits(0).scanned("dependents");
    let found: Vec<_> = items(&answer, "dependents")
        .iter()
        .map(|entry| (path_of(entry), entry["depth"].as_u64().unwrap(), entry["direct"] == true))
        .collect();
    let expected = [(fleet.path("middle.qcow2"), 1, true), (fleet.path("leaf.qcow2"), 2, false)];
    assert_eq!(found, expected);
    assert_eq!(answer["image"], fleet.path("base.qcow2").to_str().unwrap());
    let answer = ask().arg("--direct").json().go().exits(0).scanned("dependents");
    assert_eq!(paths_of(&answer, "dependents"), [fleet.path("middle.qcow2")]);

    let text = ask().go().exits(0);
    assert_eq!(text.text().lines().count(), 2);
    let text = ask().arg("--direct").go().exits(0);
    assert_eq!(text.text().lines().count(), 1);
    assert_eq!(ask().arg("--count").go().exits(0).text(), "2\n");
    assert_eq!(ask().args(["--count", "--direct"]).go().exits(0).text(), "1\n");
    let leaf = fleet.diskdag("dependents").rooted().image("leaf.qcow2").arg("--count").go();
    assert_eq!(leaf.exits(0).text(), "0\n");
}

#[test]
fn dependents_for_xargs() {
    let fleet = Fleet::three();
    fleet.overlay("with space and\nnewline", "base.qcow2");
    let answer =
        fleet.diskdag("dependents").rooted().arg("-0").image("base.qcow2").any_bytes().go();
    let stdout = answer.exits(0).stdout;
    assert_eq!(stdout.last(), Some(&0), "every name ends with a NUL");
    let names = stdout[..stdout.len() - 1].split(|byte| *byte == 0);
    let names: Vec<_> = names.map(|name| std::str::from_utf8(name).unwrap()).collect();
    let expected = ["middle.qcow2", "with space and\nnewline", "leaf.qcow2"];
    assert_eq!(identities(&names), identities(expected.map(|name| fleet.path(name))));
    assert_eq!(names.len(), 3);
    let leaf = fleet.diskdag("dependents").rooted().arg("-0").image("leaf.qcow2").go().exits(0);
    assert!(leaf.stdout.is_empty());
}

/// `leaf` is made on `file:middle.qcow2`, which QEMU looks for where it was started: that is any file of this
/// name, and one of them needs the base.
#[test]
fn why_says_no_only_where_every_step_of_the_chain_is_certain() {
    let fleet = Fleet::three();
    fleet.folder("elsewhere");
    for leaf in ["leaf.qcow2", "elsewhere/leaf.qcow2"] {
        fleet.overlay(leaf, "file:middle.qcow2");
        let ask = |image: &str| fleet.diskdag("why").image(image).image(leaf).json().go();
        let answer = ask("base.qcow2").exits(7).object("why");
        assert_eq!(answer["depends"], "unknown", "{answer}");
        assert_eq!(items(&answer, "doubts")[0]["kind"], "working-directory", "{answer}");
    }
    fleet.base("other.qcow2");
    let ask = |leaf: &str| fleet.diskdag("why").image("other.qcow2").image(leaf).json().go();
    ask("elsewhere/leaf.qcow2").exits(7);
    ask("middle.qcow2").exits(4);
}

/// As `dependents` says it does: opened as `two/top.qcow2` it needs that base, and is shown as `one/top.qcow2`.
#[test]
fn why_knows_the_other_names_of_a_dependent() {
    let fleet = Fleet::new();
    for folder in ["one", "two"] {
        fleet.folder(folder);
        fleet.base(&format!("{folder}/base.qcow2"));
    }
    fleet.overlay("two/top.qcow2", "base.qcow2");
    let name = |name: &str| fleet.root().join(name);
    std::fs::hard_link(name("two/top.qcow2"), name("one/top.qcow2")).unwrap();
    fleet.base("three.qcow2");
    let why = |image: &str| fleet.diskdag("why").rooted().image(image).image("one/top.qcow2").go();
    why("one/base.qcow2").exits(0);
    why("two/base.qcow2").exits(0);
    why("three.qcow2").exits(4);
}

#[test]
fn chain_is_top_first() {
    let fleet = Fleet::three();
    let answer = fleet.diskdag("chain").image("leaf.qcow2").json().go().exits(0).object("chain");
    let expected = ["leaf.qcow2", "middle.qcow2", "base.qcow2"].map(|name| fleet.path(name));
    assert_eq!(paths_of(&answer, "chain"), expected);
    assert_eq!(answer["image"], expected[0].to_str().unwrap());
    for layer in items(&answer, "chain") {
        assert_eq!(layer["format"], "qcow2");
        assert_eq!(layer["state"], "ok");
        assert_eq!(layer["virtual-size"], 32 << 10);
        assert!(layer["actual-size"].is_u64());
    }
    let text = fleet.diskdag("chain").image("leaf.qcow2").go().exits(0);
    let at = ["leaf.qcow2", "middle.qcow2", "base.qcow2"].map(|name| text.text().find(name));
    assert!(at[0].is_some() && at.is_sorted(), "{}", text.whole());
}

#[test]
fn why_names_every_step() {
    let fleet = Fleet::three();
    fleet.base("other.qcow2");
    let ask = |image: &str, dependent: &str| {
        fleet.diskdag("why").rooted().image(image).image(dependent).json().go()
    };
    let answer = ask("base.qcow2", "leaf.qcow2").exits(0).object("why");
    let steps = items(&answer, "steps").iter().map(|step| step.as_str().unwrap().into());
    let expected = ["leaf.qcow2", "middle.qcow2", "base.qcow2"].map(|name| fleet.path(name));
    assert_eq!(steps.collect::<Vec<std::path::PathBuf>>(), expected, "dependent first");
    assert_eq!(answer["image"], expected[2].to_str().unwrap());
    assert_eq!(answer["dependent"], expected[0].to_str().unwrap());
    // The other way round there is nothing, nor between strangers.
    ask("leaf.qcow2", "base.qcow2").exits(4);
    ask("other.qcow2", "leaf.qcow2").exits(4);
    ask("gone.qcow2", "leaf.qcow2").exits(5);
}
