//! `gc`: what nobody needs any more is taken away.

use std::io::Write;

use diskdag_snapshot::{Collect, Garbage};
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
    let many = count(collected.dead.len(), "file", "files");
    let would = if collected.dry_run { "would be " } else { "" };
    writeln!(out, "{many} {would}taken away, {} {would}freed", size(collected.freed))?;
    Ok(Exit::Ok)
}

fn garbage(garbage: &Garbage) -> Value {
    let mut map = Map::new();
    put_path(&mut map, "path", &garbage.path);
    map.insert("reason".to_owned(), json!(garbage.reason));
    map.insert("actual-size".to_owned(), json!(garbage.actual_size));
    map.into()
}
