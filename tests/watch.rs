//! `watch`: a line per change, as soon as it is there.

use std::io::{BufRead, BufReader};
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
        let mut child = Command::new(env!("CARGO_BIN_EXE_diskdag"))
            .arg("watch")
            .arg(fleet.root())
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
