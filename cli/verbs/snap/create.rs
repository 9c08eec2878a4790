//! `snap create`: a snapshot of one or several disks, of all or of none.

use std::io::Write;

use diskdag_snapshot::Create;

use crate::args::{self, Common};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::pool::{self, Writer};

pub(crate) fn run(args: &args::Create, common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    let disks = pool::absolute(&args.disks)?;
    let writer = Writer::open(&args.writing, disks.first().map(|disk| &**disk), common, out)?;
    let mut create = Create::new(args.name.clone(), disks);
    create.freeze = args.freeze;
    create.max_depth = args.max_depth;
    create.allow_format_change = args.allow_format_change;
    create.allow_data_file = args.allow_data_file;
    let done = writer.pool.create(&create, &writer.control);
    let done = done.map_err(|error| writer.failure(error))?;
    pool::say_notices(&done.notices, out);
    if out.json {
        writer.done("snap-create", &done, out)?;
        return Ok(Exit::Ok);
    }
    let name = escape::name(args.name.as_bytes());
    for disk in &done.disks {
        let (live, path) = (escape::path(&disk.disk), escape::path(&disk.path));
        match args.freeze {
            true => writeln!(out, "{live} is frozen as {name} ({})", disk.id)?,
            false => writeln!(out, "took {name} of {live}: {path} ({})", disk.id)?,
        }
    }
    Ok(Exit::Ok)
}
