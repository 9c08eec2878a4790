//! `tree`: the forest, a line per disk and reference, whatever its depth.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::path::PathBuf;

use diskdag_graph::scan::Scanned;
use diskdag_graph::{Certainty, Depths, Disk, DiskId, EdgeKind, Graph, Space, State};

use crate::args::Common;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::health::Health;
use crate::json::Answer;
use crate::output::Output;
use crate::scope;
use crate::show;
use crate::text::{size, size_or_dash};

/// Deeper than this, the indentation says no more and would cost the square of the depth.
const INDENTED: usize = 40;

pub(crate) fn run(
    paths: &[PathBuf],
    invert: bool,
    common: &Common,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let mut survey = scope::survey(paths, common, true)?;
    scope::ask_all_reflinks(&mut survey.scanned, common)?;
    let graph = &survey.scanned.graph;
    let health = Health::about(graph, &survey.asked);
    let only = survey.only.as_deref().map(|paths| show::connected(graph, paths));
    let is_shown = |disk: &Disk<'_>| only.as_ref().is_none_or(|only| only.contains(&disk.id()));
    let exit = health.exit(graph.disks().filter(is_shown));
    let names = show::names(graph, out)?;
    if out.json {
        let mut answer = Answer::begin(out, "tree")?;
        answer.coverage(graph, &health.doubts)?;
        show::graph_json(&mut answer, &survey.scanned, &names, only.as_ref())?;
        answer.end()?;
        return Ok(exit);
    }
    let mut shown: Vec<Disk<'_>> = graph.disks().filter(is_shown).collect();
    shown.sort_by_key(|disk| disk.path());
    let scanned = &survey.scanned;
    let (depths, space, seen) = (graph.depths(), graph.space(), HashSet::new());
    Walk { scanned, graph, health: &health, names: &names, depths, space, invert, seen }
        .print(&shown, out)?;
    show::notice_coverage(out, graph, &health.doubts);
    show::notice_doubts(out, survey.scanned.owned.doubts());
    Ok(exit)
}

struct Walk<'g> {
    scanned: &'g Scanned,
    graph: &'g Graph,
    health: &'g Health,
    names: &'g show::Names,
    depths: Depths,
    space: Space,
    invert: bool,
    /// The disks under which everything has been shown.
    seen: HashSet<DiskId>,
}

/// A line to come.
struct Step {
    disk: DiskId,
    level: usize,
    is_last: bool,
    label: String,
}

