//! `snap rm`: snapshots that nothing needs go to the trash.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use diskdag_snapshot::{Remove, RemovePlan, Selection, SnapshotName};
use serde_json::{Map, Value, json};

use crate::args::{self, Common};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json::{Answer, put_bytes, put_path};
use crate::output::Output;
use crate::pool::{self, Writer};
use crate::refused;
use crate::text::{count, size};

pub(crate) fn run(args: &args::Remove, common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    let which = selection(args)?;
    let first = which.disks.first().cloned();
    let mut remove = Remove::new(which);
    remove.retire = args.retire;
    if args.dry_run {
        return dry_run(&remove, args, first, common, out);
    }
    let writer = Writer::open(&args.writing, first.as_deref(), common, out)?;
    let done = writer.pool.remove(&remove, &writer.control);
    let done = done.map_err(|error| writer.failure(error))?;
    pool::say_notices(&done.notices, out);
    if out.json {
        writer.done("snap-rm", &done, out)?;
        return Ok(Exit::Ok);
    }
    for gone in &done.disks {
        let name = gone.snapshot.as_ref().map(|name| escape::name(name.as_bytes()));
        let (of, path) = (escape::path(&gone.disk), escape::path(&gone.path));
        writeln!(out, "removed {} of {of}; its file: {path}", name.unwrap_or_default())?;
    }
    if done.disks.is_empty() {
        writeln!(out, "nothing to remove")?;
    }
    Ok(Exit::Ok)
}

/// What the words mean. With a policy, a first word at whose path nothing lies is a name, as long as disks
/// follow.
fn selection(args: &args::Remove) -> Result<Selection, Failure> {
    let has_policy = args.older_than.is_some() || args.keep_last.is_some();
    let usage = |text: &str| Failure::new(Exit::Usage, "usage", text);
    let is_name = |word: &OsString| std::fs::symlink_metadata(word).is_err();
    let (name, disks) = match args.words.split_first() {
        None if !args.all => return Err(usage("which disks? Name them, or say --all")),
        None if !has_policy => {
            return Err(usage("which snapshots? Give a NAME, --older-than or --keep-last"));
        }
        None => (None, &[][..]),
        Some(_) if args.all && args.words.len() > 1 => {
            return Err(usage("either DISKs or --all, not both"));
        }
        Some((first, rest)) if !has_policy || args.all => (Some(first), rest),
        Some((first, rest)) if !rest.is_empty() && is_name(first) => (Some(first), rest),
        Some(_) => (None, args.words.as_slice()),
    };
    if disks.is_empty() && !args.all {
        return Err(usage("which disks? Name them behind the NAME, or say --all"));
    }
    let name =
        name.map(SnapshotName::new).transpose().map_err(diskdag_snapshot::ErrorKind::from)?;
    let disks: Vec<PathBuf> = disks.iter().map(PathBuf::from).collect();
    let mut which = Selection { disks: pool::absolute(&disks)?, ..Selection::default() };
    (which.name, which.older_than, which.keep_last) = (name, args.older_than, args.keep_last);
    Ok(which)
}

fn dry_run(
    remove: &Remove,
    args: &args::Remove,
    first: Option<PathBuf>,
    common: &Common,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let writer = Writer::without_recovery(&args.writing, first.as_deref(), common)?;
    let plan = writer.pool.plan_remove(remove, &writer.control);
    let plan = plan.map_err(|error| writer.failure(error))?;
    let failure = (!plan.refusal.is_empty()).then(|| refused::refused(&plan.refusal));
    if out.json {
        json_plan(&writer, &plan, out)?;
        return Ok(failure.map_or(Exit::Ok, |failure| failure.exit));
    }
    let mut total = 0_u64;
    for step in &plan.steps {
        let (name, of) = (escape::name(step.snapshot.as_bytes()), escape::path(&step.disk));
        let fate = format!("{:<6}", step.fate.name());
        writeln!(
            out,
            "{fate}  {:>9}  {name} of {of}  {}",
            size(step.frees),
            escape::path(&step.path)
        )?;
        total = total.saturating_add(step.frees);
    }
    let many = count(plan.steps.len(), "snapshot", "snapshots");
    writeln!(out, "{many}; once purged, {} would be free", size(total))?;
    match failure {
        Some(failure) => {
            writeln!(out, "\n{}", out.style.bad("in the way"))?;
            for line in &failure.details {
                writeln!(out, "{line}")?;
            }
            Ok(failure.exit)
        }
        None => Ok(Exit::Ok),
    }
}

fn json_plan(writer: &Writer, plan: &RemovePlan, out: &mut Output) -> Result<(), Failure> {
    let mut answer = Answer::begin(out, "snap-rm")?;
    answer.path("pool", writer.pool.top())?;
    answer.field("operation", Value::Null)?;
    answer.field("dry-run", true)?;
    let steps = plan.steps.iter().map(|step| {
        let mut map = Map::new();
        put_path(&mut map, "disk", &step.disk);
        put_bytes(&mut map, "snapshot", step.snapshot.as_bytes());
        map.insert("id".to_owned(), json!(step.id.0));
        put_path(&mut map, "path", &step.path);
        map.insert("fate".to_owned(), json!(step.fate.name()));
        map.insert("frees".to_owned(), json!(step.frees));
        Value::Object(map)
    });
    answer.list("disks", steps)?;
    for (key, value) in refused::keys(&plan.refusal) {
        answer.field(&key, value)?;
    }
    Ok(answer.end()?)
}
