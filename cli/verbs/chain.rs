//! `chain`: what an image needs, top to base.

use std::io::{self, Write};
use std::path::Path;

use diskdag_graph::{Disk, DiskId, Edge, EdgeKind, Format, Graph, State};
use serde_json::{Map, Value, json};

use crate::args::Common;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::health::Health;
use crate::json::{Answer, put_path};
use crate::output::Output;
use crate::scope;
use crate::show;
use crate::text::size_or_dash;

/// Where the column of names begins.
const NAMES: usize = 42;

/// One disk of the chain.
struct Layer<'g> {
    disk: Disk<'g>,
    /// As it was typed, for the image itself.
    path: &'g Path,
    /// The format and the size that it is opened with.
    opened: (&'static str, Option<u64>),
    /// The external data files that it names.
    data: Vec<Disk<'g>>,
}

pub(crate) fn run(image: &Path, common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    let (scanned, ids, paths) = scope::follow(&[image.to_owned()], common)?;
    let graph = &scanned.graph;
    let (Some(id), Some(path)) = (ids.first().copied(), paths.first()) else {
        return Ok(Exit::NotFound);
    };
    let health = Health::of(graph);
    let layers = layers(graph, id, path);
    let certain = graph.chain_is_certain(id);
    match out.json {
        true => print_json(graph, path, &layers, &health, certain, out)?,
        false => print_text(&layers, &health, out)?,
    }
    for line in show::waived(graph) {
        out.notice(line);
    }
    if !certain {
        out.notice(
            "a step of this chain is a name that QEMU resolves from its working directory: what is \
             shown may not be what it opens",
        );
    }
    show::notice_doubts(out, &health.doubts);
    let exit = health.exit(graph.disks());
    Ok(exit.or(Exit::Unknown.when(!certain)))
}

fn layers<'g>(graph: &'g Graph, id: DiskId, asked: &'g Path) -> Vec<Layer<'g>> {
    let mut above: Option<Disk<'g>> = None;
    let mut layers = Vec::new();
    for disk in graph.chain(id).filter_map(|id| graph.disk(id)) {
        let edges = above.map(|above| above.needs()).unwrap_or_default();
        let edge = edges.into_iter().find(|edge| edge.to == disk.id());
        let data = disk.needs().into_iter().filter(|edge| edge.facts.kind == EdgeKind::DataFile);
        let data = data.filter_map(|edge| graph.disk(edge.to)).collect();
        let path = if above.is_none() { asked } else { disk.path() };
        layers.push(Layer { disk, path, opened: opened_as(&disk, edge.as_ref()), data });
        above = Some(disk);
    }
    layers
}

/// The format and size with which QEMU opens a disk: what the reference to it declares is
/// believed, whatever the file holds.
fn opened_as(disk: &Disk<'_>, edge: Option<&Edge<'_>>) -> (&'static str, Option<u64>) {
    let declared = edge.and_then(|edge| edge.facts.format);
    match (disk.format(), declared) {
        (Format::Qcow2, _) if edge.is_some_and(|edge| edge.facts.ends_chain) => {
            let sectors = disk.length().map(|length| length.next_multiple_of(512));
            (Format::Raw.name(), sectors)
        }
        (Format::Foreign(_), Some(b"raw")) => raw(disk),
        // Refused: a finding of the disk that declares it says so.
        (Format::Raw | Format::Foreign(_), Some(b"qcow2")) => (Format::Qcow2.name(), None),
        (format, _) => (format.name(), disk.virtual_size()),
    }
}

fn print_json(
    graph: &Graph,
    image: &Path,
    layers: &[Layer<'_>],
    health: &Health,
    certain: bool,
    out: &mut Output,
) -> io::Result<()> {
    let mut answer = Answer::begin(out, "chain")?;
    answer.path("image", image)?;
    answer.list(
        "chain",
        layers.iter().map(|layer| layer_json(&layer.disk, layer.path, layer.opened, None)),
    )?;
    let data = layers.iter().flat_map(|layer| {
        layer.data.iter().map(|data| layer_json(data, data.path(), raw(data), Some(layer.path)))
    });
    answer.list("data-files", data)?;
    answer.field("cycle", !health.cycles.is_empty())?;
    answer.field("certain", certain)?;
    answer.unread(graph, &health.doubts)?;
    answer.end()
}

/// A data file is bytes, whatever they say.
fn raw(data: &Disk<'_>) -> (&'static str, Option<u64>) {
    match data.length() {
        Some(length) => (Format::Raw.name(), Some(length.next_multiple_of(512))),
        None => (data.format().name(), None),
    }
}

fn layer_json(
    disk: &Disk<'_>,
    path: &Path,
    (format, virtual_size): (&'static str, Option<u64>),
    of: Option<&Path>,
) -> Value {
    let mut map = Map::new();
    put_path(&mut map, "path", path);
    if let Some(of) = of {
        put_path(&mut map, "of", of);
    }
    map.insert("format".to_owned(), json!(format));
    map.insert("state".to_owned(), json!(disk.state().name()));
    map.insert("reason".to_owned(), json!(disk.reason()));
    map.insert("virtual-size".to_owned(), json!(virtual_size));
    map.insert("actual-size".to_owned(), json!(disk.actual_size()));
    map.into()
}

fn print_text(layers: &[Layer<'_>], health: &Health, out: &mut Output) -> io::Result<()> {
    let style = out.style;
    let head = format!("{:>9}  {:>9}  {:<7}  {:<10} DISK", "VIRTUAL", "OWN", "FORMAT", "HEALTH");
    writeln!(out, "{}", style.strong(head))?;
    for layer in layers {
        line(&layer.disk, layer.path, layer.opened, "", health, out)?;
        for data in &layer.data {
            line(data, data.path(), raw(data), "  data file: ", health, out)?;
        }
    }
    if let Some(members) = health.cycles.first() {
        let last = format!("a cycle of {}: this chain never ends", members.len());
        writeln!(out, "{:NAMES$}{}", "", style.bad(last))?;
    }
    Ok(())
}

fn line(
    disk: &Disk<'_>,
    path: &Path,
    (format, virtual_size): (&'static str, Option<u64>),
    label: &str,
    health: &Health,
    out: &mut Output,
) -> io::Result<()> {
    let style = out.style;
    writeln!(
        out,
        "{:>9}  {:>9}  {:<7}  {} {label}{}",
        size_or_dash(virtual_size),
        size_or_dash(disk.actual_size()),
        format,
        health.cell(disk, 10, style),
        escape::path(path),
    )?;
    for reason in Health::reasons(disk) {
        let reason = match disk.state() {
            State::Remote => style.faint(reason),
            _ => style.bad(reason),
        };
        writeln!(out, "{:NAMES$}  {reason}", "")?;
    }
    Ok(())
}
