//! `gc`: what nobody needs any more is taken away.

use std::io::Write;

use diskdag_snapshot::{Collect, Collected, Garbage};
use serde_json::{Map, Value, json};

use crate::args::{Common, Gc};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json::{Answer, put_path};
use crate::output::Output;
use crate::pool::Writer;
use crate::text::{count, size};

pub(crate) fn run(args: &Gc, common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    let writer = match args.dry_run {
        true => Writer::without_recovery(&args.writing, None, common)?,
        false => Writer::open(&args.writing, None, common, out)?,
    };
    let collect = Collect {
        dry_run: args.dry_run,
        older_than: args.older_than,
        max_freed: args.max_freed,
        purge: args.purge,
    };
    let collected = writer.pool.collect(&collect, &writer.control);
    let collected = collected.map_err(|error| writer.failure(error))?;
    if out.json {
        let mut answer = Answer::begin(out, "gc")?;
        answer.path("pool", writer.pool.top())?;
        answer.field("dry-run", collected.dry_run)?;
        answer.list("dead", collected.dead.iter().map(garbage))?;
        answer.list("kept", collected.kept.iter().map(garbage))?;
        answer.field("freed", collected.freed)?;
        answer.list("recovered", writer.recovered())?;
        answer.end()?;
        return Ok(Exit::Ok);
    }
    for (word, garbage) in [("dead", &collected.dead), ("kept", &collected.kept)] {
        for Garbage { path, reason, actual_size, .. } in garbage {
            let (path, reason) = (escape::path(path), escape::words(reason));
            writeln!(out, "{word}  {:>9}  {path}  {reason}", size(*actual_size))?;
        }
    }
    writeln!(out, "{}", summary(&collected))?;
    Ok(Exit::Ok)
}

/// What happened: what only went to the trash has freed nothing yet.
fn summary(collected: &Collected) -> String {
    let trashed: Vec<&Garbage> = collected.dead.iter().filter(|it| it.to_trash).collect();
    let gone = collected.dead.len() - trashed.len();
    let (moved, removed, freed) = match collected.dry_run {
        true => ("would go", "would be removed", "would be freed"),
        false => ("went", "removed", "freed"),
    };
    if collected.dead.is_empty() {
        return "nothing is dead".to_owned();
    }
    let mut parts = Vec::new();
    if gone > 0 {
        let bytes = size(collected.freed);
        parts.push(format!("{} {removed}, {bytes} {freed}", count(gone, "file", "files")));
    }
    if !trashed.is_empty() {
        let bytes = trashed.iter().map(|it| it.actual_size).fold(0, u64::saturating_add);
        let (many, bytes) = (count(trashed.len(), "file", "files"), size(bytes));
        let later = "come back when `diskdag trash purge` or a later gc empties it";
        parts.push(format!("{many} {moved} to the trash: {bytes} {later}"));
    }
    parts.join("; ")
}

fn garbage(garbage: &Garbage) -> Value {
    let mut map = Map::new();
    put_path(&mut map, "path", &garbage.path);
    map.insert("reason".to_owned(), json!(garbage.reason));
    map.insert("actual-size".to_owned(), json!(garbage.actual_size));
    if garbage.to_trash {
        map.insert("to-trash".to_owned(), json!(true));
    }
    map.into()
}
