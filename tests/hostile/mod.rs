//! Every class of hostile input, and neighbours of each.
//!
//! Each case is one file. It is given to every verb that reads an image, as text and as JSON, with a second of
//! CPU time and 64 MiB of memory. No verb may panic, be killed, print more than a MiB, or let a control
//! character through; and `audit` has to say what is wrong.

mod canvas;

// The header, field by field.
mod header;
// Header extensions, bitmaps, the LUKS header.
mod extensions;
// What an image names: backing files and data files.
mod names;
// L1 and L2 tables, clusters, compressed clusters.
mod mapping;
// The refcount table and its blocks.
mod refcounts;
// Internal snapshots.
mod snapshots;
// Several things at once: sizes, polyglots, sparse files.
mod combinations;
// What surrounds an image: special files, file names, permissions, confinement.
mod surroundings;

use serde_json::Value;

use crate::support::{Fleet, items};
use canvas::{Case, Expect};

/// What the verbs print at most. A table of 8192 entries makes a map of a MiB, which is `qemu-img map`'s form.
const MOST_OUTPUT: usize = 1 << 20;
const MOST_OF_A_MAP: usize = 2 << 20;

/// Every verb that reads one image, with the exit codes that it may have.
const VERBS: [(&str, &[i32]); 7] = [
    ("info", &[0, 1]),
    ("check", &[0, 1, 2, 3, 63]),
    ("map", &[0, 1]),
    ("measure", &[0, 1]),
    ("audit", &[0, 4, 7]),
    ("scan", &[0, 6, 7]),
    ("chain", &[0, 1, 6, 7]),
];

/// Makes each file and tries all verbs on it. Says what was wrong with which, all at once.
#[track_caller]
fn try_all(cases: Vec<Case>, at_least: usize) {
    assert!(cases.len() >= at_least, "only {} cases", cases.len());
    let fleet = Fleet::new();
    let queue = std::sync::Mutex::new(cases.iter().enumerate());
    let wrong = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some((number, case)) = queue.lock().unwrap().next() else { break };
                    let image = format!("{number}/image.qcow2");
                    fleet.folder(&number.to_string());
                    case.write(&fleet.path(&image));
                    let found = try_one(&fleet, case, &image);
                    wrong.lock().unwrap().extend(found);
                    std::fs::remove_file(fleet.path(&image)).unwrap();
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} things are wrong\n{}", wrong.len(), wrong.join("\n"));
}

fn try_one(fleet: &Fleet, case: &Case, image: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (verb, codes) in VERBS {
        for json in [false, true] {
            let ask = fleet.diskdag(verb).args(["--threads", "1", "--no-progress"]).image(image);
            let ask = if json { ask.json() } else { ask };
            let run = std::panic::AssertUnwindSafe(|| ask.limited().go());
            let Ok(answer) = std::panic::catch_unwind(run) else {
                wrong.push(format!("{}: {verb}: panics, or is killed", case.name));
                continue;
            };
            let printed = answer.stdout.len() + answer.stderr.len();
            if printed > if verb == "map" { MOST_OF_A_MAP } else { MOST_OUTPUT } {
                wrong.push(format!("{}: {verb} prints {printed} bytes", case.name));
            }
            if !codes.contains(&answer.code) {
                wrong.push(format!("{}: {verb}: {}", case.name, answer.whole()));
            }
            if json && verb == "audit" {
                let said = answer.object("audit");
                if let Some(difference) = differs(case.expect, answer.code, &said) {
                    wrong.push(format!("{}: {difference}\n{said}", case.name));
                }
            }
        }
    }
    wrong
}

/// What `audit` should have said, if it did not.
fn differs(expect: Expect, code: i32, said: &Value) -> Option<String> {
    let (expected_code, kind) = match expect {
        Expect::Safe => (0, None),
        Expect::Odd(kind) => (0, Some(kind)),
        Expect::Unsafe(kind) => (4, Some(kind)),
        Expect::Unknown(kind) => (7, Some(kind)),
    };
    if code != expected_code {
        return Some(format!("audit exits {code}, not {expected_code}"));
    }
    let mut findings = items(said, "findings").iter();
    match kind {
        Some(kind) if !findings.any(|finding| finding["kind"] == kind) => {
            Some(format!("audit does not say {kind}"))
        }
        None if findings.len() > 0 => Some("audit finds something".to_owned()),
        _ => None,
    }
}
