//! What several verbs print alike: disks and edges in JSON, doubts and scope in text.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use diskdag_graph::scan::Scanned;
use diskdag_graph::{
    Bytes, DepthPolicy, DepthVerdict, Depths, Disk, DiskId, Doubt, Edge, Graph, KeyRef, Space,
};
use diskdag_snapshot::catalogue::{SnapshotRecord, Standing};
use diskdag_snapshot::{Host, Pool};
use serde_json::{Map, Value, json};

use crate::escape;
use crate::failure::Failure;
use crate::health;
use crate::json::{Answer, put_bytes, put_path, put_paths};
use crate::output::Output;
use crate::text::{self, Styles};

/// The disks that hang together with one whose path is, or lies below, one of `paths`.
pub(crate) fn connected(graph: &Graph, paths: &[PathBuf]) -> HashSet<DiskId> {
    // A directory may have been listed under another spelling of its path.
    let real = paths.iter().filter_map(|path| path.canonicalize().ok());
    let wanted: HashSet<PathBuf> = paths.iter().cloned().chain(real).collect();
    let is_wanted = |path: &Path| path.ancestors().any(|above| wanted.contains(above));
    let by_path = graph.disks().filter(|disk| disk.paths().any(is_wanted));
    let mut found: HashSet<DiskId> = by_path.map(|disk| disk.id()).collect();
    found.extend(paths.iter().filter_map(|path| graph.find(path)));
    let mut work: Vec<DiskId> = found.iter().copied().collect();
    while let Some(id) = work.pop() {
        let Some(disk) = graph.disk(id) else { continue };
        let below = disk.needs().into_iter().map(|edge| edge.to);
        for next in below.chain(disk.needed_by().map(|edge| edge.from)) {
            if found.insert(next) {
                work.push(next);
            }
        }
    }
    found
}

/// What catalogues call disks of the graph.
pub(crate) type Names = HashMap<DiskId, SnapshotRecord>;

/// The snapshots among the disks of the graph, as the catalogues of their pools have them. A catalogue that
/// cannot be read is said: then they have no names.
pub(crate) fn names(graph: &Graph, out: &mut Output) -> Result<Names, Failure> {
    let host = Host::real(std::num::NonZeroUsize::MIN);
    let mut names = Names::new();
    for pool in Pool::around(&host, graph.disks().map(|disk| disk.path()))? {
        match pool.state() {
            Ok(state) => names.extend(state.snapshots.values().filter_map(|record| {
                graph.find(&pool.top().join(&record.file)).map(|disk| (disk, record.clone()))
            })),
            Err(error) => {
                let why = Failure::from(error).message;
                out.notice(format!("snapshots are shown without their names: {why}"));
            }
        }
    }
    Ok(names)
}

/// Its name, for people.
pub(crate) fn name(record: &SnapshotRecord) -> String {
    let retired = if record.standing == Standing::Retired { "retired " } else { "" };
    format!("{retired}snapshot {}", escape::name(record.name.as_bytes()))
}

/// The nodes and edges of `tree` and `graph`; `only`: not all of them.
pub(crate) fn graph_json(
    answer: &mut Answer<'_>,
    scanned: &Scanned,
    names: &Names,
    only: Option<&HashSet<DiskId>>,
) -> io::Result<()> {
    let graph = &scanned.graph;
    let (depths, space) = (graph.depths(), graph.space());
    let shown = |id: DiskId| only.is_none_or(|only| only.contains(&id));
    let disks = graph.disks().filter(|disk| shown(disk.id()));
    let all = disks.map(|disk| disk_json(scanned, &disk, &depths, &space, names));
    answer.list("disks", all)?;
    let edges = graph.edges().filter(|edge| shown(edge.from) && shown(edge.to));
    answer.list("edges", edges.map(|edge| edge_json(&edge)))
}

fn disk_json(
    scanned: &Scanned,
    disk: &Disk<'_>,
    depths: &Depths,
    space: &Space,
    names: &Names,
) -> Value {
    let graph = &scanned.graph;
    let mut map = Map::new();
    map.insert("id".to_owned(), json!(disk.id().number()));
    put_path(&mut map, "path", disk.path());
    put_paths(&mut map, "paths", disk.paths());
    let (device, inode) = match disk.key() {
        KeyRef::File { device, inode } => (Some(device), Some(inode)),
        KeyRef::Name(_) => (None, None),
    };
    let findings: Vec<Value> = disk
        .findings()
        .iter()
        .map(|f| json!({"kind": f.kind, "detail": f.detail, "breaks": f.breaks}))
        .collect();
    let more = [
        ("device", json!(device)),
        ("inode", json!(inode)),
        ("format", json!(disk.format().name())),
        ("state", json!(disk.state().name())),
        ("reason", json!(disk.reason())),
        ("in-scope", json!(disk.in_scope())),
        ("virtual-size", json!(disk.virtual_size())),
        ("actual-size", json!(disk.actual_size())),
        ("depth", json!(depths.of(disk.id()))),
        ("dependents", json!(graph.dependents(disk.id()).len())),
        ("frees", json!(graph.freed_by(&[disk.id()]))),
        ("findings", json!(findings)),
        ("owners", json!(scanned.owned.names(disk.id()))),
    ];
    map.extend(more.map(|(key, value)| (key.to_owned(), value)));
    if let Some(record) = names.get(&disk.id()) {
        put_bytes(&mut map, "snapshot", record.name.as_bytes());
    }
    put_bytes_of(&mut map, space.of(disk.id()));
    map.into()
}

