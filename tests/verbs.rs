//! Verbs, options and formats that the other files do not need.

use std::collections::BTreeMap;

use crate::support::{Fleet, identities, identity, items, path_of, paths_of};

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

#[test]
fn the_other_names_of_verbs() {
    let fleet = Fleet::three();
    let [left, right] = ["dependents", "rdeps"]
        .map(|verb| fleet.diskdag(verb).rooted().image("base.qcow2").go().exits(0).stdout);
    assert_eq!(left, right);
    let [left, right] =
        ["chain", "deps"].map(|verb| fleet.diskdag(verb).image("leaf.qcow2").go().exits(0).stdout);
    assert_eq!(left, right);
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

/// Members of a set do not block each other; what stands outside of it does.
#[test]
fn can_rm_judges_a_set() {
    let fleet = Fleet::three();
    let ask = |names: &[&str]| {
        let paths: Vec<_> = names.iter().map(|name| fleet.path(name)).collect();
        fleet.diskdag("can-rm").rooted().args(paths).json().go()
    };
    let answer = ask(&["middle.qcow2", "leaf.qcow2"]).exits(0).scanned("can-rm");
    assert_eq!(answer["verdict"], "yes");
    assert_eq!(items(&answer, "images").len(), 2);
    // Both files' blocks, and no other's.
    let blocks = |name: &str| {
        std::os::unix::fs::MetadataExt::blocks(&fleet.path(name).metadata().unwrap()) * 512
    };
    assert_eq!(answer["frees"], blocks("middle.qcow2") + blocks("leaf.qcow2"));
    ask(&["leaf.qcow2", "middle.qcow2", "base.qcow2"]).exits(0);
    let answer = ask(&["base.qcow2", "leaf.qcow2"]).exits(4).scanned("can-rm");
    let middle = identities([fleet.path("middle.qcow2")]);
    assert_eq!(identities(paths_of(&answer, "blockers")), middle);
    let verdicts: BTreeMap<_, _> = items(&answer, "images")
        .iter()
        .map(|image| (identity(path_of(image)), image["verdict"].as_str().unwrap()))
        .collect();
    assert_eq!(verdicts[&identity(fleet.path("base.qcow2"))], "no", "{answer}");
    assert_eq!(verdicts[&identity(fleet.path("leaf.qcow2"))], "yes", "{answer}");
    // Named twice, it is still one.
    ask(&["leaf.qcow2", "leaf.qcow2"]).exits(0);
}

/// A file with another hard link frees nothing when one of its names goes.
#[test]
fn a_second_name_keeps_the_blocks() {
    let fleet = Fleet::three();
    let leaf = fleet.path("leaf.qcow2");
    std::fs::hard_link(&leaf, fleet.outside().join("kept.qcow2")).unwrap();
    let answer = fleet.diskdag("can-rm").rooted().arg(&leaf).json().go().exits_one_of(&[0, 7]);
    assert_eq!(answer.scanned("can-rm")["frees"], 0);
}

#[test]
fn tree_shows_every_disk_and_turns_round() {
    let fleet = Fleet::three();
    fleet.overlay("other.qcow2", "base.qcow2");
    let order = |answer: &str| {
        let at = |name: &str| answer.find(name).unwrap_or_else(|| panic!("no {name} in {answer}"));
        assert!(answer.contains("other.qcow2"), "{answer}");
        at("base.qcow2") < at("leaf.qcow2")
    };
    let normal = fleet.diskdag("tree").rooted().arg(fleet.root()).go().exits(0);
    let inverted = fleet.diskdag("tree").rooted().arg("-i").arg(fleet.root()).go().exits(0);
    assert_ne!(order(normal.text()), order(inverted.text()), "{}", inverted.whole());

    let json = fleet.diskdag("tree").rooted().arg(fleet.root()).json().go().exits(0);
    let json = json.scanned("tree");
    let depths: BTreeMap<_, _> = items(&json, "disks")
        .iter()
        .map(|disk| {
            let name = path_of(disk).file_name().unwrap().to_string_lossy().into_owned();
            (name, (disk["depth"].as_u64().unwrap(), disk["dependents"].as_u64().unwrap()))
        })
        .collect();
    // Depth is compared, not fixed: whether a base is at 0 or at 1 is not what this is about.
    let [base, middle, leaf] =
        ["base.qcow2", "middle.qcow2", "leaf.qcow2"].map(|name| depths[name]);
    assert_eq!([base.1, middle.1, leaf.1], [3, 1, 0]);
    assert_eq!([middle.0 - base.0, leaf.0 - middle.0], [1, 1]);
}

#[test]
fn graph_in_every_format() {
    let fleet = Fleet::three();
    let ask = |format: &str| {
        fleet.diskdag("graph").rooted().arg(fleet.root()).args(["--format", format]).go().exits(0)
    };
    let dot = ask("dot");
    assert!(dot.text().trim_start().starts_with("digraph"), "{}", dot.whole());
    assert_eq!(dot.text().matches("->").count(), 2, "{}", dot.whole());
    let mermaid = ask("mermaid");
    let first = mermaid.text().lines().find(|line| !line.trim().is_empty()).unwrap();
    assert!(first.starts_with("graph ") || first.starts_with("flowchart "), "{first}");
    assert_eq!(mermaid.text().matches("--").count(), 2, "{}", mermaid.whole());
    for text in [dot, mermaid] {
        for name in ["base.qcow2", "middle.qcow2", "leaf.qcow2"] {
            assert!(text.text().contains(name), "{}", text.whole());
        }
    }
    let json = ask("json");
    let flag = fleet.diskdag("graph").rooted().arg(fleet.root()).json().go().exits(0);
    for answer in [json.scanned("graph"), flag.scanned("graph")] {
        assert_eq!(items(&answer, "disks").len(), 3);
        assert_eq!(items(&answer, "edges").len(), 2);
    }
    fleet.diskdag("graph").rooted().arg(fleet.root()).args(["--format", "nonsense"]).go().exits(64);
}

/// Every key of the contract, once.
#[test]
fn every_key_of_a_disk_and_an_edge() {
    let fleet = Fleet::three();
    for verb in ["tree", "graph"] {
        let answer = fleet.diskdag(verb).rooted().arg(fleet.root()).json().go().exits(0);
        let answer = answer.scanned(verb);
        let disks = items(&answer, "disks");
        for disk in disks {
            for key in [
                "id",
                "path",
                "paths",
                "device",
                "inode",
                "format",
                "state",
                "virtual-size",
                "actual-size",
                "depth",
                "dependents",
                "frees",
                "findings",
            ] {
                assert!(!disk[key].is_null(), "{key} is not in {disk}");
            }
            assert_eq!(disk["state"], "ok");
            let (device, inode) = identity(path_of(disk));
            assert_eq!(disk["device"], device, "{disk}");
            assert_eq!(disk["inode"], inode, "{disk}");
        }
        for edge in items(&answer, "edges") {
            assert_eq!(edge["kind"], "backing");
            assert_eq!(edge["rule"], "relative");
            assert_eq!(edge["format"], "qcow2");
            let end = |key: &str| {
                let disk = disks.iter().find(|disk| disk["id"] == edge[key]).unwrap();
                path_of(disk).file_name().unwrap().to_string_lossy().into_owned()
            };
            assert_eq!(edge["name"], end("to"), "{edge}");
            assert!(
                [("leaf.qcow2", "middle.qcow2"), ("middle.qcow2", "base.qcow2")]
                    .contains(&(end("from").as_str(), end("to").as_str()))
            );
        }
    }
}

/// The scan's summary agrees with the picture.
#[test]
fn scan_counts_what_the_graph_has() {
    let fleet = Fleet::three();
    fleet.overlay("other/over.qcow2", "../base.qcow2");
    fleet.bytes("notes.txt", b"no disk\n");
    let scan = fleet.diskdag("scan").rooted().arg(fleet.root()).json().go().exits(0);
    let scan = scan.scanned("scan");
    let tree = fleet.diskdag("tree").rooted().arg(fleet.root()).json().go().exits(0);
    let tree = tree.scanned("tree");
    assert_eq!(scan["disks"], items(&tree, "disks").len());
    assert_eq!(scan["edges"], items(&tree, "edges").len());
    assert_eq!(scan["bases"], 1);
    assert_eq!(scan["overlays"], 3);
    let deepest = items(&tree, "disks").iter().map(|disk| disk["depth"].as_u64().unwrap()).max();
    assert_eq!(scan["deepest"].as_u64(), deepest);
    assert!(scan["elapsed-ms"].is_u64());
}

/// The tour needs nothing: no QEMU, no settings, no rights, no folder that it may write but the
/// temporary one; and it leaves nothing behind where it was started.
#[test]
fn demo() {
    let fleet = Fleet::new();
    let here = fleet.outside().join("here");
    std::fs::create_dir(&here).unwrap();
    let answer = fleet.diskdag("demo").within(&here).env("PATH", "").unprivileged().go().exits(0);
    for words in ["tree", "can-rm", ".qcow2", "--root"] {
        assert!(answer.everything().contains(words), "{words:?}\n{}", answer.whole());
    }
    assert_eq!(std::fs::read_dir(&here).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(fleet.settings()).unwrap().count(), 0, "no settings are written");
}

/// clap wraps at 100 columns: a wider line left one word of itself on a line of its own.
#[test]
fn no_text_of_the_help_is_wider_than_the_help() {
    let files = [
        ("root", include_str!("../cli/help/root.rs")),
        ("graph", include_str!("../cli/help/graph.rs")),
        ("image", include_str!("../cli/help/image.rs")),
        ("pool", include_str!("../cli/help/pool.rs")),
    ];
    for (file, text) in files {
        for (number, line) in text.lines().enumerate() {
            let code = line.trim_start().starts_with(['/', '"'])
                || line.ends_with(['\\', ',', '{', '}', ')']);
            assert!(code || line.chars().count() <= 100, "line {} of {file}: {line}", number + 1);
        }
    }
}

#[test]
fn help_teaches() {
    let fleet = Fleet::new();
    let answer = fleet.diskdag("--help").go().exits(0);
    let verbs = [
        "scan",
        "tree",
        "chain",
        "dependents",
        "why",
        "can-rm",
        "orphans",
        "what-if",
        "graph",
        "roots",
        "waive",
        "info",
        "demo",
    ];
    for verb in verbs {
        assert!(answer.text().contains(verb), "{verb} is not in\n{}", answer.whole());
    }
    // Exit codes are part of the interface.
    assert!(answer.text().to_lowercase().contains("exit"), "{}", answer.whole());
    for verb in verbs {
        let answer = fleet.diskdag(verb).arg("--help").go().exits(0);
        assert!(answer.text().lines().count() > 5, "{}", answer.whole());
    }
    let version = fleet.diskdag("--version").go().exits(0);
    assert!(version.text().contains(env!("CARGO_PKG_VERSION")), "{}", version.whole());
}
