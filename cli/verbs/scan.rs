//! `scan`: what is there: counts, deepest chain, every problem.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use diskdag_graph::scan::{Scanned, Statistics};
use diskdag_graph::{Disk, DiskId, EdgeKind, Graph, State};
use serde_json::{Map, Value, json};

use crate::args::{self, Common};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::health::Health;
use crate::json::{Answer, put_path, put_paths};
use crate::output::Output;
use crate::scope::{self, Survey};
use crate::show;
use crate::text::count;
use crate::verbs::scan_hints::Hints;

struct Counts {
    disks: usize,
    bases: usize,
    overlays: usize,
    edges: usize,
    deepest: u32,
}

/// So many of each kind are shown, unless all are wanted.
const SHOWN: usize = 10;

pub(crate) fn run(args: &args::Scan, common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    let Survey { scanned, asked, .. } = scope::survey(&args.of.paths, common, false)?;
    let hints = Hints::of(&scanned, args.deep);
    let health = Health::about(&scanned.graph, &asked);
    let counts = Counts::of(&scanned.graph);
    match out.json {
        true => print_json(&scanned, &health, &counts, &hints, out)?,
        false => {
            let most = if args.of.all { usize::MAX } else { SHOWN };
            print_text(&scanned, &health, &counts, &hints, most, out)?;
        }
    }
    Ok(health.exit(scanned.graph.disks()))
}

impl Counts {
    fn of(graph: &Graph) -> Self {
        let (mut disks, mut overlays) = (0, 0);
        for disk in graph.disks().filter(|disk| disk.state() == State::Ok) {
            let has_backing = disk.references().iter().any(|edge| edge.kind == EdgeKind::Backing);
            disks += 1;
            overlays += usize::from(has_backing);
        }
        let edges = graph.edge_count();
        Self { disks, bases: disks - overlays, overlays, edges, deepest: graph.depths().deepest() }
    }
}

fn print_json(
    scanned: &Scanned,
    health: &Health,
    counts: &Counts,
    hints: &Hints,
    out: &mut Output,
) -> io::Result<()> {
    let graph = &scanned.graph;
    let mut answer = Answer::begin(out, "scan")?;
    answer.coverage(graph, &health.doubts)?;
    answer.field("disks", counts.disks)?;
    answer.field("edges", counts.edges)?;
    answer.field("bases", counts.bases)?;
    answer.field("overlays", counts.overlays)?;
    answer.field("deepest", counts.deepest)?;
    let missing = graph.missing().filter_map(|id| graph.disk(id));
    answer.list("missing", missing.map(|disk| missing_json(graph, &disk)))?;
    answer.list("cycles", health.cycles.iter().map(|cycle| json!(names(graph, cycle))))?;
    let findings = graph.disks().flat_map(|disk| {
        disk.findings().iter().map(move |finding| {
            let mut map = Map::new();
            put_path(&mut map, "path", disk.path());
            map.insert("kind".to_owned(), json!(finding.kind));
            map.insert("detail".to_owned(), json!(finding.detail));
            map.insert("breaks".to_owned(), json!(finding.breaks));
            Value::Object(map)
        })
    });
    answer.list("findings", findings)?;
    hints.json(graph, &mut answer)?;
    let Statistics { directories, files, opened, elapsed, .. } = scanned.statistics;
    answer.field("directories", directories)?;
    answer.field("files", files)?;
    answer.field("opened", opened)?;
    answer.field("elapsed-ms", u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))?;
    answer.end()
}

fn missing_json(graph: &Graph, disk: &Disk<'_>) -> Value {
    let mut map = Map::new();
    put_path(&mut map, "path", disk.path());
    put_paths(&mut map, "needed-by", needed_by(graph, disk));
    map.into()
}

