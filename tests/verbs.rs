//! Verbs, options and formats that the other files do not need.

use std::collections::BTreeMap;

use crate::support::{Fleet, identities, identity, items, path_of, paths_of};

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
