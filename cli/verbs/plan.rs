//! What has to be done before images can be removed, as `can-rm` shows it.

use std::io::{self, Write};

use diskdag_graph::{
    DiskId, EdgeKind, Graph, Hindrance, HindranceKind, Plan, PlanStep, ProcessAccess, QemuLocks,
    Remedy, Removal,
};
use serde_json::{Map, Value, json};

use crate::escape;
use crate::json::put_path;
use crate::output::Output;
use crate::text::size;

/// The steps, cheapest first; none where nothing needs the images.
pub(crate) fn of(graph: &Graph, removal: &Removal, limit: Option<usize>) -> Shown {
    let images: Vec<DiskId> = removal.images.iter().map(|image| image.disk).collect();
    let mut plan = graph.plan(&images);
    let all = plan.steps.len();
    let copies = plan.steps.iter().map(|step| step.copies).fold(0, u64::saturating_add);
    // What is not shown is not asked.
    plan.steps.truncate(limit.unwrap_or(usize::MAX));
    let plan = plan.with_usage(graph, &QemuLocks).with_access(graph, &ProcessAccess);
    Shown { plan, all, copies }
}

/// As much of a plan as is shown.
pub(crate) struct Shown {
    pub(crate) plan: Plan,
    /// So many steps it has.
    pub(crate) all: usize,
    /// Bytes that all of them copy, at most.
    copies: u64,
}

pub(crate) fn json(graph: &Graph, step: &PlanStep) -> Value {
    let mut map = Map::new();
    let path = |map: &mut Map<String, Value>, key, id| {
        if let Some(disk) = graph.disk(id) {
            put_path(map, key, disk.path());
        }
    };
    path(&mut map, "path", step.disk);
    map.insert("remedy".to_owned(), json!(step.remedy.name()));
    match step.remedy {
        Remedy::Rebase { onto } => path(&mut map, "onto", onto),
        Remedy::Name { kind } => {
            map.insert("kind".to_owned(), json!(kind.name()));
        }
        _ => {}
    }
    map.insert("copies".to_owned(), json!(step.copies));
    let hindrances = step.hindrances.iter().map(|one| hindrance(graph, one));
    map.insert("hindrances".to_owned(), hindrances.collect());
    map.into()
}

pub(crate) fn hindrance(graph: &Graph, one: &Hindrance) -> Value {
    let mut map = Map::new();
    if let Some(disk) = graph.disk(one.disk) {
        put_path(&mut map, "path", disk.path());
    }
    map.insert("kind".to_owned(), json!(one.kind.name()));
    map.insert("detail".to_owned(), json!(one.detail));
    map.into()
}

pub(crate) fn print(
    graph: &Graph,
    removal: &Removal,
    limit: Option<usize>,
    out: &mut Output,
) -> io::Result<()> {
    let Shown { plan, all, copies } = of(graph, removal, limit);
    if all == 0 {
        return Ok(());
    }
    let style = out.style;
    writeln!(out, "\n{}", style.strong("to be done first, cheapest first"))?;
    for step in &plan.steps {
        let Some(disk) = graph.disk(step.disk) else { continue };
        let path = escape::path(disk.path());
        let copies = size(step.copies);
        match step.remedy {
            Remedy::Rebase { onto } => {
                let onto = graph.disk(onto).map(|disk| escape::path(disk.path()));
                let onto = onto.unwrap_or_default();
                writeln!(out, "  {path}  rebase onto {onto}; copies at most {copies}")?;
            }
            Remedy::Flatten => {
                let how = "flatten (qemu-img rebase -b \"\")";
                writeln!(out, "  {path}  {how}; copies at most {copies}")?;
            }
            Remedy::Convert => {
                let how = "convert, so that it holds its own data";
                writeln!(out, "  {path}  {how}; copies at most {copies}")?;
            }
            Remedy::Name { kind: EdgeKind::DataFile } => {
                let how = "qemu-img amend -o data_file=PATH, where the name leads to it now";
                writeln!(out, "  {path}  give its data file an absolute name ({how})")?;
            }
            Remedy::Name { .. } => {
                let how = "qemu-img rebase -u";
                writeln!(out, "  {path}  give it an absolute name for what it needs ({how})")?;
            }
            Remedy::Repair => writeln!(
                out,
                "  {path}  cannot be opened, so nothing can be copied into it: repair it, or give it up"
            )?,
            other => writeln!(out, "  {path}  {}; copies at most {copies}", other.name())?,
        }
        for one in &step.hindrances {
            print_hindrance(graph, step.disk, one, out)?;
        }
    }
    let more = all - plan.steps.len();
    if more > 0 {
        writeln!(out, "  and {more} more")?;
    }
    let all = format!("{} to copy in all, at most; it frees {}", size(copies), size(removal.frees));
    writeln!(out, "      {}", style.faint(all))
}

/// What stands in the way of changing a disk, and what to do about it.
pub(crate) fn print_hindrance(
    graph: &Graph,
    changed: DiskId,
    one: &Hindrance,
    out: &mut Output,
) -> io::Result<()> {
    let style = out.style;
    let of = graph.disk(one.disk).filter(|disk| disk.id() != changed);
    let of = of.map(|disk| format!("{} ", escape::path(disk.path()))).unwrap_or_default();
    let but = if one.kind.is_end() { "as" } else { "but" };
    let it = if of.is_empty() { "it " } else { "" };
    writeln!(out, "      {} {it}{of}{}", style.bad(but), escape::words(&one.detail))?;
    let advice = match one.kind {
        HindranceKind::Cycle => {
            "put one of them on what it was made on, if you know what that is (qemu-img rebase -u): \
             on anything else its guest reads garbage"
        }
        HindranceKind::Broken => {
            "bring back what is missing or cannot be read; another of the same content will do \
             (qemu-img rebase -u), on anything else its guest reads garbage"
        }
        HindranceKind::InUse => {
            "stop what uses it, or have that do it (block-stream, block-commit)"
        }
        _ => return Ok(()),
    };
    writeln!(out, "      {}", style.faint(format_args!("to resolve it: {advice}")))
}
