//! `du`: what each disk occupies, shares, frees and alone keeps.

use std::cmp::Reverse;
use std::io::{self, Write};

use diskdag_graph::scan::Scanned;
use diskdag_graph::{Bytes, Disk};
use serde_json::{Map, Value, json};

use crate::args::{self, Common, DuOrder};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::health::Health;
use crate::json::{Answer, put_path};
use crate::output::Output;
use crate::scope;
use crate::show;
use crate::text::{size, size_or_dash};

pub(crate) fn run(args: &args::Du, common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    let mut survey = scope::survey(&args.of.paths, common, true)?;
    scope::ask_all_reflinks(&mut survey.scanned, common)?;
    let scanned = &survey.scanned;
    let graph = &scanned.graph;
    let health = Health::about(graph, &survey.asked);
    let space = graph.space();
    let only = survey.only.as_deref().map(|paths| show::connected(graph, paths));
    let is_shown = |disk: &Disk<'_>| only.as_ref().is_none_or(|only| only.contains(&disk.id()));
    let exit = health.exit(graph.disks().filter(is_shown));
    let files = graph.disks().filter(is_shown).filter(|disk| disk.actual_size().is_some());
    let mut disks: Vec<(Disk<'_>, Bytes)> = files.map(|disk| (disk, space.of(disk.id()))).collect();
    disks.sort_by_key(|(disk, bytes)| (Reverse(rank(args.sort, bytes)), disk.path()));
    let total = disks.iter().map(|(_, bytes)| bytes.own).fold(0, u64::saturating_add);
    let reclaimable = reclaimable(scanned);
    let shown = args.limit.unwrap_or(usize::MAX);
    if out.json {
        let mut answer = Answer::begin(out, "du")?;
        answer.coverage(graph, &health.doubts)?;
        answer
            .list("disks", disks.iter().take(shown).map(|(disk, bytes)| json_of(disk, *bytes)))?;
        answer.field("disks-total", disks.len())?;
        answer.field("total", total)?;
        answer.field("reclaimable", reclaimable.unwrap_or(0))?;
        answer.end()?;
        return Ok(exit);
    }
    print(scanned, &disks, shown, out)?;
    writeln!(out, "\ntotal {}", size(total))?;
    match reclaimable {
        Some(bytes) => writeln!(out, "reclaimable {}: no owner's disk needs it", size(bytes))?,
        None => {
            let advice = "reclaimable: not known; --owners says which disks are of use";
            writeln!(out, "{}", out.style.faint(advice))?;
        }
    }
    show::notice_coverage(out, graph, &health.doubts);
    show::notice_doubts(out, scanned.owned.doubts());
    Ok(exit)
}

/// What could go if only the owners' disks were of use, and what they need.
fn reclaimable(scanned: &Scanned) -> Option<u64> {
    let is_known = scanned.owned.were_asked() && scanned.owned.doubts().is_empty();
    is_known.then(|| scanned.graph.freed_by(&show::orphans(scanned)))
}

fn rank(order: DuOrder, bytes: &Bytes) -> u64 {
    match order {
        DuOrder::Path => 0,
        DuOrder::Own => bytes.own,
        DuOrder::Shared => bytes.shared.unwrap_or(0),
        DuOrder::Exclusive => bytes.exclusive,
        DuOrder::Retained => bytes.retained,
    }
}

fn json_of(disk: &Disk<'_>, bytes: Bytes) -> Value {
    let mut map = Map::new();
    put_path(&mut map, "path", disk.path());
    show::put_bytes_of(&mut map, bytes);
    map.insert("reflinked".to_owned(), json!(disk.reflinked()));
    json!(map)
}

fn print(
    scanned: &Scanned,
    disks: &[(Disk<'_>, Bytes)],
    shown: usize,
    out: &mut Output,
) -> io::Result<()> {
    let style = out.style;
    let head =
        format!("{:>9}  {:>9}  {:>9}  {:>9}  DISK", "OWN", "SHARED", "EXCLUSIVE", "RETAINED");
    writeln!(out, "{}", style.strong(head))?;
    for (disk, bytes) in disks.iter().take(shown) {
        let owners = show::owners(scanned, disk.id(), style);
        writeln!(
            out,
            "{:>9}  {:>9}  {:>9}  {:>9}  {}{owners}",
            size(bytes.own),
            size_or_dash(bytes.shared),
            size(bytes.exclusive),
            size(bytes.retained),
            escape::path(disk.path()),
        )?;
    }
    let more = disks.len().saturating_sub(shown);
    if more > 0 {
        writeln!(out, "and {more} more")?;
    }
    Ok(())
}
