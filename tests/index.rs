//! The index that a scan starts from: the same answers, and no file without being asked.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Answer, Fleet, Image};

/// All that a tree says, but for when.
fn tree(answer: &Answer) -> Value {
    let mut answer = answer.scanned("tree");
    answer.as_object_mut().unwrap().remove("as-of");
    answer
}

fn ask(fleet: &Fleet, index: Option<&PathBuf>) -> Answer {
    let ask = fleet.diskdag("tree").rooted().arg(fleet.root()).json();
    match index {
        Some(index) => ask.arg("--index").arg(index).go(),
        None => ask.go(),
    }
}

#[test]
fn answers_are_the_same_whatever_the_index_holds() {
    let fleet = Fleet::three();
    let index = fleet.outside().join("index");
    let first = ask(&fleet, Some(&index)).exits(0);
    assert!(index.is_file(), "an index that is asked for is made");
    assert_eq!(tree(&first), tree(&ask(&fleet, None)));
    assert_eq!(tree(&ask(&fleet, Some(&index))), tree(&first));

    // Behind its back: a new one, one less, one that names another.
    fleet.overlay("new.qcow2", "leaf.qcow2");
    std::fs::remove_file(fleet.path("middle.qcow2")).unwrap();
    fleet.write("leaf.qcow2", &Image::over("base.qcow2"));
    assert_eq!(tree(&ask(&fleet, Some(&index))), tree(&ask(&fleet, None)));

    let whole = std::fs::read(&index).unwrap();
    for (bytes, words) in [
        (&whole[..whole.len() / 2], "damaged"),
        (&b"no index at all"[..], "damaged"),
        (&[&whole[..16], &[b'0'; 40], &whole[56..]].concat(), "before the system was started"),
    ] {
        std::fs::write(&index, bytes).unwrap();
        let answer = ask(&fleet, Some(&index)).exits(0).says(words);
        assert_eq!(tree(&answer), tree(&ask(&fleet, None)));
        ask(&fleet, Some(&index)).exits(0).never_says(words);
    }
}

#[test]
fn nothing_is_written_unless_asked() {
    let fleet = Fleet::three();
    let before = everything(&fleet);
    for verb in ["scan", "tree", "graph"] {
        fleet.diskdag(verb).rooted().arg(fleet.root()).go().exits(0);
    }
    for verb in ["can-rm", "dependents", "chain"] {
        fleet.diskdag(verb).rooted().image("leaf.qcow2").go().exits(0);
    }
    assert_eq!(everything(&fleet), before);
}

/// An index that cannot be written costs nobody an answer.
#[test]
fn an_index_that_cannot_be_kept_is_said_and_no_more() {
    let fleet = Fleet::three();
    let index = fleet.outside().join("no/such/folder/index");
    let answer = ask(&fleet, Some(&index)).exits(0).says("the index is as it was");
    assert_eq!(tree(&answer), tree(&ask(&fleet, None)));
}

fn everything(fleet: &Fleet) -> Vec<PathBuf> {
    let mut folders = vec![fleet.outside().to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    found
}
