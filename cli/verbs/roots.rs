//! `roots`: the directories whose images may depend on each other.

use std::io::Write;
use std::path::PathBuf;

use crate::args::RootsAction;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::json::Answer;
use crate::output::Output;
use crate::scope;
use crate::settings::Configuration;

pub(crate) fn run(action: &RootsAction, out: &mut Output) -> Result<Exit, Failure> {
    let mut configuration = Configuration::load()?;
    let (word, changed) = match action {
        RootsAction::List { .. } => ("", Vec::new()),
        RootsAction::Add(args) => ("added", add(&mut configuration, &args.directories)?),
        RootsAction::Rm(args) => ("removed", remove(&mut configuration, &args.directories)?),
    };
    if !changed.is_empty() {
        configuration.save()?;
    }
    let roots = configuration.settings.roots();
    if out.json {
        let mut answer = Answer::begin(out, "roots")?;
        answer.paths("roots", roots.iter().map(|root| &**root))?;
        if !word.is_empty() {
            answer.paths(word, changed.iter().map(|root| &**root))?;
        }
        answer.end()?;
        return Ok(Exit::Ok);
    }
    if word.is_empty() {
        for root in roots {
            writeln!(out, "{}", escape::path(root))?;
        }
        if roots.is_empty() {
            out.notice("no roots are configured: `diskdag roots add DIR`");
        }
    }
    for root in &changed {
        writeln!(out, "{word} {}", escape::path(root))?;
    }
    if word == "added" && changed.is_empty() {
        out.notice("nothing to add: these are roots already");
    }
    Ok(Exit::Ok)
}

/// Adds directories, all or none.
fn add(configuration: &mut Configuration, given: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut added = Vec::new();
    for directory in given {
        let directory = scope::absolute(directory)?;
        let metadata = directory.metadata();
        let metadata = metadata.map_err(|error| Failure::on(&directory, "add", &error))?;
        if !metadata.is_dir() {
            let message = format!("cannot add {}: not a directory", escape::path(&directory));
            return Err(Failure::new(Exit::Failed, "not-a-directory", message));
        }
        if configuration.settings.add_root(directory.clone()) {
            added.push(directory);
        }
    }
    Ok(added)
}

/// Takes directories away, all or none.
fn remove(configuration: &mut Configuration, given: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut removed = Vec::new();
    for directory in given {
        let directory = scope::absolute(directory)?;
        if !configuration.settings.remove_root(&directory) {
            let message = format!("{} is not a configured root", escape::path(&directory));
            return Err(Failure::new(Exit::NotFound, "not-found", message)
                .advising("`diskdag roots list` prints them"));
        }
        removed.push(directory);
    }
    Ok(removed)
}
