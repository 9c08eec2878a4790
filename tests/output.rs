//! What reaches a person: streams, colour, escapes.

use std::io::Read;
use std::process::{Command, Stdio};

use crate::support::{Fleet, Image, finish};

/// Every reading verb, with arguments that work on [`Fleet::three`].
const QUESTIONS: [&[&str]; 11] = [
    &["scan", "--root", ".", "."],
    &["tree", "--root", ".", "."],
    &["tree", "--root", ".", "-i", "."],
    &["chain", "leaf.qcow2"],
    &["dependents", "--root", ".", "base.qcow2"],
    &["why", "--root", ".", "base.qcow2", "leaf.qcow2"],
    &["can-rm", "--root", ".", "leaf.qcow2"],
    &["orphans", "--root", ".", "--keep", "middle.qcow2", "."],
    &["what-if", "--root", ".", "--flatten", "leaf.qcow2"],
    &["graph", "--root", ".", "."],
    &["info", "leaf.qcow2"],
];

/// Into a pipe nothing is coloured; `Ask::go` looks at every byte of every other test, too.
#[test]
fn no_colour_into_a_pipe() {
    let fleet = Fleet::three();
    for question in QUESTIONS {
        for term in ["xterm-256color", "dumb"] {
            let ask = fleet.diskdag(question[0]).args(&question[1..]).within(fleet.root());
            ask.env("TERM", term).env("COLORTERM", "truecolor").go().exits(0);
        }
    }
    let ask = fleet.diskdag("can-rm").rooted().image("base.qcow2").env("TERM", "xterm-256color");
    ask.go().exits(4);
}

/// On a terminal NO_COLOR holds. A terminal is what `script` makes; without it there is none.
#[test]
#[cfg(target_os = "linux")]
fn no_color_on_a_terminal() {
    let script = Command::new("script").arg("--version").stdout(Stdio::null()).status();
    if !script.is_ok_and(|status| status.success()) {
        println!("skipped: no `script` (util-linux) to make a terminal");
        return;
    }
    let fleet = Fleet::three();
    let root = fleet.root();
    let said = |no_color: bool, question: &[&str]| {
        let words: Vec<_> = [env!("CARGO_BIN_EXE_diskdag")]
            .iter()
            .chain(question)
            .map(|word| format!("'{word}'"))
            .collect();
        let mut command = Command::new("script");
        command.args(["-qec", &words.join(" "), "/dev/null"]).current_dir(&root);
        command.env_remove("DISKDAG_ROOTS").env_remove("CLICOLOR").env_remove("CI");
        command.env_remove("NO_COLOR").env("TERM", "xterm-256color");
        command.env("DISKDAG_CONFIG", fleet.settings());
        if no_color {
            command.env("NO_COLOR", "1");
        }
        finish(&mut command).stdout
    };
    let coloured = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        // ESC [ digits and semicolons, then m: select graphic rendition.
        text.split("\u{1b}[").skip(1).any(|rest| {
            rest.trim_start_matches(|next: char| next.is_ascii_digit() || next == ';')
                .starts_with('m')
        })
    };
    for question in QUESTIONS {
        assert!(!coloured(&said(true, question)), "{question:?} is coloured with NO_COLOR=1");
    }
    // The check above can fail: without NO_COLOR something is coloured.
    assert!(QUESTIONS.iter().any(|question| coloured(&said(false, question))));
}

/// Data and nothing else on standard output, so that it can be piped.
#[test]
fn notes_go_to_standard_error() {
    let fleet = Fleet::three();
    fleet.bytes("cut.qcow2", &Image::new().bytes()[..50]);
    let answer = fleet.diskdag("dependents").rooted().image("base.qcow2").go().exits(7);
    assert_eq!(answer.text().lines().count(), 2, "{}", answer.whole());
    assert!(String::from_utf8_lossy(&answer.stderr).contains("cut.qcow2"));
    let answer = fleet.diskdag("chain").image("gone.qcow2").go().exits(5);
    assert!(answer.stdout.is_empty());
    let answer = fleet.diskdag("graph").rooted().arg(fleet.root()).json().go();
    answer.exits_one_of(&[0, 7]).scanned("graph");
}

/// `diskdag tree | head -1`: the reader has gone, and that is no failure.
#[test]
fn a_broken_pipe_is_success() {
    let fleet = Fleet::new();
    fleet.base("base.qcow2");
    // More than a pipe holds.
    for child in 0..2000 {
        fleet.overlay(&format!("child-with-a-long-name-{child}.qcow2"), "base.qcow2");
    }
    for verb in ["tree", "graph"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_diskdag"))
            .args([verb, "--root", ".", "."])
            .current_dir(fleet.root())
            .env("DISKDAG_CONFIG", fleet.settings())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 1];
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut first).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        let heard = String::from_utf8_lossy(&output.stderr);
        assert!(!heard.contains("panicked"), "{heard}");
        assert_eq!(output.status.code(), Some(0), "{heard}");
    }
}

/// A refusal names every blocker, and what to do.
#[test]
fn a_refusal_says_what_to_do() {
    let fleet = Fleet::three();
    let answer = fleet.diskdag("can-rm").rooted().image("base.qcow2").go().exits(4);
    let answer = answer.says("middle.qcow2").says("leaf.qcow2");
    // The answer says its scope.
    let root = fleet.root();
    answer.says(root.to_str().unwrap());
}

/// The doubt comes with the reason that the system gave, and with the way to accept it.
#[test]
fn an_unknown_says_what_to_do() {
    let fleet = Fleet::three();
    fleet.bytes("cut.qcow2", &Image::new().bytes()[..50]);
    let answer = fleet.diskdag("can-rm").rooted().image("leaf.qcow2").go().exits(7);
    answer.says("cut.qcow2").says("waive");
}
