//! `pin` and `unpin`: a snapshot that must not be removed, and why.

use std::io::Write;

use crate::args::{Common, Pin, Unpin};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::pool::Writer;
use crate::scope;

pub(crate) fn pin(args: &Pin, common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    let disk = scope::absolute(&args.disk)?;
    let writer = Writer::open(&args.writing, Some(&disk), common, out)?;
    let done = writer.pool.pin(&args.name, &disk, &args.reason, &writer.control);
    let done = done.map_err(|error| writer.failure(error))?;
    if out.json {
        writer.done("pin", &done, out)?;
        return Ok(Exit::Ok);
    }
    for pinned in &done.disks {
        let (name, disk) = (escape::name(args.name.as_bytes()), escape::path(&pinned.disk));
        writeln!(out, "pinned {name} of {disk}: {}", escape::words(&args.reason))?;
    }
    Ok(Exit::Ok)
}

pub(crate) fn unpin(args: &Unpin, common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    let disk = scope::absolute(&args.disk)?;
    let writer = Writer::open(&args.writing, Some(&disk), common, out)?;
    let done = writer.pool.unpin(&args.name, &disk, &writer.control);
    let done = done.map_err(|error| writer.failure(error))?;
    if out.json {
        writer.done("unpin", &done, out)?;
        return Ok(Exit::Ok);
    }
    for free in &done.disks {
        let (name, disk) = (escape::name(args.name.as_bytes()), escape::path(&free.disk));
        writeln!(out, "{name} of {disk} is not pinned any more")?;
    }
    Ok(Exit::Ok)
}
