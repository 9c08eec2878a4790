//! `can-rm`: may these images be removed? Yes, no and who, or unknown and why.

use std::collections::HashMap;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use diskdag_graph::scan::Scanned;
use diskdag_graph::{Blocker, BlockerKind, DiskId, Graph, QemuLocks, Removal, Verdict};
use diskdag_snapshot::{Host, Pool};
use serde_json::{Map, Value, json};

use crate::args::Common;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json::{self, Answer, put_path};
use crate::output::Output;
use crate::scope;
use crate::show;
use crate::text::{count, size};
use crate::verbs::plan;

pub(crate) fn run(
    images: &[PathBuf],
    limit: Option<usize>,
    common: &Common,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let (scanned, ids, paths, removal) = judge(images, common)?;
    let graph = &scanned.graph;
    let asked = show::asked_as(&ids, &paths);
    match out.json {
        true => print_json(graph, &removal, &asked, limit, out)?,
        false => print_text(graph, &removal, &asked, limit, out)?,
    }
    Ok(match removal.verdict {
        Verdict::Yes => Exit::Ok,
        Verdict::No => Exit::Refused,
        Verdict::Unknown => Exit::Unknown,
    })
}

/// Asks the headers of the scope, and the locks of the images.
pub(crate) fn judge(
    images: &[PathBuf],
    common: &Common,
) -> Result<(Scanned, Vec<DiskId>, Vec<PathBuf>, Removal), Failure> {
    let (mut scanned, ids, paths) = scope::about(images, common)?;
    gone(&scanned.graph, &ids, &paths)?;
    scope::ask_reflinks(&mut scanned, ids.iter().copied(), common)?;
    let removal = ask(&scanned, &scanned.graph, scanned.graph.removal(&ids))?;
    Ok((scanned, ids, paths, removal))
}

/// Asks about a removal from a version of the graph what headers don't tell: locks, owners, catalogues.
pub(crate) fn ask(scanned: &Scanned, graph: &Graph, removal: Removal) -> Result<Removal, Failure> {
    let removal = removal.with_usage(graph, &QemuLocks).with_owners(graph, &scanned.owned);
    ask_pools(graph, removal)
}

/// Asks the catalogues alone.
pub(crate) fn ask_pools(graph: &Graph, removal: Removal) -> Result<Removal, Failure> {
    Ok(pools(graph)?.iter().fold(removal, |removal, pool| pool.judge(graph, removal)))
}

/// Every pool that has a disk in scope: what has begun there may be about any image.
pub(crate) fn pools(graph: &Graph) -> Result<Vec<Pool>, Failure> {
    let everywhere = graph.disks().map(|disk| disk.path());
    Ok(Pool::around(&Host::real(NonZeroUsize::MIN), everywhere)?)
}

/// What is missing cannot be removed, even if the graph knows it because others need it.
pub(crate) fn gone(graph: &Graph, ids: &[DiskId], paths: &[PathBuf]) -> Result<(), Failure> {
    let mut failures = Vec::new();
    for (id, path) in ids.iter().zip(paths) {
        let Some(disk) = graph.disk(*id) else { continue };
        if disk.state() == diskdag_graph::State::Missing {
            let needed = count(graph.dependents(*id).len(), "disk needs it", "disks need it");
            let message = format!("{}: no such file, but {needed}", escape::path(path));
            failures.push(Failure::new(Exit::NotFound, "not-found", message));
        }
    }
    Failure::all(failures).map_or(Ok(()), Err)
}

fn print_json(
    graph: &Graph,
    removal: &Removal,
    asked: &HashMap<DiskId, &Path>,
    limit: Option<usize>,
    out: &mut Output,
) -> io::Result<()> {
    let mut answer = Answer::begin(out, "can-rm")?;
    answer.field("verdict", removal.verdict.name())?;
    answer.coverage(graph, &removal.doubts)?;
    let images = removal.images.iter().map(|image| {
        let mut map = Map::new();
        put_path(&mut map, "path", path_of(graph, asked, image.disk));
        map.insert("verdict".to_owned(), json!(image.verdict.name()));
        map.insert("frees".to_owned(), json!(image.frees));
        Value::Object(map)
    });
    answer.list("images", images)?;
    answer.field("frees", removal.frees)?;
    let shown = removal.blockers.iter().take(limit.unwrap_or(usize::MAX));
    answer.list("blockers", shown.map(|blocker| blocker_json(graph, asked, blocker)))?;
    answer.field("blockers-total", removal.blockers.len())?;
    let shown = plan::of(graph, removal, limit);
    answer.list("plan", shown.plan.steps.iter().map(|step| plan::json(graph, step)))?;
    answer.field("plan-total", shown.all)?;
    answer.list("doubts", removal.doubts.iter().map(json::doubt))?;
    answer.field("checked", removal.checked.clone())?;
    answer.end()
}

pub(crate) fn blocker_json(
    graph: &Graph,
    asked: &HashMap<DiskId, &Path>,
    blocker: &Blocker,
) -> Value {
    let mut map = Map::new();
    put_path(&mut map, "path", &blocker.path);
    map.insert("kind".to_owned(), json!(blocker.kind.name()));
    map.insert("depth".to_owned(), json!(blocker.depth));
    map.insert("detail".to_owned(), json!(blocker.detail));
    put_path(&mut map, "image", path_of(graph, asked, blocker.image));
    map.into()
}

