//! `recover`: what had begun is ended, as far as that can be done without a person.

use std::io::Write;

use diskdag_snapshot::Recovery;

use crate::args::{Common, Recover};
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json::Answer;
use crate::output::Output;
use crate::pool::{self, Writer};

pub(crate) fn run(args: &Recover, common: &Common, out: &mut Output) -> Result<Exit, Failure> {
    let writer = Writer::without_recovery(&args.writing, None, common)?;
    let recovery = Recovery { rebuild: true, confirm: args.confirm, forget: args.forget.clone() };
    let recovered = writer.pool.recover_with(&recovery, &writer.control);
    let recovered = recovered.map_err(|error| writer.failure(error))?;
    let exit = Exit::Undecided.when(!recovered.questions.is_empty());
    if out.json {
        let mut answer = Answer::begin(out, "recover")?;
        answer.path("pool", writer.pool.top())?;
        answer.list("actions", pool::actions(&recovered))?;
        answer.paths("orphans", recovered.orphans.iter().map(|path| &**path))?;
        answer.field("questions", recovered.questions.clone())?;
        answer.field("rebuilt", recovered.rebuilt.is_some())?;
        answer.field("lost", recovered.rebuilt.clone().unwrap_or_default())?;
        answer.field("confirmed", recovered.confirmed)?;
        answer.paths("sealed", recovered.sealed.iter().map(|path| &**path))?;
        answer.end()?;
        return Ok(exit);
    }
    let style = out.style;
    if let Some(lost) = &recovered.rebuilt {
        writeln!(out, "the catalogue was lost or damaged; it is rebuilt from names and headers")?;
        for lost in lost {
            writeln!(out, "  could not be rebuilt: {}", escape::words(lost))?;
        }
    }
    for line in pool::action_lines(&recovered) {
        writeln!(out, "{line}")?;
    }
    if recovered.confirmed {
        writeln!(out, "the catalogue is confirmed; what it lists counts")?;
    }
    for path in &recovered.sealed {
        writeln!(out, "{} was writable, and is read-only again", escape::path(path))?;
    }
    for orphan in &recovered.orphans {
        writeln!(out, "left over: {}; `diskdag gc` takes it away", escape::path(orphan))?;
    }
    for question in &recovered.questions {
        writeln!(out, "{}: {}", style.unknown("undecided"), escape::words(question))?;
    }
    let is_quiet = recovered.rebuilt.is_none()
        && recovered.actions.is_empty()
        && recovered.sealed.is_empty()
        && !recovered.confirmed;
    if is_quiet && recovered.questions.is_empty() {
        writeln!(out, "nothing to recover")?;
    }
    if !recovered.questions.is_empty() {
        out.notice(
            "put the files right and call `diskdag recover` again; `--forget OP` leaves an operation's \
             files as they are, `--confirm` stands by a catalogue that was rebuilt",
        );
    }
    Ok(exit)
}
