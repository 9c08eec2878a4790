//! `waive`: declares a doubt known, until the file changes.

use std::io::Write;
use std::path::Path;

use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json::Answer;
use crate::output::Output;
use crate::scope;
use crate::settings::Configuration;

pub(crate) fn run(path: &Path, reason: &str, out: &mut Output) -> Result<Exit, Failure> {
    let path = scope::absolute(path)?;
    path.symlink_metadata().map_err(|error| Failure::on(&path, "waive", &error))?;
    let mut configuration = Configuration::load()?;
    let waived = configuration.settings.waive(path.clone(), reason.to_owned());
    waived.map_err(|error| Failure::on(&path, "waive", &error))?;
    configuration.save()?;
    if out.json {
        let mut answer = Answer::begin(out, "waive")?;
        answer.path("path", &path)?;
        answer.field("reason", reason)?;
        answer.end()?;
    } else {
        let what = escape::path(&path);
        writeln!(out, "waived {what} until it changes; every answer that rests on it says so")?;
    }
    Ok(Exit::Ok)
}
