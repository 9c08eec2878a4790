//! `dependents`: who needs an image, at any depth, nearest first.

use std::io::{self, Write};
use std::path::Path;

use diskdag_graph::scan::Scanned;
use diskdag_graph::{Dependent, Doubt};
use serde_json::{Map, Value, json};

use crate::args::{self, Common};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json::{Answer, put_bytes, put_path};
use crate::output::Output;
use crate::scope;
use crate::show::{self, Names};

pub(crate) fn run(
    args: &args::Dependents,
    common: &Common,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let (scanned, ids, paths) = scope::about(std::slice::from_ref(&args.of.image), common)?;
    let graph = &scanned.graph;
    let (Some(id), Some(image)) = (ids.first().copied(), paths.first()) else {
        return Ok(Exit::NotFound);
    };
    let dependents = graph.dependents(id);
    let doubts = dependents.doubts();
    let mut found = dependents.nearest_first();
    found.retain(|dependent| !args.direct || dependent.is_direct());
    let names = show::names(graph, out)?;
    if out.json {
        print_json(&scanned, image, &found, &names, &doubts, args.count, out)?;
    } else if args.count {
        writeln!(out, "{}", found.len())?;
    } else {
        print_text(&scanned, &found, &names, args.null, out)?;
    }
    if !doubts.is_empty() {
        out.notice("this may not be all of them: not everything could be asked");
    }
    show::notice_coverage(out, graph, &doubts);
    show::notice_doubts(out, scanned.owned.doubts());
    Ok(Exit::Unknown.when(!doubts.is_empty()))
}

fn print_json(
    scanned: &Scanned,
    image: &Path,
    found: &[Dependent],
    names: &Names,
    doubts: &[Doubt],
    only_count: bool,
    out: &mut Output,
) -> io::Result<()> {
    let graph = &scanned.graph;
    let mut answer = Answer::begin(out, "dependents")?;
    answer.coverage(graph, doubts)?;
    answer.path("image", image)?;
    answer.field("count", found.len())?;
    if !only_count {
        let found = found.iter().filter_map(|dependent| dependent_json(scanned, names, dependent));
        answer.list("dependents", found)?;
    }
    answer.end()
}

fn dependent_json(scanned: &Scanned, names: &Names, dependent: &Dependent) -> Option<Value> {
    let mut map = Map::new();
    put_path(&mut map, "path", scanned.graph.disk(dependent.disk)?.path());
    map.insert("depth".to_owned(), json!(dependent.depth));
    map.insert("direct".to_owned(), json!(dependent.is_direct()));
    map.insert("kind".to_owned(), json!(dependent.kind.name()));
    map.insert("certain".to_owned(), json!(dependent.certain));
    map.insert("owners".to_owned(), json!(scanned.owned.names(dependent.disk)));
    if let Some(record) = names.get(&dependent.disk) {
        put_bytes(&mut map, "snapshot", record.name.as_bytes());
    }
    Some(map.into())
}

fn print_text(
    scanned: &Scanned,
    found: &[Dependent],
    names: &Names,
    null: bool,
    out: &mut Output,
) -> io::Result<()> {
    for dependent in found {
        let Some(disk) = scanned.graph.disk(dependent.disk) else { continue };
        if null {
            out.write_all(disk.path().as_os_str().as_encoded_bytes())?;
            out.write_all(b"\0")?;
            continue;
        }
        let style = out.style;
        let maybe = match dependent.certain {
            true => String::new(),
            false => style.unknown("  (possibly: named from QEMU's working directory)"),
        };
        let owners = show::owners(scanned, disk.id(), style);
        let name = names.get(&dependent.disk).map(show::name);
        let name = name.map(|name| style.faint(format_args!("  ({name})"))).unwrap_or_default();
        writeln!(out, "{}{name}{owners}{maybe}", escape::path(disk.path()))?;
    }
    Ok(())
}
