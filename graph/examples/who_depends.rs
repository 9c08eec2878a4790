//! Scans directories once, then answers "who depends on this?" as often as it is asked.
//!
//! ```console
//! $ cargo run -p diskdag-graph --example who_depends -- DIR < paths
//! ```
//!
//! Each line on standard input is the path of an image. What is printed about it comes from the
//! graph: no file is opened again.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use diskdag_graph::Graph;
use diskdag_graph::ScopeSource;
use diskdag_graph::scan::{Control, Scan, Scope};

/// Answers one question per line of `questions`.
pub fn run(
    directories: Vec<PathBuf>,
    questions: impl BufRead,
    answers: &mut impl Write,
) -> Result<(), Box<dyn std::error::Error>> {
    let scope = Scope::declared(directories, ScopeSource::Flag);
    let scanned = Scan::new(scope).run(&Control::default())?;
    for question in questions.lines() {
        answer(&scanned.graph, Path::new(&question?), answers)?;
    }
    Ok(())
}

fn answer(graph: &Graph, image: &Path, answers: &mut impl Write) -> std::io::Result<()> {
    let Some(id) = graph.find(image) else {
        return writeln!(answers, "{}: not in the graph", image.display());
    };
    let dependents = graph.dependents(id);
    // A list that may be partial says so: never show it as if it were all.
    let at_least = if dependents.is_complete() { "" } else { "at least " };
    writeln!(answers, "{}: {at_least}{} depend on it", image.display(), dependents.len())?;
    for dependent in dependents.nearest_first() {
        if let Some(disk) = graph.disk(dependent.disk) {
            writeln!(answers, "  {} ({} up)", disk.path().display(), dependent.depth)?;
        }
    }
    for doubt in dependents.doubts() {
        writeln!(answers, "  not asked: {}: {}", doubt.path.display(), doubt.reason)?;
    }
    Ok(())
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
