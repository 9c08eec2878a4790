//! `snap adopt`: a chain that others have made enters the catalogue.

use std::io::Write;

use crate::args::{Adopt, Common};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::pool::{self, Writer};
use crate::scope;

pub(crate) fn run(args: &Adopt, common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    let disk = scope::absolute(&args.disk)?;
    let writer = Writer::open(&args.writing, Some(&disk), common, out)?;
    let done = writer.pool.adopt(&disk, &writer.control);
    let done = done.map_err(|error| writer.failure(error))?;
    pool::say_notices(&done.notices, out);
    if out.json {
        writer.done("snap-adopt", &done, out)?;
        return Ok(Exit::Ok);
    }
    for adopted in &done.disks {
        let (of, path) = (escape::path(&adopted.disk), escape::path(&adopted.path));
        let name = adopted.snapshot.as_ref().map(|name| escape::name(name.as_bytes()));
        writeln!(out, "{path} is snapshot {} of {of} ({})", name.unwrap_or_default(), adopted.id)?;
    }
    if done.disks.is_empty() {
        writeln!(out, "nothing to adopt: {} has no backing file that is new", escape::path(&disk))?;
    }
    Ok(Exit::Ok)
}
