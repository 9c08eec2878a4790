//! `snap clone`: new live disks on top of a snapshot.

use std::io::Write;

use diskdag_snapshot::Clones;

use crate::args::{CloneSnapshot, Common};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::pool::{self, Writer};
use crate::scope;

pub(crate) fn run(
    args: &CloneSnapshot,
    common: &Common,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let disk = scope::absolute(&args.disk)?;
    let new = pool::absolute(&args.new)?;
    let writer = Writer::open(&args.writing, Some(&disk), common, out)?;
    let clones = Clones::new(args.name.clone(), disk, new);
    let done = writer.pool.clone_snapshot(&clones, &writer.control);
    let done = done.map_err(|error| writer.failure(error))?;
    pool::say_notices(&done.notices, out);
    if out.json {
        writer.done("snap-clone", &done, out)?;
        return Ok(Exit::Ok);
    }
    let name = escape::name(args.name.as_bytes());
    for disk in &done.disks {
        let (of, path) = (escape::path(&disk.disk), escape::path(&disk.path));
        writeln!(out, "{path} is a clone of {name} of {of}")?;
    }
    Ok(Exit::Ok)
}
