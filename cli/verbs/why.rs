//! `why`: the way from a dependent to the image that it needs.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use diskdag_graph::{Answer as Relation, Certainty, DiskId, Doubt, Graph};

use crate::args::Common;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json::{self, Answer};
use crate::output::Output;
use crate::scope;
use crate::show;

pub(crate) fn run(
    image: &Path,
    dependent: &Path,
    common: &Common,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let asked = [dependent.to_owned(), image.to_owned()];
    let (mut scanned, mut ids, mut paths) = scope::follow(&asked, common)?;
    if has_other_names(&scanned.graph, &ids) {
        (scanned, ids, paths) = scope::about(&asked, common)?;
    }
    let graph = &scanned.graph;
    let (&[from, to], [dependent, image]) = (ids.as_slice(), paths.as_slice()) else {
        return Ok(Exit::NotFound);
    };
    let (relation, steps) = graph.path(from, to);
    let (word, exit, doubts) = match relation {
        Relation::Yes => ("yes", Exit::Ok, Vec::new()),
        Relation::No => ("no", Exit::Refused, Vec::new()),
        Relation::Unknown(doubts) => ("unknown", Exit::Unknown, doubts.list()),
    };
    let names = show::asked_as(&ids, &paths);
    let shown: Vec<&Path> = steps.iter().map(|id| shown(graph, *id, &names)).collect();
    if out.json {
        print_json(graph, (image, dependent), word, &shown, &doubts, out)?;
    } else {
        print_text(graph, (image, dependent), exit, &steps, &shown, out)?;
        show::doubts(out, &doubts)?;
    }
    for line in show::waived(graph) {
        out.notice(line);
    }
    Ok(exit)
}

/// Whether the chains alone say no, and a disk of the dependent's has names that nobody looked for: opened by another
/// one it may need others.
fn has_other_names(graph: &Graph, ids: &[DiskId]) -> bool {
    let &[from, to] = ids else { return false };
    let below = graph.dependencies(from).into_iter().map(|one| one.disk);
    let of_chain = std::iter::once(from).chain(below);
    graph.depends_on(from, to).is_no()
        && of_chain.filter_map(|id| graph.disk(id)).any(|disk| disk.facts().unseen_links > 0)
}

fn shown<'g>(graph: &'g Graph, id: DiskId, names: &HashMap<DiskId, &'g Path>) -> &'g Path {
    let path = || graph.disk(id).map_or(Path::new(""), |disk| disk.path());
    names.get(&id).copied().unwrap_or_else(path)
}

fn print_json(
    graph: &Graph,
    (image, dependent): (&Path, &Path),
    word: &str,
    steps: &[&Path],
    doubts: &[Doubt],
    out: &mut Output,
) -> io::Result<()> {
    let mut answer = Answer::begin(out, "why")?;
    answer.path("image", image)?;
    answer.path("dependent", dependent)?;
    answer.field("depends", word)?;
    answer.paths("steps", steps.iter().copied())?;
    answer.list("doubts", doubts.iter().map(json::doubt))?;
    answer.unread(graph, doubts)?;
    answer.end()
}

fn print_text(
    graph: &Graph,
    (image, dependent): (&PathBuf, &PathBuf),
    exit: Exit,
    steps: &[DiskId],
    shown: &[&Path],
    out: &mut Output,
) -> io::Result<()> {
    let style = out.style;
    let (image, dependent) = (escape::path(image), escape::path(dependent));
    match exit {
        Exit::Ok => {}
        Exit::Refused => {
            let no = style.bad("no");
            return writeln!(out, "{no}: {dependent} does not need {image}");
        }
        _ => {
            let unknown = style.unknown("unknown");
            writeln!(out, "{unknown}: whether {dependent} needs {image} cannot be said")?;
        }
    }
    for (position, path) in shown.iter().enumerate() {
        let step = position.checked_sub(1).and_then(|before| steps.get(before));
        let how = step.zip(steps.get(position)).map(|(from, to)| how(graph, *from, *to));
        match how {
            None => writeln!(out, "{}", escape::path(path))?,
            Some(how) => writeln!(out, "  needs {}  {}", escape::path(path), style.faint(how))?,
        }
    }
    Ok(())
}

/// By which reference one disk names the next.
fn how(graph: &Graph, from: DiskId, to: DiskId) -> String {
    let edges = graph.disk(from).map(|disk| disk.needs()).unwrap_or_default();
    let Some(edge) = edges.into_iter().find(|edge| edge.to == to) else { return String::new() };
    let maybe = match edge.facts.certainty {
        Certainty::Certain => "",
        Certainty::Possible => "possibly: ",
    };
    let name = escape::name(edge.facts.name);
    format!("({maybe}{} {name}, {})", edge.facts.kind.name(), edge.facts.rule.code())
}
