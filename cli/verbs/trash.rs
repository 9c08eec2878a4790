//! `trash`: what was removed and is not gone yet.

use std::io::Write;
use std::path::Path;

use diskdag_snapshot::{Done, ListedTrash};
use serde_json::{Map, Value, json};

use crate::args::{Common, InPool, TrashAction};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json::{Answer, put_path, put_paths};
use crate::output::Output;
use crate::pool::{self, Writer};
use crate::text::{size, size_or_dash};
use crate::time;

pub(crate) fn run(
    action: &TrashAction,
    common: &Common,
    out: &mut Output,
) -> Result<Exit, Failure> {
    match action {
        TrashAction::List { place, .. } => list(place, common, out),
        TrashAction::Restore { items, to, writing, .. } => {
            let writer = Writer::open(writing, None, common, out)?;
            let done = writer.pool.restore_trash(items, to.as_deref(), &writer.control);
            finish("trash-restore", false, &writer, done, out)
        }
        TrashAction::Purge { items, all, dry_run, writing, .. } => {
            let items = (!all).then_some(&**items);
            if *dry_run {
                let writer = Writer::without_recovery(writing, None, common)?;
                let done = writer.pool.plan_purge(items, &writer.control);
                return finish("trash-purge", true, &writer, done, out);
            }
            let writer = Writer::open(writing, None, common, out)?;
            let done = writer.pool.purge_trash(items, &writer.control);
            finish("trash-purge", false, &writer, done, out)
        }
    }
}

fn finish(
    verb: &str,
    dry_run: bool,
    writer: &Writer,
    done: Result<Done, diskdag_snapshot::Error>,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let done = done.map_err(|error| writer.failure(error))?;
    pool::say_notices(&done.notices, out);
    if out.json {
        match dry_run {
            true => writer.would_do(verb, &done, out)?,
            false => writer.done(verb, &done, out)?,
        }
        return Ok(Exit::Ok);
    }
    let (would, is) = if dry_run { ("would be ", "would be") } else { ("", "is") };
    for item in &done.disks {
        let (was, path) = (escape::path(&item.disk), escape::path(&item.path));
        match verb {
            "trash-restore" => writeln!(out, "{was} is back ({})", item.id)?,
            _ => writeln!(out, "{path} {is} gone; it was {was} ({})", item.id)?,
        }
    }
    if verb != "trash-restore" {
        writeln!(out, "{} {would}freed", size(done.freed))?;
    }
    Ok(Exit::Ok)
}

fn list(place: &InPool, common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    let pool = pool::find(&pool::host(common)?, place, None)?;
    let (bar, control) = pool::reading(common);
    let items = pool.list_trash(&control)?;
    drop(bar);
    if out.json {
        let mut answer = Answer::begin(out, "trash-list")?;
        answer.path("pool", pool.top())?;
        answer.list("items", items.iter().map(item))?;
        answer.end()?;
        return Ok(Exit::Ok);
    }
    if items.is_empty() {
        out.notice(format!("nothing lies in the trash of {}", escape::path(pool.top())));
        return Ok(Exit::Ok);
    }
    let head = format!("{:>4}  {:<20}  {:>9}  WAS", "ID", "REMOVED", "OWN");
    writeln!(out, "{}", out.style.strong(head))?;
    for item in &items {
        let was: &Path = item.was.strip_prefix(pool.top()).unwrap_or(&item.was);
        writeln!(
            out,
            "{:>4}  {:<20}  {:>9}  {}",
            item.record.id.to_string(),
            time::shown(item.record.removed),
            size_or_dash(item.actual_size),
            escape::path(was),
        )?;
    }
    Ok(Exit::Ok)
}

fn item(item: &ListedTrash) -> Value {
    let mut map = Map::new();
    map.insert("id".to_owned(), json!(item.record.id.0));
    put_path(&mut map, "path", &item.path);
    put_path(&mut map, "was", &item.was);
    map.insert("removed".to_owned(), json!(item.record.removed.to_string()));
    map.insert("actual-size".to_owned(), json!(item.actual_size));
    put_paths(&mut map, "needs", item.needs.iter().map(|path| &**path));
    map.into()
}
