//! `watch`: the graph kept current; a line of JSON per change, until somebody ends it.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diskdag_graph::scan::{Event, Live, SettingsError};
use diskdag_graph::{Doubt, DoubtKind, EdgeKind};
use serde_json::{Map, Value, json};

use crate::args::Common;
use crate::exit::Exit;
use crate::failure::{Failure, chain_of};
use crate::json::put_path;
use crate::output::Output;
use crate::scope;

/// How long nothing may happen before the output is tried again: whoever read it may have left.
const BREATH: Duration = Duration::from_secs(60);

pub(crate) fn run(paths: &[PathBuf], common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    let (mut live, mut sources, control) = scope::live(paths, common)?;
    let mut doubts = HashSet::new();
    let root = live.graph().coverage().scope.first().cloned().unwrap_or_default();
    let mut ready = line("ready", &root, None, None);
    ready.insert("disks".to_owned(), json!(live.graph().len()));
    ready.insert("watching".to_owned(), json!(live.is_watching()));
    write(out, ready)?;
    tell_doubts(doubts_of(&live), &mut doubts, out)?;
    loop {
        out.flush()?;
        if out.is_gone() {
            return Ok(Exit::Ok);
        }
        if live.wait(BREATH) {
            let read = live.read_again(&mut sources);
            for event in live.refresh(&control)? {
                tell(&live, &event, out)?;
            }
            let mut now = doubts_of(&live);
            now.extend(read.err().map(|error| unread(&error)));
            tell_doubts(now, &mut doubts, out)?;
        }
    }
}

fn tell(live: &Live, event: &Event, out: &mut Output) -> Result<(), Failure> {
    let graph = live.graph();
    let disk = event.disk.and_then(|id| graph.disk(id));
    let needs = disk.and_then(|disk| {
        let needs = disk.needs().into_iter().find(|edge| edge.facts.kind == EdgeKind::Backing)?;
        graph.disk(needs.to)
    });
    let image = needs.map(|needs| needs.path());
    let dependents = event.disk.map(|id| graph.dependents(id).len());
    write(out, line(event.kind.name(), &event.path, image, dependents))
}

/// Everything that could not be asked, owners among it.
fn doubts_of(live: &Live) -> Vec<Doubt> {
    let mut doubts = live.graph().doubts();
    doubts.extend(live.scanned().owned.doubts().iter().cloned());
    doubts
}

/// As long as the settings cannot be read nothing is waived, and that is why.
fn unread(error: &SettingsError) -> Doubt {
    let path = match error {
        SettingsError::Io { path, .. } | SettingsError::Damaged { path, .. } => path.clone(),
        _ => PathBuf::new(),
    };
    Doubt { path, kind: DoubtKind::File, reason: chain_of(error) }
}

/// Doubts that were not there before.
fn tell_doubts(
    now: Vec<Doubt>,
    known: &mut HashSet<PathBuf>,
    out: &mut Output,
) -> Result<(), Failure> {
    for Doubt { path, reason, .. } in now.iter().filter(|doubt| !known.contains(&doubt.path)) {
        let mut object = line("doubt", path, None, None);
        object.insert("reason".to_owned(), json!(reason));
        write(out, object)?;
    }
    *known = now.into_iter().map(|doubt| doubt.path).collect();
    Ok(())
}

fn line(
    event: &str,
    path: &Path,
    image: Option<&Path>,
    dependents: Option<usize>,
) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("schema".to_owned(), json!("diskdag/watch/1"));
    object.insert("event".to_owned(), json!(event));
    put_path(&mut object, "path", path);
    match image {
        Some(image) => put_path(&mut object, "image", image),
        None => drop(object.insert("image".to_owned(), Value::Null)),
    }
    object.insert("dependents".to_owned(), json!(dependents));
    object
}

fn write(out: &mut Output, object: Map<String, Value>) -> Result<(), Failure> {
    Ok(writeln!(out, "{}", Value::Object(object))?)
}
