//! What a path of the command line leads to, asked without waiting for ever.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use crate::args::{Common, Verb};
use crate::behind;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;

/// As long as a scan waits, unless --patience says otherwise.
const PATIENCE: u32 = 15;

/// What is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leads {
    /// A directory.
    ToDirectory,
    /// A file, or nothing.
    Elsewhere,
    /// Nobody knows: its file system does not answer. The scan will say so.
    Nowhere,
}

/// Whether the images of a verb that opens them itself answer at all, where a daemon may be behind them.
pub(crate) fn ask_images(verb: &Verb, common: &Common) -> Result<(), Failure> {
    if !behind::is_behind() {
        return Ok(());
    }
    let silent =
        behind::images(verb).into_iter().find(|path| leads(path, common) == Leads::Nowhere);
    let Some(path) = silent else { return Ok(()) };
    let exit = match verb {
        Verb::Compare(_) => Exit::Qemu(2),
        Verb::Audit(_) => Exit::Unknown,
        _ => Exit::Failed,
    };
    let seconds = common.patience.unwrap_or(PATIENCE);
    let message = format!("{}: did not answer within {seconds} s", escape::path(path));
    Err(Failure::new(exit, "no-answer", message).advising("--patience waits longer"))
}

/// Asks. A thread that gets no answer is left behind, and ends with the process.
pub(crate) fn leads(path: &Path, common: &Common) -> Leads {
    let (answer, answered) = mpsc::channel();
    let asked: PathBuf = path.to_owned();
    std::thread::spawn(move || answer.send(asked.is_dir()));
    let patience = Duration::from_secs(common.patience.unwrap_or(PATIENCE).into());
    match answered.recv_timeout(patience) {
        Ok(true) => Leads::ToDirectory,
        Ok(false) => Leads::Elsewhere,
        Err(_) => Leads::Nowhere,
    }
}
