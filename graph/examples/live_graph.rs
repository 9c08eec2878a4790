//! A graph that is kept current while it is asked: does this image depend on that one?
//!
//! ```console
//! $ cargo run -p diskdag-graph --example live_graph -- DIR
//! /images/vm.qcow2 /images/golden.qcow2
//! ```
//!
//! Each line on standard input is a question, two paths. Before it is answered, what has changed in
//! the directories since the question before is taken in, and nothing else is looked at. A daemon
//! has a thread of its own for that, which calls `wait` and `refresh` in turn; those who ask hold a
//! [`LiveGraph`], and never wait for it.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use diskdag_graph::scan::{Control, Live, LiveGraph, Scan, Scope};
use diskdag_graph::{Answer, ScopeSource};

/// Answers one question per line of `questions`.
pub fn run(
    directories: Vec<PathBuf>,
    questions: impl BufRead,
    answers: &mut impl Write,
) -> Result<(), Box<dyn std::error::Error>> {
    let scope = Scope::declared(directories, ScopeSource::Flag);
    let mut live = Live::begin(Scan::new(scope), &Control::default())?;
    let current = live.handle();
    for question in questions.lines() {
        for event in live.refresh(&Control::default())? {
            writeln!(answers, "{}: {}", event.path.display(), event.kind.name())?;
        }
        let question = question?;
        let (image, base) = question.split_once(' ').unwrap_or((&question, ""));
        writeln!(answers, "{}", answer(&current, Path::new(image), Path::new(base)))?;
    }
    Ok(())
}

/// What any thread may do, at any time: two look-ups and two comparisons.
fn answer(current: &LiveGraph, image: &Path, base: &Path) -> &'static str {
    let graph = current.graph();
    let (Some(image), Some(base)) = (graph.find(image), graph.find(base)) else {
        return "not in the graph";
    };
    match graph.depends_on(image, base) {
        Answer::Yes => "yes",
        Answer::No => "no",
        // Never to be taken for a no.
        Answer::Unknown(_) => "unknown",
    }
}

#[allow(dead_code, reason = "the tests include this file and call `run`")]
fn main() -> ExitCode {
    let directories: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    match run(directories, std::io::stdin().lock(), &mut std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
