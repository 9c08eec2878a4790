//! `orphans`: the disks that nobody claims and that no claimed disk needs.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::io::{self, Write};
use std::path::PathBuf;

use diskdag_graph::scan::Scanned;
use diskdag_graph::{Blocker, Disk, DiskId, Doubt, Removal, Verdict};
use serde_json::{Map, Value, json};

use crate::args::{self, Common};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json::{self, Answer, put_path};
use crate::output::Output;
use crate::scope;
use crate::show;
use crate::text::{count, size};
use crate::verbs::can_rm;

/// What nobody claims, and what came of asking whether it may go.
struct Found<'g> {
    /// What gives back most comes first, then by path.
    orphans: Vec<Disk<'g>>,
    /// What no owner names, and something else holds: a lock, a catalogue, a pin.
    kept: Vec<Blocker>,
    doubts: Vec<Doubt>,
    /// What all of them together give back.
    frees: u64,
}

pub(crate) fn run(
    args: &args::Orphans,
    common: &Common,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let paths: Vec<PathBuf> = args.of.paths.clone();
    let mut survey = scope::survey(&paths, common, true)?;
    scope::ask_all_reflinks(&mut survey.scanned, common)?;
    let scanned = &survey.scanned;
    let claimed = claimed(scanned, &args.keep)?;
    let only = survey.only.as_deref().map(|paths| show::connected(&scanned.graph, paths));
    let found = Found::of(scanned, claimed, only.as_ref())?;
    let shown = args.limit.unwrap_or(usize::MAX);
    if out.json {
        print_json(scanned, &found, shown, out)?;
    } else if args.null {
        for disk in &found.orphans {
            out.write_all(disk.path().as_os_str().as_encoded_bytes())?;
            out.write_all(b"\0")?;
        }
    } else {
        print_text(&found, shown, out)?;
    }
    if !found.doubts.is_empty() {
        out.notice("some of them may be of use: not everything could be asked");
    }
    show::notice_coverage(out, &scanned.graph, &found.doubts);
    Ok(Exit::Unknown.when(!found.doubts.is_empty()))
}

/// The disks that are of use by themselves: those that owners name, and those that `keep` does.
fn claimed(scanned: &Scanned, keep: &[PathBuf]) -> Result<HashSet<DiskId>, Failure> {
    let graph = &scanned.graph;
    if keep.is_empty() && !scanned.owned.were_asked() {
        let message = "which disks are of use, nobody has said";
        let advice = "name the files in which owners name their disks (--owners PATH, or \
                      DISKDAG_OWNERS), or the disks themselves (--keep IMAGE)";
        return Err(Failure::new(Exit::Usage, "usage", message).advising(advice));
    }
    let ids = graph.disks().map(|disk| disk.id());
    let mut claimed: HashSet<DiskId> =
        ids.filter(|id| scanned.owned.of(*id).next().is_some()).collect();
    for path in keep {
        let path = scope::absolute(path)?;
        let real = || path.canonicalize().ok().and_then(|real| graph.find(&real));
        let Some(disk) = graph.find(&path).or_else(real) else {
            let message = format!("{}: no disk of the scope", escape::path(&path));
            return Err(Failure::new(Exit::NotFound, "not-found", message));
        };
        claimed.insert(disk);
    }
    Ok(claimed)
}

impl<'g> Found<'g> {
    fn of(
        scanned: &'g Scanned,
        mut claimed: HashSet<DiskId>,
        only: Option<&HashSet<DiskId>>,
    ) -> Result<Self, Failure> {
        let graph = &scanned.graph;
        let is_meant = |id: &DiskId| only.is_none_or(|only| only.contains(id));
        let mut kept = Vec::new();
        let (orphans, removal) = loop {
            let mut orphans = graph.orphans(claimed.iter().copied());
            orphans.retain(is_meant);
            let removal = can_rm::ask(scanned, graph, graph.removal(&orphans))?;
            let held = removal.images.iter().filter(|image| image.verdict == Verdict::No);
            let held: Vec<DiskId> = held.map(|image| image.disk).collect();
            if held.is_empty() {
                break (orphans, removal);
            }
            // Whoever holds it claims it, and what it needs.
            claimed.extend(held);
            kept.extend(removal.blockers);
        };
        let Removal { doubts, frees, .. } = removal;
        let mut orphans: Vec<Disk<'g>> =
            orphans.into_iter().filter_map(|id| graph.disk(id)).collect();
        orphans.sort_by_cached_key(|disk| (Reverse(graph.freed_by(&[disk.id()])), disk.path()));
        Ok(Self { orphans, kept, doubts, frees })
    }
}

fn print_json(
    scanned: &Scanned,
    found: &Found<'_>,
    shown: usize,
    out: &mut Output,
) -> io::Result<()> {
    let graph = &scanned.graph;
    let mut answer = Answer::begin(out, "orphans")?;
    answer.coverage(graph, &found.doubts)?;
    let orphans = found.orphans.iter().take(shown).map(|disk| {
        let mut map = Map::new();
        put_path(&mut map, "path", disk.path());
        map.insert("own".to_owned(), json!(disk.actual_size()));
        map.insert("frees".to_owned(), json!(graph.freed_by(&[disk.id()])));
        Value::Object(map)
    });
    answer.list("orphans", orphans)?;
    answer.field("orphans-total", found.orphans.len())?;
    answer.field("frees", found.frees)?;
    let kept = found.kept.iter().map(|blocker| {
        let mut map = Map::new();
        put_path(&mut map, "path", &blocker.path);
        map.insert("kind".to_owned(), json!(blocker.kind.name()));
        map.insert("detail".to_owned(), json!(blocker.detail));
        Value::Object(map)
    });
    answer.list("kept", kept)?;
    answer.list("doubts", found.doubts.iter().map(json::doubt))?;
    answer.end()
}

fn print_text(found: &Found<'_>, shown: usize, out: &mut Output) -> io::Result<()> {
    let style = out.style;
    for disk in found.orphans.iter().take(shown) {
        let own = size(disk.actual_size().unwrap_or(0));
        writeln!(out, "{own:>9}  {}", escape::path(disk.path()))?;
    }
    let more = found.orphans.len().saturating_sub(shown);
    if more > 0 {
        writeln!(out, "and {more} more")?;
    }
    for Blocker { path, kind, detail, .. } in found.kept.iter().take(shown) {
        let detail = escape::words(detail);
        let line = format!("kept  {}  {}: {detail}", escape::path(path), kind.name());
        writeln!(out, "{}", style.faint(line))?;
    }
    match found.orphans.len() {
        0 => writeln!(out, "{}", style.good("every disk is of use, or needed by one that is")),
        many => {
            let many = count(many, "disk that nobody claims", "disks that nobody claims");
            writeln!(out, "{many}; without them {} are free", size(found.frees))
        }
    }
}
