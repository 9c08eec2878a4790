//! `watch`: a line per change, as soon as it is there.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::support::{Fleet, Image, path_of};

/// The command, and what it says; ended with the test.
struct Watch {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watch {
    fn begin(fleet: &Fleet) -> Watch {
        Self::with(fleet, &[])
    }

    fn with(fleet: &Fleet, arguments: &[&OsStr]) -> Watch {
        let mut child = Command::new(env!("CARGO_BIN_EXE_diskdag"))
            .arg("watch")
            .arg(fleet.root())
            .args(arguments)
            .env_clear()
            .env("DISKDAG_CONFIG", fleet.settings())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Watch { child, lines }
    }

    /// The next line; waits for it.
    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["schema"], "diskdag/watch/1");
        value
    }

    /// What the next doubt is about.
    fn doubt(&mut self) -> PathBuf {
        loop {
            let line = self.next();
            if line["event"] == "doubt" {
                return path_of(&line);
            }
        }
    }

    /// Has it look around once from beginning to end, so that whatever was there before has been read: of a doubt that
    /// stands no more nothing is told.
    fn has_read(&mut self, fleet: &Fleet, name: &str) {
        for round in ["a", "b"] {
            let name = format!("{name}-{round}.qcow2");
            fleet.base(&name);
            self.about(fleet, &name);
        }
    }

    /// The next line about a file, and what it says.
    fn about(&mut self, fleet: &Fleet, name: &str) -> (String, Value, Value) {
        loop {
            let line = self.next();
            if path_of(&line) == fleet.path(name) {
                let event = line["event"].as_str().unwrap().to_owned();
                return (event, line["image"].clone(), line["dependents"].clone());
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn every_change_is_a_line() {
    let fleet = Fleet::three();
    let mut watch = Watch::begin(&fleet);
    let ready = watch.next();
    assert_eq!((&ready["event"], &ready["disks"]), (&"ready".into(), &3.into()), "{ready}");

    fleet.overlay("new.qcow2", "leaf.qcow2");
    let (event, image, dependents) = watch.about(&fleet, "new.qcow2");
    // It may have been met before its header was there.
    assert!(["appeared", "changed"].contains(&&*event));
    if event == "appeared" && image != Value::Null {
        assert_eq!(image, fleet.path("leaf.qcow2").to_str().unwrap());
    }
    assert_eq!(dependents, 0);

    std::fs::rename(fleet.path("middle.qcow2"), fleet.path("elsewhere.qcow2")).unwrap();
    loop {
        let (event, _, dependents) = watch.about(&fleet, "middle.qcow2");
        if event == "missing" {
            // Leaf and new hang on it still.
            assert_eq!(dependents, 2);
            break;
        }
    }
    fleet.write("leaf.qcow2", &Image::over("base.qcow2"));
    while watch.about(&fleet, "leaf.qcow2").1 != fleet.path("base.qcow2").to_str().unwrap() {}
}

#[test]
fn what_cannot_be_read_any_more_is_told_as_a_doubt() {
    let fleet = Fleet::three();
    let mut watch = Watch::begin(&fleet);
    watch.next();
    fleet.bytes("leaf.qcow2", b"QFI\xfb");
    while watch.about(&fleet, "leaf.qcow2").0 != "doubt" {}
}

/// What a person waives, and what owners say, was what it had been when the watch began.
#[test]
fn waivers_and_owners_are_read_again_when_they_change() {
    let fleet = Fleet::three();
    let map = fleet.outside().join("map");
    std::fs::write(&map, "").unwrap();
    let cut = fleet.bytes("cut.qcow2", b"QFI\xfb");
    fleet.bytes("plain", &[7; 700]);
    let mut watch = Watch::with(&fleet, &["--owners".as_ref(), map.as_ref()]);
    while watch.about(&fleet, "cut.qcow2").0 != "doubt" {}
    // What an owner names is a disk whatever it holds; who is named no more has none.
    std::fs::write(&map, "images/plain\tsandbox 17\n").unwrap();
    while watch.about(&fleet, "plain").0 != "appeared" {}
    std::fs::write(&map, "images/leaf.qcow2\tsandbox 17\n").unwrap();
    while watch.about(&fleet, "plain").0 != "gone" {}
    std::fs::write(&map, "images/leaf.qcow2 sandbox 17\n").unwrap();
    assert_eq!(watch.doubt(), map);
    // A doubt that stands again is told again: it was none meanwhile.
    fleet.diskdag("waive").arg(&cut).args(["--reason", "known"]).go().exits(0);
    watch.has_read(&fleet, "one");
    std::fs::remove_file(fleet.settings().join("settings.json")).unwrap();
    assert_eq!(watch.doubt(), cut);
    fleet.diskdag("waive").arg(&cut).args(["--reason", "known"]).go().exits(0);
    watch.has_read(&fleet, "two");
    // Settings that cannot be read waive nothing, and are named.
    let settings = fleet.settings().join("settings.json");
    std::fs::write(&settings, "{").unwrap();
    let mut told = [watch.doubt(), watch.doubt()];
    told.sort();
    let mut expected = [cut, settings];
    expected.sort();
    assert_eq!(told, expected);
}
