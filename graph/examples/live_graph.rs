//! A graph that is kept current while it is asked: does this image depend on that one?
//!
//! ```console
//! $ cargo run -p diskdag-graph --example live_graph -- /images
//! /images/vm.qcow2 /images/golden.qcow2
//! yes
//! ```
//!
//! Each line on standard input is a question: two paths, with a tab between them, or a space where
//! they hold none. Before it is answered, what has changed in the directories since the question
//! before is taken in and printed, and nothing else is looked at. A daemon has a thread of its own
//! for that, which calls `wait` and `refresh` in turn; those who ask hold a [`LiveGraph`], and never
//! wait for it.
//!
//! Where the system could not tell of all changes (too many at once, a file system that was mounted or
//! unmounted), everything is asked again, which is printed as `rescanned`. Until that is done, and
//! where something cannot be asked, the answer is `unknown` with the reason, never an old one.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use diskdag_graph::scan::{Control, Live, LiveGraph, Scan, Scope};
use diskdag_graph::{Answer, Graph, ScopeSource};

/// What is said to whom names no directory.
const USAGE: &str = "\
usage: live_graph DIRECTORY...

Scans the directories, keeps the graph of their disk images current, and answers questions from
standard input, a line each: does the first image depend on the second?
  IMAGE<tab>BASE      (or a space, where the paths hold none)
prints yes, no, `unknown: REASON`, or `not in the graph: PATH`. What has changed since the question
before is printed first, as `PATH: appeared|changed|gone|missing|rescanned`.";

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
        let question = question?;
        for event in live.refresh(&Control::default())? {
            writeln!(answers, "{}: {}", event.path.display(), event.kind.name())?;
        }
        let parts = question.split_once('\t').or_else(|| question.split_once(' '));
        match parts {
            Some((image, base)) => writeln!(answers, "{}", answer(&current, image, base))?,
            None if question.is_empty() => {}
            None => writeln!(answers, "not a question: two paths, with a tab between them")?,
        }
        answers.flush()?;
    }
    Ok(())
}

/// What any thread may do, at any time: two look-ups and two comparisons.
fn answer(current: &LiveGraph, image: &str, base: &str) -> String {
    // One version for the whole answer: the next may come at any moment.
    let graph: Graph = current.graph();
    let find = |path: &str| graph.find(Path::new(path)).ok_or_else(|| path.to_owned());
    match find(image).and_then(|image| Ok((image, find(base)?))) {
        Err(path) => format!("not in the graph: {path}"),
        Ok((image, base)) => match graph.depends_on(image, base) {
            Answer::Yes => "yes".to_owned(),
            Answer::No => "no".to_owned(),
            // Never to be taken for a no.
            Answer::Unknown(doubts) => {
                let reasons: Vec<String> =
                    doubts.list().into_iter().map(|doubt| doubt.reason).collect();
                format!("unknown: {}", reasons.join("; "))
            }
        },
    }
}

#[allow(dead_code, reason = "the tests include this file and call `run`")]
fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let asks_for_help =
        arguments.iter().any(|word| ["-h", "--help"].map(Path::new).contains(&&**word));
    if arguments.is_empty() || asks_for_help {
        eprintln!("{USAGE}");
        return if asks_for_help { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    // The library knows no working directory: paths are absolute, in the graph as in questions.
    let directories = arguments.iter().map(std::path::absolute).collect::<Result<Vec<_>, _>>();
    let answered = directories.map_err(Into::into).and_then(|directories| {
        run(directories, std::io::stdin().lock(), &mut std::io::stdout().lock())
    });
    match answered {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