impl Walk<'_> {
    fn print(&mut self, shown: &[Disk<'_>], out: &mut Output) -> io::Result<()> {
        let style = out.style;
        let head = format!(
            "{:>9}  {:>9}  {:>9}  {:>6}  {:<10} DISK",
            "OWN", "SHARED", "FREES", "DEPTH", "HEALTH"
        );
        writeln!(out, "{}", style.strong(head))?;
        for disk in shown {
            let is_top = match self.invert {
                false => disk.references().is_empty(),
                true => !disk.is_needed(),
            };
            if is_top {
                self.descend(disk.id(), out)?;
            }
        }
        // What is left hangs on a cycle and has no end to begin at. A member comes first, then
        // whatever no member led to.
        let members = self.health.cycles.iter().filter_map(|cycle| cycle.first()).copied();
        let ids: HashSet<DiskId> = shown.iter().map(|disk| disk.id()).collect();
        for top in members.chain(shown.iter().map(|disk| disk.id())) {
            if ids.contains(&top) && !self.seen.contains(&top) {
                self.descend(top, out)?;
            }
        }
        Ok(())
    }

    /// Prints everything under one disk.
    fn descend(&mut self, top: DiskId, out: &mut Output) -> io::Result<()> {
        // Per level of the way to the current line: whether more follows on it.
        let mut goes_on: Vec<bool> = Vec::new();
        let mut work = vec![Step { disk: top, level: 0, is_last: true, label: String::new() }];
        while let Some(step) = work.pop() {
            let Some(disk) = self.graph.disk(step.disk) else { continue };
            if (1..=INDENTED).contains(&step.level) {
                goes_on.truncate(step.level - 1);
                goes_on.push(!step.is_last);
            }
            let is_new = self.seen.insert(step.disk);
            let before = indentation(&goes_on, &step);
            self.line(&disk, &before, &step.label, is_new, out)?;
            if is_new {
                let children = self.children(&disk);
                let below = children.into_iter().enumerate().map(|(position, (child, label))| {
                    Step { disk: child, level: step.level + 1, is_last: position == 0, label }
                });
                work.extend(below);
            }
        }
        Ok(())
    }

    /// What stands under a disk, the last one first, each once, with how it hangs there.
    fn children(&self, disk: &Disk<'_>) -> Vec<(DiskId, String)> {
        let edges: Vec<_> = match self.invert {
            false => disk.needed_by().map(|edge| (edge.from, edge.facts)).collect(),
            true => disk.needs().into_iter().map(|edge| (edge.to, edge.facts)).collect(),
        };
        let mut order: Vec<DiskId> = Vec::with_capacity(edges.len());
        let mut labels: HashMap<DiskId, Vec<&'static str>> = HashMap::new();
        for (id, facts) in edges {
            let words = labels.entry(id).or_insert_with(|| {
                order.push(id);
                Vec::new()
            });
            let kind = (facts.kind == EdgeKind::DataFile).then_some("data file");
            let maybe = (facts.certainty == Certainty::Possible).then_some("possibly");
            for word in maybe.into_iter().chain(kind) {
                if !words.contains(&word) {
                    words.push(word);
                }
            }
        }
        if !self.invert {
            order.sort_by_key(|id| self.graph.disk(*id).map(|disk| disk.path()));
        }
        let label = |id: DiskId| match labels.get(&id).map(Vec::as_slice) {
            None | Some([]) => String::new(),
            Some(words) => format!("[{}] ", words.join(" ")),
        };
        order.into_iter().rev().map(|id| (id, label(id))).collect()
    }

    fn line(
        &self,
        disk: &Disk<'_>,
        before: &str,
        label: &str,
        is_new: bool,
        out: &mut Output,
    ) -> io::Result<()> {
        let style = out.style;
        let (bytes, depth) = (self.space.of(disk.id()), self.depths.of(disk.id()));
        write!(
            out,
            "{:>9}  {:>9}  {:>9}  {depth:>6}  {} {before}{label}{}",
            size_or_dash(disk.actual_size()),
            size_or_dash(bytes.shared),
            size(bytes.exclusive),
            self.health.cell(disk, 10, style),
            escape::path(disk.path()),
        )?;
        write!(out, "{}", show::owners(self.scanned, disk.id(), style))?;
        if !is_new {
            let word = match self.health.is_on_cycle(disk.id()) {
                true => style.bad("(shown above: a cycle)"),
                false => style.faint("(shown above)"),
            };
            return writeln!(out, "  {word}");
        }
        if let Some(record) = self.names.get(&disk.id()) {
            write!(out, "{}", style.faint(format_args!("  ({})", show::name(record))))?;
        }
        for path in disk.paths().skip(1) {
            write!(out, "{}", style.faint(format_args!("  (also {})", escape::path(path))))?;
        }
        if !disk.in_scope() && disk.state() == State::Ok {
            write!(out, "{}", style.faint("  (out of scope)"))?;
        }
        if let Some(warning) = show::depth_warning(depth).filter(|_| !disk.is_needed()) {
            write!(out, "{}", style.unknown(format_args!("  ({warning})")))?;
        }
        for reason in Health::reasons(disk) {
            let reason = format!("  ({reason})");
            let reason = match disk.state() {
                State::Remote => style.faint(reason),
                _ => style.bad(reason),
            };
            write!(out, "{reason}")?;
        }
        writeln!(out)
    }
}

fn indentation(goes_on: &[bool], step: &Step) -> String {
    match step.level {
        0 => String::new(),
        level if level > INDENTED => format!("[depth {level}] "),
        level => {
            let mut text = String::with_capacity(level * 8);
            for more in goes_on.iter().take(level - 1) {
                text.push_str(if *more { "│   " } else { "    " });
            }
            text.push_str(if step.is_last { "└── " } else { "├── " });
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use diskdag_graph::Graph;

    use super::{INDENTED, Step, indentation};

    fn step(level: usize, is_last: bool) -> Step {
        let mut graph = Graph::new();
        let key = diskdag_graph::Key::name("x");
        let facts = diskdag_graph::Facts::new(key.clone());
        graph.apply([diskdag_graph::Change::Insert(facts)]).unwrap();
        let disk = graph.find_key(&key).unwrap();
        Step { disk, level, is_last, label: String::new() }
    }

    #[test]
    fn lines_lead_from_a_disk_to_what_hangs_on_it() {
        assert_eq!(indentation(&[], &step(0, true)), "");
        assert_eq!(indentation(&[true], &step(1, false)), "├── ");
        assert_eq!(indentation(&[true, false], &step(2, true)), "│   └── ");
        assert_eq!(indentation(&[false, false], &step(2, true)), "    └── ");
    }

    #[test]
    fn indentation_is_bounded() {
        let deep = indentation(&[true; INDENTED], &step(100_000, true));
        assert_eq!(deep, "[depth 100000] ");
    }
}
