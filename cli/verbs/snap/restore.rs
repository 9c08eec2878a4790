//! `snap restore`: disks read again what they read when a snapshot was taken.

use std::io::Write;

use diskdag_snapshot::Restore;

use crate::args::{self, Common};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::pool::{self, Writer};

pub(crate) fn run(
    args: &args::Restore,
    common: &Common,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let disks = pool::absolute(&args.disks)?;
    let first = disks.first().map(|disk| &**disk);
    let mut restore = Restore::new(args.name.clone(), disks.clone());
    restore.keep.clone_from(&args.keep);
    let writer = match args.dry_run {
        true => Writer::without_recovery(&args.writing, first, common)?,
        false => Writer::open(&args.writing, first, common, out)?,
    };
    let done = match args.dry_run {
        true => writer.pool.plan_restore(&restore, &writer.control),
        false => writer.pool.restore(&restore, &writer.control),
    };
    let done = done.map_err(|error| writer.failure(error))?;
    // Where what was live has gone stands in the line of its disk.
    let notices: Vec<_> =
        done.notices.iter().filter(|notice| notice.kind != "trashed").cloned().collect();
    pool::say_notices(&notices, out);
    if out.json {
        let verb = "snap-restore";
        match args.dry_run {
            true => writer.would_do(verb, &done, out)?,
            false => writer.done(verb, &done, out)?,
        }
        return Ok(Exit::Ok);
    }
    let name = escape::name(args.name.as_bytes());
    let verb = if args.dry_run { "would read" } else { "reads" };
    for disk in &done.disks {
        let (live, path) = (escape::path(&disk.disk), escape::path(&disk.path));
        writeln!(out, "{live} {verb} as {name}; what was live: {path} ({})", disk.id)?;
    }
    Ok(Exit::Ok)
}