fn path_of<'g>(graph: &'g Graph, asked: &HashMap<DiskId, &'g Path>, id: DiskId) -> &'g Path {
    let known = || graph.disk(id).map_or(Path::new(""), |disk| disk.path());
    asked.get(&id).copied().unwrap_or_else(known)
}

fn print_text(
    graph: &Graph,
    removal: &Removal,
    asked: &HashMap<DiskId, &Path>,
    limit: Option<usize>,
    out: &mut Output,
) -> io::Result<()> {
    let style = out.style;
    let what = match removal.images.as_slice() {
        [one] => escape::path(path_of(graph, asked, one.disk)),
        many => format!("these {}", count(many.len(), "disk", "disks")),
    };
    match removal.verdict {
        Verdict::Yes => {
            let frees = size(removal.frees);
            writeln!(out, "{}: nothing needs {what}; removing frees {frees}", style.good("yes"))?;
        }
        Verdict::No => {
            let of = |kind| removal.blockers.iter().filter(|b| b.kind == kind).count();
            let (needing, users) = (of(BlockerKind::Dependent), of(BlockerKind::InUse));
            let owners = of(BlockerKind::Owner);
            let recorded = removal.blockers.len() > needing + users + owners;
            let reasons = [
                (needing > 0)
                    .then(|| format!("{} {what}", count(needing, "disk needs", "disks need"))),
                (users > 0).then(|| format!("{what} is in use")),
                (owners > 0).then(|| format!("{what} has an owner")),
                recorded.then(|| format!("the catalogue holds {what}")),
            ];
            let reasons: Vec<String> = reasons.into_iter().flatten().collect();
            writeln!(out, "{}: {}", style.bad("no"), reasons.join(", and "))?;
        }
        Verdict::Unknown => {
            let why = "no dependent was found, but not everything could be asked";
            writeln!(out, "{}: whether {what} may go: {why}", style.unknown("unknown"))?;
        }
    }
    if removal.images.len() > 1 {
        for image in &removal.images {
            let path = escape::path(path_of(graph, asked, image.disk));
            writeln!(out, "  {:<7}  {path}  ({})", image.verdict.name(), size(image.frees))?;
        }
    }
    blockers(graph, removal, asked, limit, out)?;
    plan::print(graph, removal, limit, out)?;
    if !removal.doubts.is_empty() {
        writeln!(out, "\n{}", style.unknown("could not be asked"))?;
        show::doubts(out, &removal.doubts)?;
    }
    writeln!(out)?;
    for line in show::coverage(graph) {
        writeln!(out, "{line}")?;
    }
    let checked = format!("checked: {}", removal.checked.join(", "));
    writeln!(out, "{}", style.faint(checked))?;
    if removal.verdict != Verdict::Yes {
        let frees = format!("removing would free {}", size(removal.frees));
        writeln!(out, "{}", style.faint(frees))?;
    }
    Ok(())
}

pub(crate) fn blockers(
    graph: &Graph,
    removal: &Removal,
    asked: &HashMap<DiskId, &Path>,
    limit: Option<usize>,
    out: &mut Output,
) -> io::Result<()> {
    let style = out.style;
    if removal.blockers.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", style.bad("in the way"))?;
    let limit = limit.unwrap_or(usize::MAX);
    for blocker in removal.blockers.iter().take(limit) {
        let detail = escape::words(&blocker.detail);
        let of = match removal.images.as_slice() {
            [_] => String::new(),
            _ if blocker.kind != BlockerKind::Dependent => String::new(),
            _ => format!(" ({})", escape::path(path_of(graph, asked, blocker.image))),
        };
        let path = escape::path(&blocker.path);
        writeln!(out, "  {path}  {}: {detail}{of}", blocker.kind.name())?;
    }
    let more = removal.blockers.len().saturating_sub(limit);
    if more > 0 {
        writeln!(out, "  and {more} more")?;
    }
    let has = |kind| removal.blockers.iter().any(|blocker| blocker.kind == kind);
    if has(BlockerKind::Dependent) {
        let advice = "to resolve it: name them too if they may go, or do as the plan says";
        writeln!(out, "      {}", style.faint(advice))?;
    }
    if has(BlockerKind::Owner) {
        let advice = "to resolve it: take the disk from its owner first";
        writeln!(out, "      {}", style.faint(advice))?;
    }
    if has(BlockerKind::InUse) {
        let advice = "to resolve it: stop what uses it, and ask again";
        writeln!(out, "      {}", style.faint(advice))?;
    }
    if has(BlockerKind::Pinned) {
        writeln!(out, "      {}", style.faint("to resolve it: `diskdag unpin NAME DISK`"))?;
    }
    if has(BlockerKind::Snapshot) {
        let advice = "to resolve it: `diskdag snap rm NAME DISK`, which keeps the catalogue true";
        writeln!(out, "      {}", style.faint(advice))?;
    }
    if has(BlockerKind::Trash) {
        writeln!(out, "      {}", style.faint("to resolve it: `diskdag trash purge ITEM`"))?;
    }
    Ok(())
}
