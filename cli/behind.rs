//! Two processes where one may never end.
//!
//! A daemon that answers for a file system may take a request and never answer it, as sshfs does when
//! the network has gone. The thread that asked is abandoned, and the answer says so; but no signal ends
//! it, and a process ends with its last thread. So where such file systems are mounted, another process
//! asks, and the one that somebody waits for ends with its answer.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::args::Verb;
use crate::sys::let_go_of_output;

/// Set for the process that asks: its standard input leads to the one in front.
const VARIABLE: &str = "DISKDAG_BEHIND";

/// Whether a verb asks whatever its scope holds, and changes nothing.
fn asks(verb: &Verb) -> bool {
    matches!(
        verb,
        Verb::Scan(_)
            | Verb::Tree(_)
            | Verb::Chain(_)
            | Verb::Dependents(_)
            | Verb::Why(_)
            | Verb::CanRm(_)
            | Verb::Du(_)
            | Verb::Orphans(_)
            | Verb::WhatIf(_)
            | Verb::Graph(_)
            | Verb::Watch(_)
    ) || !images(verb).is_empty()
}

/// The images of a verb that opens them itself, rather than have a scan wait for no longer than its patience.
pub(crate) fn images(verb: &Verb) -> Vec<&Path> {
    match verb {
        Verb::Info(args) => vec![&args.image],
        Verb::Check(args) => vec![&args.image],
        Verb::Map(args) => vec![&args.image],
        Verb::Measure(args) => args.image.iter().map(PathBuf::as_path).collect(),
        Verb::Compare(args) => vec![&args.first, &args.second],
        Verb::Audit(args) => vec![&args.image],
        _ => Vec::new(),
    }
}

/// Whether a daemon answers for a file system of this host.
fn is_there_a_daemon() -> bool {
    let table = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    table.split(|byte| *byte == b'\n').any(|line| {
        // Optional fields end with a dash; the kind of file system comes next.
        let mut fields = line.split(|byte| *byte == b' ').skip(6);
        fields.any(|field| field == b"-")
            && fields.next().is_some_and(|kind| kind.starts_with(b"fuse") && kind != b"fusectl")
    })
}

/// Has another process do it, if that is better; says what came of it.
pub(crate) fn ask_from_behind(verb: &Verb, arguments: &[OsString]) -> Option<ExitCode> {
    if !asks(verb) || is_behind() || !is_there_a_daemon() {
        return None;
    }
    // Whatever of this is not possible: then it is done here, as ever.
    let program = std::env::current_exe().ok()?;
    let (mut here, there) = UnixStream::pair().ok()?;
    let mut command = Command::new(program);
    command.args(arguments.get(1..)?).env(VARIABLE, "1");
    let mut behind = command.stdin(Stdio::from(OwnedFd::from(there))).spawn().ok()?;
    // It holds the other end of the pair as well.
    drop(command);
    let mut code = [0];
    if here.read_exact(&mut code).is_ok() {
        return Some(code[0].into());
    }
    // It has ended without a word.
    let status = behind.wait().ok()?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Some(u8::try_from(code).unwrap_or(1).into())
}

pub(crate) fn is_behind() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// The way to the process in front, for one that has one.
fn front() -> Option<File> {
    is_behind()
        .then(|| std::io::stdin().as_fd().try_clone_to_owned().ok())
        .flatten()
        .map(File::from)
}

/// Ends when the process in front does: nobody waits for an answer any more.
pub(crate) fn follow_the_front() {
    if let Some(mut front) = front() {
        let follow = move || {
            if front.read(&mut [0]).is_ok_and(|length| length == 0) {
                std::process::exit(1);
            }
        };
        // Without it, it is done all the same.
        std::thread::Builder::new().spawn(follow).ok();
    }
}

/// Tells the process in front how it ended, and lets go of all that others wait for.
pub(crate) fn tell_the_front(code: u8) {
    if let Some(mut front) = front() {
        // Nobody may read what is written to a pipe that this process never closes.
        let_go_of_output().ok();
        front.write_all(&[code]).ok();
    }
}
