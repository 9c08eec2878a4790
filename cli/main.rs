//! The `diskdag` command: it parses, calls, prints, and decides nothing.
//!
//! A verb is a file in [`verbs`]; exit codes and their precedence are in [`exit`]; where an answer
//! looks is in [`scope`].

#![forbid(unsafe_code)]

mod args;
mod behind;
mod escape;
mod exit;
mod failure;
mod gather;
mod health;
mod help;
mod index;
mod json;
mod output;
mod pool;
mod probe;
mod progress;
mod refused;
mod scope;
mod settings;
mod show;
mod signals;
mod sys;
mod text;
mod time;
mod verbs;

use std::io::Write;
use std::process::ExitCode;

use args::{Cli, Color};
use clap::Parser;
use exit::Exit;
use failure::Failure;
use output::Output;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let exit = match Cli::try_parse_from(&arguments) {
        Ok(cli) => {
            if let Some(code) = behind::ask_from_behind(&cli.verb, &arguments) {
                return code;
            }
            behind::follow_the_front();
            answer(cli)
        }
        Err(error) => {
            let wants_json =
                arguments.iter().any(|word| word == "--json" || word == "--output=json");
            misunderstood(&error, wants_json)
        }
    };
    behind::tell_the_front(exit.code());
    exit.into()
}

fn answer(cli: Cli) -> Exit {
    let (verb, common) = cli.gather();
    let color = common.color.unwrap_or_default();
    let mut out = Output::new(common.json, color);
    let result = probe::ask_images(&verb, &common);
    let result = result.and_then(|()| verbs::run(&verb, &common, &mut out));
    let written = out.finish(color);
    match result.and_then(|exit| Ok(written.map(|()| exit)?)) {
        Ok(exit) => exit,
        Err(failure) => fail(&failure, common.json, color),
    }
}

/// Says why there is no answer.
fn fail(failure: &Failure, json: bool, color: Color) -> Exit {
    let style = output::stderr_style(color);
    for line in failure.message.lines() {
        output::say(&format!("{}: {line}", style.bad("error")));
    }
    for line in &failure.details {
        output::say(line);
    }
    if let Some(advice) = &failure.advice {
        output::say(advice);
    }
    if json {
        let mut out = Output::new(true, color);
        // If this cannot be written either, standard error has it already.
        writeln!(out, "{}", failure.to_json()).and_then(|()| out.finish(color)).ok();
    }
    failure.exit
}

/// Help and version were asked for; or the command line makes no sense, which is exit 64.
fn misunderstood(error: &clap::Error, wants_json: bool) -> Exit {
    // Nobody listens: then there is nobody to tell.
    error.print().ok();
    if !error.use_stderr() {
        return Exit::Ok;
    }
    if wants_json {
        let text = error.render().to_string();
        // The first paragraph says what is wrong; usage and tips follow.
        let wrong: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
        let wrong = wrong.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        let wrong = wrong.trim_start_matches("error: ");
        let failure = Failure::new(Exit::Usage, "usage", wrong);
        let mut out = Output::new(true, Color::Never);
        writeln!(out, "{}", failure.to_json()).and_then(|()| out.finish(Color::Never)).ok();
    }
    Exit::Usage
}
