//! Images of qemu-img's that are checked in, with what `qemu-img info` said of each: the same
//! comparison on machines without QEMU. `fixtures/README.md` tells how they were made.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::info::{same, without_allocation};
use crate::support::{Fleet, items, path_of, require_qemu};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Every image that has a recorded answer beside it.
fn recorded() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read(&path).unwrap();
            let image = path.file_stem().unwrap().to_str().unwrap().to_owned();
            found.push((image, serde_json::from_slice(&text).unwrap()));
        }
    }
    found.sort_by(|left, right| left.0.cmp(&right.0));
    assert!(found.len() >= 12, "the fixtures are gone: {found:?}");
    found
}

#[test]
fn info_says_what_qemu_said() {
    let fleet = Fleet::new();
    for (image, theirs) in recorded() {
        let answer = fleet.diskdag("info").args(["--output=json", &image]).within(folder()).go();
        let ours = without_allocation(answer.exits(0).value());
        same(&ours, &without_allocation(theirs), &image);
    }
}

/// The recorded answers are still what QEMU says, of these very files.
#[test]
fn qemu_still_says_so() {
    let Some(qemu) = require_qemu() else { return };
    for (image, theirs) in recorded() {
        let now = without_allocation(qemu.info(&folder(), &image));
        // Newer and older versions know more and fewer keys; what both say has to agree.
        for (key, value) in without_allocation(theirs).as_object().unwrap() {
            if let Some(said) =
                now.get(key).filter(|_| !["children", "format-specific"].contains(&key.as_str()))
            {
                assert_eq!(said, value, "{image}: {key}");
            }
        }
    }
}

/// The names that the images hold, as they stand in the header, lead to the files beside them.
#[test]
fn the_graph_of_the_fixtures() {
    let fleet = Fleet::new();
    let ask = fleet.diskdag("graph").arg("--root").arg(folder()).arg(folder()).json();
    let answer = ask.go().exits_one_of(&[0, 6, 7]).scanned("graph");
    let disks = items(&answer, "disks");
    let named = |id: &Value| {
        let disk = disks.iter().find(|disk| disk["id"] == *id).unwrap();
        path_of(disk).file_name().map(|name| name.to_string_lossy().into_owned())
    };
    let has = |from: &str, to: &str, kind: &str| {
        let found = items(&answer, "edges").iter().any(|edge| {
            named(&edge["from"]).as_deref() == Some(from)
                && named(&edge["to"]).as_deref() == Some(to)
                && edge["kind"] == kind
        });
        assert!(found, "{from} -> {to} ({kind}) is not there: {answer}");
    };
    has("overlay.qcow2", "base.qcow2", "backing");
    has("overlay-v2.qcow2", "v2.qcow2", "backing");
    has("overlay-raw.qcow2", "base.raw", "backing");
    has("deep.qcow2", "overlay.qcow2", "backing");
}
