//! What `scan` says beyond what is broken: deep chains, orphans, duplicates, where the missing went.

use std::io::{self, Write};

use diskdag_graph::scan::Scanned;
use diskdag_graph::{Candidate, DepthPolicy, DiskId, Duplicates, Graph, Relocated};
use serde_json::{Map, Value, json};

use crate::escape;
use crate::json::{Answer, put_path, put_paths};
use crate::output::Output;
use crate::show;
use crate::text::{count, size};

/// Lines of one sort that are printed for people; JSON has all.
const SHOWN: usize = 20;

pub(crate) struct Hints {
    deep: Vec<(DiskId, u32)>,
    relocated: Vec<Relocated>,
    duplicates: Vec<Duplicates>,
    /// Only where owners were asked: else nobody can tell.
    orphans: Option<Vec<DiskId>>,
}

impl Hints {
    /// `deep`: from which depth on a chain is named.
    pub(crate) fn of(scanned: &Scanned, deep: u32) -> Self {
        let graph = &scanned.graph;
        let is_known = scanned.owned.were_asked() && scanned.owned.doubts().is_empty();
        Self {
            deep: graph.deepest_chains(deep, usize::MAX),
            relocated: graph.relocated(),
            duplicates: graph.duplicates(),
            orphans: is_known.then(|| show::orphans(scanned)),
        }
    }

    pub(crate) fn json(&self, graph: &Graph, answer: &mut Answer<'_>) -> io::Result<()> {
        let path = |map: &mut Map<String, Value>, id: DiskId| {
            if let Some(disk) = graph.disk(id) {
                put_path(map, "path", disk.path());
            }
        };
        let policy = DepthPolicy::default();
        let deep = self.deep.iter().map(|(id, depth)| {
            let mut map = Map::new();
            path(&mut map, *id);
            map.insert("depth".to_owned(), json!(depth));
            map.insert("verdict".to_owned(), json!(policy.judge(*depth).name()));
            Value::Object(map)
        });
        answer.list("deep", deep)?;
        let relocated = self.relocated.iter().map(|one| {
            let mut map = Map::new();
            path(&mut map, one.missing);
            let candidates = one.candidates.iter().map(|candidate| {
                let mut map = Map::new();
                path(&mut map, candidate.disk);
                let Candidate { same_name, same_format, same_size, .. } = *candidate;
                map.insert("same-name".to_owned(), json!(same_name));
                map.insert("same-format".to_owned(), json!(same_format));
                map.insert("same-size".to_owned(), json!(same_size));
                Value::Object(map)
            });
            map.insert("candidates".to_owned(), candidates.collect());
            Value::Object(map)
        });
        answer.list("relocated", relocated)?;
        let duplicates = self.duplicates.iter().map(|group| {
            let mut map = Map::new();
            let disks = group.disks.iter().filter_map(|id| graph.disk(*id));
            put_paths(&mut map, "paths", disks.map(|disk| disk.path()));
            map.insert("wasted".to_owned(), json!(group.wasted));
            Value::Object(map)
        });
        answer.list("duplicates", duplicates)?;
        let Some(orphans) = &self.orphans else { return answer.field("orphans", Value::Null) };
        let disks = orphans.iter().filter_map(|id| graph.disk(*id));
        answer.paths("orphans", disks.map(|disk| disk.path()))
    }

    pub(crate) fn print(&self, graph: &Graph, out: &mut Output) -> io::Result<()> {
        let style = out.style;
        let path = |id: DiskId| {
            let disk = graph.disk(id);
            disk.map(|disk| escape::path(disk.path())).unwrap_or_default()
        };
        if !self.relocated.is_empty() {
            section(out, "missing, and may be here", "compare before you point anything there")?;
            for one in self.relocated.iter().take(SHOWN) {
                writeln!(out, "  {}", path(one.missing))?;
                for candidate in &one.candidates {
                    let reasons = [
                        candidate.same_name.then_some("same name"),
                        candidate
                            .same_format
                            .map(|same| if same { "same format" } else { "another format" }),
                        candidate
                            .same_size
                            .map(|same| if same { "same size" } else { "another size" }),
                    ];
                    let reasons: Vec<&str> = reasons.into_iter().flatten().collect();
                    writeln!(out, "      {}  ({})", path(candidate.disk), reasons.join(", "))?;
                }
            }
            more(out, self.relocated.len())?;
        }
        if !self.deep.is_empty() {
            section(out, "deep", "every layer is a file that QEMU opens; near 900 it fails")?;
            for (id, depth) in self.deep.iter().take(SHOWN) {
                writeln!(out, "  {}  {depth} below it", path(*id))?;
            }
            more(out, self.deep.len())?;
        }
        if !self.duplicates.is_empty() {
            section(out, "may be duplicates", "bases of one format and size; compare them")?;
            for group in self.duplicates.iter().take(SHOWN) {
                let disks = count(group.disks.len(), "disk", "disks");
                writeln!(out, "  {disks}, {} if only one stayed", size(group.wasted))?;
                for id in group.disks.iter().take(SHOWN) {
                    writeln!(out, "      {}", path(*id))?;
                }
                more(out, group.disks.len())?;
            }
            more(out, self.duplicates.len())?;
        }
        if let Some(orphans) = self.orphans.as_ref().filter(|orphans| !orphans.is_empty()) {
            section(out, "orphans", "no owner names these, and no owner's disk needs them")?;
            for id in orphans.iter().take(SHOWN) {
                writeln!(out, "  {}", path(*id))?;
            }
            more(out, orphans.len())?;
            let frees = format!("      {} in all", size(graph.freed_by(orphans)));
            writeln!(out, "{}", style.faint(frees))?;
        }
        Ok(())
    }
}

fn section(out: &mut Output, what: &str, advice: &str) -> io::Result<()> {
    let style = out.style;
    writeln!(out, "\n{}  {}", style.unknown(what), style.faint(advice))
}

fn more(out: &mut Output, all: usize) -> io::Result<()> {
    match all.saturating_sub(SHOWN) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more"),
    }
}
