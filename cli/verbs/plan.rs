//! What has to be done before images can be removed, as `can-rm` shows it.

use std::io::{self, Write};

use diskdag_graph::{DiskId, Graph, PlanStep, Remedy, Removal};
use serde_json::{Map, Value, json};

use crate::escape;
use crate::json::put_path;
use crate::output::Output;
use crate::text::size;

/// The steps, cheapest first; none where nothing needs the images.
pub(crate) fn of(graph: &Graph, removal: &Removal) -> Vec<PlanStep> {
    let images: Vec<DiskId> = removal.images.iter().map(|image| image.disk).collect();
    graph.plan(&images)
}

pub(crate) fn json(graph: &Graph, step: &PlanStep) -> Value {
    let mut map = Map::new();
    if let Some(disk) = graph.disk(step.disk) {
        put_path(&mut map, "path", disk.path());
    }
    map.insert("remedy".to_owned(), json!(step.remedy.name()));
    if let Remedy::Rebase { onto } = step.remedy
        && let Some(onto) = graph.disk(onto)
    {
        put_path(&mut map, "onto", onto.path());
    }
    map.insert("copies".to_owned(), json!(step.copies));
    map.into()
}

pub(crate) fn print(
    graph: &Graph,
    removal: &Removal,
    limit: Option<usize>,
    out: &mut Output,
) -> io::Result<()> {
    let steps = of(graph, removal);
    if steps.is_empty() {
        return Ok(());
    }
    let style = out.style;
    let copied = steps.iter().map(|step| step.copies).fold(0, u64::saturating_add);
    writeln!(out, "\n{}", style.strong("to be done first, cheapest first"))?;
    let limit = limit.unwrap_or(usize::MAX);
    for step in steps.iter().take(limit) {
        let Some(disk) = graph.disk(step.disk) else { continue };
        let path = escape::path(disk.path());
        let what = match step.remedy {
            Remedy::Rebase { onto } => {
                let onto = graph.disk(onto).map(|disk| escape::path(disk.path()));
                format!("rebase onto {}", onto.unwrap_or_default())
            }
            Remedy::Flatten => "flatten (qemu-img rebase -b \"\")".to_owned(),
            Remedy::Convert => "convert, so that it holds its own data".to_owned(),
            Remedy::Name => {
                "give it an absolute name for what it needs (qemu-img rebase -u)".to_owned()
            }
            other => other.name().to_owned(),
        };
        writeln!(out, "  {path}  {what}; copies at most {}", size(step.copies))?;
    }
    let more = steps.len().saturating_sub(limit);
    if more > 0 {
        writeln!(out, "  and {more} more")?;
    }
    let all = format!("{} to copy in all, at most; it frees {}", size(copied), size(removal.frees));
    writeln!(out, "      {}", style.faint(all))
}
