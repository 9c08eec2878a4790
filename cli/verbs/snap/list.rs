//! `snap list`: the snapshots of a pool or of a disk. Takes no lock, and waits for nobody.

use std::io::Write;
use std::path::Path;

use diskdag_snapshot::{ListedSnapshot, Listing, Pool};
use serde_json::{Map, Value, json};

use crate::args::{Common, List};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json::{self, Answer, put_bytes, put_path};
use crate::output::Output;
use crate::pool;
use crate::scope;
use crate::show;
use crate::text::size_or_dash;
use crate::time;

pub(crate) fn run(args: &List, common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    let disk = args.disk.as_deref().map(scope::absolute).transpose()?;
    let pool = pool::find(&pool::host(common)?, &args.place, disk.as_deref())?;
    let (bar, control) = pool::reading(common);
    let listing = pool.list(disk.as_deref(), &control)?;
    drop(bar);
    match out.json {
        true => print_json(&pool, &listing, out)?,
        false => print_text(&pool, &listing, out)?,
    }
    let missing = listing.snapshots.iter().any(|snapshot| !snapshot.is_there);
    Ok(Exit::Unknown.when(!listing.doubts.is_empty()).or(Exit::Broken.when(missing)))
}

fn print_json(pool: &Pool, listing: &Listing, out: &mut Output) -> Result<(), Failure> {
    let mut answer = Answer::begin(out, "snap-list")?;
    answer.path("pool", pool.top())?;
    answer.list("snapshots", listing.snapshots.iter().map(snapshot))?;
    answer.field("complete", listing.doubts.is_empty())?;
    answer.list("doubts", listing.doubts.iter().map(json::doubt))?;
    answer.field("open-operations", listing.open)?;
    answer.field("confirmed", listing.confirmed)?;
    Ok(answer.end()?)
}

fn snapshot(listed: &ListedSnapshot) -> Value {
    let record = &listed.record;
    let mut map = Map::new();
    map.insert("id".to_owned(), json!(record.id.0));
    put_path(&mut map, "disk", &listed.disk);
    put_bytes(&mut map, "name", record.name.as_bytes());
    map.insert("created".to_owned(), json!(record.created.to_string()));
    put_path(&mut map, "path", &listed.path);
    let more = [
        ("state", json!(if listed.is_there { "ok" } else { "missing" })),
        ("virtual-size", json!(record.virtual_size)),
        ("actual-size", json!(listed.actual_size)),
        ("frees", json!(listed.frees)),
        ("dependents", json!(listed.dependents)),
        ("frozen", json!(record.frozen)),
        ("adopted", json!(record.adopted)),
        ("inconsistent", json!(record.inconsistent)),
        ("pinned", json!(listed.pin.as_ref().map(|pin| &pin.reason))),
    ];
    map.extend(more.map(|(key, value)| (key.to_owned(), value)));
    map.into()
}

fn print_text(pool: &Pool, listing: &Listing, out: &mut Output) -> Result<(), Failure> {
    let style = out.style;
    let cells: Vec<[String; 6]> = listing.snapshots.iter().map(|one| cells(pool, one)).collect();
    let head = ["ID", "NAME", "CREATED", "OWN", "NEEDED BY", "DISK"].map(str::to_owned);
    let width = |column: usize| {
        let all = cells.iter().chain([&head]).filter_map(|row| row.get(column));
        all.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &[String; 6]| {
        let [id, name, created, own, needed, disk] = row;
        let [w_id, w_name, w_created, w_own, w_needed, ..] = widths[..] else {
            return String::new();
        };
        format!(
            "{id:>w_id$}  {name:<w_name$}  {created:<w_created$}  {own:>w_own$}  {needed:>w_needed$}  {disk}"
        )
    };
    if !cells.is_empty() {
        writeln!(out, "{}", style.strong(line(&head)))?;
    }
    for (row, listed) in cells.iter().zip(&listing.snapshots) {
        write!(out, "{}", line(row))?;
        for mark in marks(listed) {
            write!(out, "  {}", style.faint(format_args!("[{mark}]")))?;
        }
        if !listed.is_there {
            write!(out, "  {}", style.bad("its file is missing"))?;
        }
        writeln!(out)?;
    }
    if cells.is_empty() {
        out.notice(format!("no snapshots in the pool {}", escape::path(pool.top())));
    }
    if listing.open > 0 {
        out.notice("an operation has begun and not ended: `diskdag recover`, if nobody is at work");
    }
    if !listing.confirmed {
        out.notice("the catalogue was rebuilt; if this is right, `diskdag recover --confirm`");
    }
    show::notice_doubts(out, &listing.doubts);
    Ok(())
}

fn cells(pool: &Pool, listed: &ListedSnapshot) -> [String; 6] {
    let record = &listed.record;
    // Within a pool, paths from its top say all.
    let inside: &Path = listed.disk.strip_prefix(pool.top()).unwrap_or(&listed.disk);
    [
        record.id.to_string(),
        escape::name(record.name.as_bytes()),
        time::shown(record.created),
        size_or_dash(listed.actual_size),
        listed.dependents.to_string(),
        escape::path(inside),
    ]
}

fn marks(listed: &ListedSnapshot) -> Vec<String> {
    let record = &listed.record;
    let pin = listed.pin.as_ref().map(|pin| format!("pinned: {}", escape::words(&pin.reason)));
    let flags = [
        (record.frozen, "frozen"),
        (record.adopted, "adopted"),
        (record.inconsistent, "inconsistent set"),
    ];
    let flags = flags.into_iter().filter(|(holds, _)| *holds).map(|(_, word)| word.to_owned());
    pin.into_iter().chain(flags).collect()
}