/// Who needs a disk itself, each once.
fn needed_by<'g>(graph: &'g Graph, disk: &Disk<'g>) -> Vec<&'g Path> {
    let direct = disk.needed_by().filter_map(|edge| graph.disk(edge.from));
    let mut paths: Vec<&Path> = direct.map(|disk| disk.path()).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

fn names(graph: &Graph, disks: &[DiskId]) -> Vec<String> {
    let disks = disks.iter().filter_map(|id| graph.disk(*id));
    disks.map(|disk| disk.path().to_string_lossy().into_owned()).collect()
}

fn print_text(
    scanned: &Scanned,
    health: &Health,
    counts: &Counts,
    hints: &Hints,
    most: usize,
    out: &mut Output,
) -> io::Result<()> {
    let graph = &scanned.graph;
    let style = out.style;
    let Counts { disks, bases, overlays, edges, deepest } = *counts;
    let summary = format!(
        "{}: {}, {}; {}; the deepest chain has {} below its top",
        count(disks, "disk", "disks"),
        count(bases, "base", "bases"),
        count(overlays, "overlay", "overlays"),
        count(edges, "reference", "references"),
        count(usize::try_from(deepest).unwrap_or(usize::MAX), "disk", "disks"),
    );
    writeln!(out, "{}", style.strong(summary))?;

    missing(graph, most, out)?;
    cycles(graph, health, most, out)?;
    findings(graph, true, most, out)?;
    if !health.doubts.is_empty() {
        let meaning = "answers about dependents are incomplete";
        heading(out, &style.unknown("could not be asked"), meaning)?;
        show::doubts(out, health.doubts.get(..most).unwrap_or(&health.doubts))?;
        more(health.doubts.len(), most, "  ", out)?;
    }
    findings(graph, false, most, out)?;
    hints.print(graph, out)?;
    if health.doubts.is_empty() && !graph.disks().any(|disk| health.is_broken(&disk)) {
        writeln!(out, "{}", style.good("nothing is broken, and everything could be read"))?;
    }
    writeln!(out)?;
    for line in show::coverage(graph) {
        writeln!(out, "{line}")?;
    }
    let Statistics { directories, files, elapsed, .. } = scanned.statistics;
    let files = count(files, "file", "files");
    let directories = count(directories, "directory", "directories");
    let cost = format!("{files} in {directories}, {} ms", elapsed.as_millis());
    writeln!(out, "{}", style.faint(cost))
}

/// Says how many more there are than are shown.
fn more(total: usize, most: usize, indent: &str, out: &mut Output) -> io::Result<()> {
    match total.checked_sub(most) {
        None | Some(0) => Ok(()),
        Some(more) => {
            let line = format!("{indent}and {more} more; --all shows all");
            writeln!(out, "{}", out.style.faint(line))
        }
    }
}

fn missing(graph: &Graph, most: usize, out: &mut Output) -> io::Result<()> {
    let style = out.style;
    let mut total = 0;
    for (position, disk) in graph.missing().filter_map(|id| graph.disk(id)).enumerate() {
        total += 1;
        if position == 0 {
            let advice = "put it back, or point what needs it elsewhere (qemu-img rebase -u)";
            heading(out, &style.bad("missing"), advice)?;
        }
        if position >= most {
            continue;
        }
        let reason = disk.reason().map(escape::words);
        let reason = reason.map(|reason| format!("  {reason}")).unwrap_or_default();
        writeln!(out, "  {}{}", escape::path(disk.path()), style.faint(reason))?;
        let needed_by = needed_by(graph, &disk);
        for path in needed_by.iter().take(most) {
            writeln!(out, "      needed by {}", escape::path(path))?;
        }
        more(needed_by.len(), most, "      ", out)?;
    }
    more(total, most, "  ", out)
}

fn cycles(graph: &Graph, health: &Health, most: usize, out: &mut Output) -> io::Result<()> {
    let style = out.style;
    for (position, cycle) in health.cycles.iter().take(most).enumerate() {
        if position == 0 {
            let advice = "nothing can open these: restore one of each from a backup";
            heading(out, &style.bad("cycle"), advice)?;
        }
        let members = cycle.iter().filter_map(|id| graph.disk(*id));
        for (position, disk) in members.take(most).enumerate() {
            let before = if position == 0 { "  " } else { "      needs " };
            writeln!(out, "{before}{}", escape::path(disk.path()))?;
        }
        more(cycle.len(), most, "      ", out)?;
        writeln!(out, "      needs the first again")?;
    }
    more(health.cycles.len(), most, "  ", out)
}

/// What is said of disks, by kind.
type Kinds<'g> = BTreeMap<&'g str, (usize, Vec<String>)>;

/// The findings that break a chain, or the others.
fn findings(graph: &Graph, breaking: bool, most: usize, out: &mut Output) -> io::Result<()> {
    let style = out.style;
    let mut kinds = Kinds::new();
    let mut add = |kind, disk: &Disk<'_>, detail: &str| {
        let (count, lines) = kinds.entry(kind).or_default();
        *count += 1;
        if *count <= most {
            lines.push(format!("{}  {}", escape::path(disk.path()), escape::words(detail)));
        }
    };
    for disk in graph.disks() {
        for finding in disk.findings().iter().filter(|finding| finding.breaks == breaking) {
            add(&finding.kind, &disk, &finding.detail);
        }
        if breaking && disk.state() == State::Refused {
            add("refused", &disk, disk.reason().unwrap_or("not opened"));
        }
    }
    if !kinds.is_empty() {
        match breaking {
            true => heading(out, &style.bad("broken"), "QEMU opens none of these as they are")?,
            false => heading(out, &style.unknown("worth knowing"), "")?,
        }
    }
    for (kind, (count, lines)) in kinds {
        writeln!(out, "  {kind}: {count}")?;
        for line in lines {
            writeln!(out, "    {line}")?;
        }
        more(count, most, "    ", out)?;
    }
    Ok(())
}

fn heading(out: &mut Output, what: &str, advice: &str) -> io::Result<()> {
    let style = out.style;
    writeln!(out)?;
    match advice {
        "" => writeln!(out, "{what}"),
        _ => writeln!(out, "{what}  {}", style.faint(advice)),
    }
}
