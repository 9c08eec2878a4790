//! The answer for programs.

use std::io;
use std::path::Path;

use diskdag_graph::{DepthPolicy, DiskId};
use serde_json::{Map, Value, json};

use crate::json::{self, Answer, put_bytes, put_path, put_paths};
use crate::output::Output;
use crate::verbs::what_if::named::Named;
use crate::verbs::what_if::parted::OfPool;
use crate::verbs::what_if::told::Told;
use crate::verbs::{can_rm, plan};

impl Told<'_> {
    pub(super) fn print_json(&self, limit: usize, out: &mut Output) -> io::Result<()> {
        let (graph, what) = (&self.scanned.graph, &self.after.what);
        let mut answer = Answer::begin(out, "what-if")?;
        answer.coverage(graph, &self.doubts)?;
        answer.list("changes", self.named.iter().map(change))?;
        answer.field("verdict", self.verdict().map(diskdag_graph::Verdict::name))?;
        let blockers = self.blockers().take(limit);
        answer
            .list("blockers", blockers.map(|one| can_rm::blocker_json(graph, &self.asked, one)))?;
        answer.field("blockers-total", self.blockers().count())?;
        let hindrances = self.hindered.iter().take(limit).map(|one| {
            let mut map = Map::new();
            put_path(&mut map, "path", self.was(one.disk));
            let by = one.by.iter().map(|one| plan::hindrance(graph, one));
            map.insert("by".to_owned(), by.collect());
            Value::Object(map)
        });
        answer.list("hindered", hindrances)?;
        answer.field("frees", what.freed)?;
        answer.field("copies", self.copies)?;
        answer.field("takes", self.takes())?;
        let replaced: Vec<DiskId> = self.after.replaced.iter().map(|(_, disk)| *disk).collect();
        answer.paths("replaced", replaced.iter().map(|disk| self.was(*disk)))?;
        let missing = self.missing().map(|(path, needed_by)| {
            let mut map = Map::new();
            put_path(&mut map, "path", path);
            put_paths(&mut map, "needed-by", needed_by);
            Value::Object(map)
        });
        answer.list("missing", missing)?;
        answer.paths("broken", self.paths(&what.broken).take(limit))?;
        answer.field("broken-total", what.broken.len())?;
        let cycles = what.cycles.iter().map(|cycle| {
            let paths = self.paths(cycle).map(|path| path.to_string_lossy());
            json!(paths.collect::<Vec<_>>())
        });
        answer.list("cycles", cycles)?;
        self.put_moves(limit, &mut answer)?;
        let unneeded = what.unneeded.iter().take(limit).map(|id| {
            let mut map = Map::new();
            put_path(&mut map, "path", self.path(*id));
            map.insert("frees".to_owned(), json!(what.graph.freed_by(&[*id])));
            Value::Object(map)
        });
        answer.list("unneeded", unneeded)?;
        answer.field("unneeded-total", what.unneeded.len())?;
        answer.field("unneeded-frees", self.unneeded_bytes())?;
        answer.field("deepest-before", graph.deepest())?;
        answer.field("deepest", what.graph.deepest())?;
        let deep = self.deep.iter().map(|(top, depth)| {
            let mut map = Map::new();
            put_path(&mut map, "path", self.path(*top));
            map.insert("depth".to_owned(), json!(depth));
            map.insert("verdict".to_owned(), json!(DepthPolicy::default().judge(*depth).name()));
            Value::Object(map)
        });
        answer.list("deep", deep)?;
        answer.list("doubts", self.doubts.iter().map(json::doubt))?;
        answer.end()
    }

    /// What other names of disks do to those who use the old ones.
    fn put_moves(&self, limit: usize, answer: &mut Answer<'_>) -> io::Result<()> {
        let after = &self.after;
        let repoint = after.strayed.iter().take(limit).map(|one| {
            let mut map = Map::new();
            put_path(&mut map, "path", self.path(one.disk));
            map.insert("kind".to_owned(), json!(one.kind.name()));
            put_bytes(&mut map, "name", &one.name);
            put_place(&mut map, "to", self.place(one.was));
            put_place(&mut map, "finds", one.now.and_then(|now| self.place(now)));
            map.insert("finds-overlay".to_owned(), json!(one.is_overlay));
            Value::Object(map)
        });
        answer.list("repoint", repoint)?;
        answer.field("repoint-total", after.strayed.len())?;
        let found = after.found.iter().take(limit).map(|(found, by)| {
            let mut map = Map::new();
            put_path(&mut map, "path", self.path(*found));
            put_path(&mut map, "needed-by", self.path(*by));
            Value::Object(map)
        });
        answer.list("found", found)?;
        let owners = after.bereft.iter().take(limit).map(|one| {
            let mut map = Map::new();
            map.insert("owner".to_owned(), json!(one.owner));
            put_path(&mut map, "path", &one.path);
            put_place(&mut map, "to", self.place(one.disk));
            put_place(&mut map, "finds", one.now.and_then(|now| self.place(now)));
            Value::Object(map)
        });
        answer.list("owners", owners)?;
        let pools = self.parted.iter().take(limit).map(|OfPool { pool, parted }| {
            let mut map = Map::new();
            put_path(&mut map, "pool", pool);
            put_path(&mut map, "path", &parted.path);
            map.insert("snapshots".to_owned(), json!(parted.snapshots));
            put_place(&mut map, "to", self.place(parted.disk));
            put_place(&mut map, "finds", parted.now.and_then(|now| self.place(now)));
            Value::Object(map)
        });
        answer.list("pools", pools)?;
        answer.paths("out-of-scope", self.paths(&after.outside).take(limit))
    }
}

fn change(Named { kind, path, other, .. }: &Named) -> Value {
    let mut map = Map::new();
    map.insert("kind".to_owned(), json!(kind));
    put_path(&mut map, "path", path);
    if let Some(other) = other {
        put_path(&mut map, if *kind == "mv" { "to" } else { "onto" }, other);
    }
    Value::Object(map)
}

fn put_place(map: &mut Map<String, Value>, key: &str, path: Option<&Path>) {
    match path {
        Some(path) => put_path(map, key, path),
        None => drop(map.insert(key.to_owned(), Value::Null)),
    }
}