/// The bytes of a disk under the keys that `du` has for them.
pub(crate) fn put_bytes_of(map: &mut Map<String, Value>, bytes: Bytes) {
    let Bytes { own, shared, exclusive, retained } = bytes;
    let all = [
        ("own", json!(own)),
        ("shared", json!(shared)),
        ("exclusive", json!(exclusive)),
        ("retained", json!(retained)),
    ];
    map.extend(all.map(|(key, value)| (key.to_owned(), value)));
}

/// The disks that no owner names and no owner's disk needs.
pub(crate) fn orphans(scanned: &Scanned) -> Vec<DiskId> {
    let graph = &scanned.graph;
    let ids = graph.disks().map(|disk| disk.id());
    graph.orphans(ids.filter(|id| scanned.owned.of(*id).next().is_some()))
}

/// What to say of a chain that is too deep, at its top.
pub(crate) fn depth_warning(depth: u32) -> Option<&'static str> {
    match DepthPolicy::default().judge(depth) {
        DepthVerdict::Fine => None,
        DepthVerdict::Deep => Some("deep: every layer is a file that QEMU opens; flatten it"),
        DepthVerdict::TooDeep => Some("too deep: QEMU is not expected to open it; flatten it"),
    }
}

fn edge_json(edge: &Edge<'_>) -> Value {
    let mut map = Map::new();
    map.insert("from".to_owned(), json!(edge.from.number()));
    map.insert("to".to_owned(), json!(edge.to.number()));
    map.insert("kind".to_owned(), json!(edge.facts.kind.name()));
    put_bytes(&mut map, "name", edge.facts.name);
    match &edge.facts.format {
        Some(format) => put_bytes(&mut map, "format", format),
        None => {
            map.insert("format".to_owned(), Value::Null);
        }
    }
    map.insert("rule".to_owned(), json!(edge.facts.rule.code()));
    let certain = edge.facts.certainty == diskdag_graph::Certainty::Certain;
    map.insert("certain".to_owned(), json!(certain));
    map.into()
}

/// The paths under which images were asked about, by disk.
pub(crate) fn asked_as<'p>(ids: &[DiskId], paths: &'p [PathBuf]) -> HashMap<DiskId, &'p Path> {
    // The first spelling wins.
    ids.iter().copied().zip(paths.iter().map(|path| &**path)).rev().collect()
}

/// Those who use a disk, to stand behind its path.
pub(crate) fn owners(scanned: &Scanned, disk: DiskId, style: Styles) -> String {
    let names = scanned.owned.names(disk).into_iter().map(escape::words);
    let names: Vec<_> = names.collect();
    match names.is_empty() {
        true => String::new(),
        false => style.strong(format_args!("  ({})", names.join(", "))),
    }
}

/// Every doubt with what to do about it.
pub(crate) fn doubts(out: &mut Output, doubts: &[Doubt]) -> io::Result<()> {
    for doubt in doubts {
        writeln!(out, "  {}", health::doubt(doubt))?;
        let remedy = out.style.faint(format_args!("to resolve it: {}", health::remedy(doubt)));
        writeln!(out, "      {remedy}")?;
    }
    Ok(())
}

/// The same on standard error, for verbs whose standard output is data alone.
pub(crate) fn notice_doubts(out: &mut Output, doubts: &[Doubt]) {
    for doubt in doubts {
        let text =
            format!("{}\n      to resolve it: {}", health::doubt(doubt), health::remedy(doubt));
        out.notice(text);
    }
}

/// What a scan rests on and what it could not ask, on standard error.
pub(crate) fn notice_coverage(out: &mut Output, graph: &Graph, doubts: &[Doubt]) {
    for line in coverage(graph) {
        out.notice(line);
    }
    notice_doubts(out, doubts);
}

/// What a scan rests on: its scope, what was skipped, what was waived.
pub(crate) fn coverage(graph: &Graph) -> Vec<String> {
    let coverage = graph.coverage();
    let roots: Vec<String> = coverage.scope.iter().map(|root| escape::path(root)).collect();
    let declared = text::declared_by(coverage.source);
    let mut lines = vec![match roots.is_empty() {
        true => format!("scope: none ({declared})"),
        false => format!("scope: {} ({declared})", roots.join(", ")),
    }];
    lines.extend(coverage.skipped.iter().map(|skipped| {
        let reason = escape::words(&skipped.reason);
        format!("skipped: {}  {reason}", escape::path(&skipped.path))
    }));
    lines.extend(waived(graph));
    lines
}

/// The doubts that a person has waived.
pub(crate) fn waived(graph: &Graph) -> impl Iterator<Item = String> + '_ {
    graph.coverage().waived.iter().map(|waived| {
        let reason = escape::words(&waived.reason);
        format!("waived: {}  {reason}", escape::path(&waived.path))
    })
}
