//! `graph`: the graph for other programs.

use std::path::PathBuf;

use diskdag_graph::Disk;

use crate::args::{Common, GraphFormat};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::health::Health;
use crate::json::Answer;
use crate::output::Output;
use crate::scope;
use crate::show;
use crate::verbs::draw;

pub(crate) fn run(
    paths: &[PathBuf],
    format: GraphFormat,
    common: &Common,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let mut survey = scope::survey(paths, common, true)?;
    if out.json {
        scope::ask_all_reflinks(&mut survey.scanned, common)?;
    }
    let graph = &survey.scanned.graph;
    let health = Health::about(graph, &survey.asked);
    let only = survey.only.as_deref().map(|paths| show::connected(graph, paths));
    let is_shown = |disk: &Disk<'_>| only.as_ref().is_none_or(|only| only.contains(&disk.id()));
    if out.json {
        let names = show::names(graph, out)?;
        let mut answer = Answer::begin(out, "graph")?;
        answer.coverage(graph, &health.doubts)?;
        show::graph_json(&mut answer, &survey.scanned, &names, only.as_ref())?;
        answer.end()?;
    } else {
        let disks: Vec<Disk<'_>> = graph.disks().filter(is_shown).collect();
        match format {
            GraphFormat::Mermaid => draw::mermaid(&disks, &health, out)?,
            GraphFormat::Dot | GraphFormat::Json => draw::dot(&disks, &health, out)?,
        }
        show::notice_coverage(out, graph, &health.doubts);
    }
    Ok(health.exit(graph.disks().filter(is_shown)))
}
