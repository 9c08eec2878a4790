//! What a path of the command line leads to, asked without waiting for ever.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use diskdag_qcow2::audit::Audit;
use diskdag_qcow2::chain::{Chain, Policy};
use diskdag_qcow2::info::describe_chain;

use crate::args::{Common, Following, Verb};
use crate::behind;
use crate::escape;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::verbs::opening;

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

/// Opens what an image names, as a verb will.
type Follow = Box<dyn FnOnce(&Path) + Send>;

/// Whether the images of a verb that opens them itself answer at all, and what they name as far as it opens that,
/// where a daemon may be behind them.
pub(crate) fn ask_images(verb: &Verb, common: &Common) -> Result<(), Failure> {
    if !behind::is_behind() {
        return Ok(());
    }
    for (which, path) in behind::images(verb).into_iter().enumerate() {
        let what = match answers(path, follow(verb, which)?, common) {
            Answers::All => continue,
            Answers::ItselfAlone => "what it names ",
            Answers::Nothing => "",
        };
        let exit = match verb {
            Verb::Compare(_) => Exit::Qemu(2),
            Verb::Audit(_) => Exit::Unknown,
            _ => Exit::Failed,
        };
        let seconds = common.patience.unwrap_or(PATIENCE);
        let message = format!("{}: {what}did not answer within {seconds} s", escape::path(path));
        return Err(Failure::new(exit, "no-answer", message).advising("--patience waits longer"));
    }
    Ok(())
}

/// What a verb opens beside one of its images.
fn follow(verb: &Verb, which: usize) -> Result<Follow, Failure> {
    let (format, following) = match verb {
        Verb::Info(args) if args.backing_chain => {
            let format = args.of.format.clone();
            return Ok(Box::new(move |image| {
                let format = format.as_deref().map(str::as_bytes);
                // What is wrong with it the verb will say.
                describe_chain(image, format, |_| Ok::<_, Infallible>(true)).ok();
            }));
        }
        Verb::Audit(args) if !args.allow_dirs.is_empty() => {
            let directories = args.allow_dirs.clone();
            return Ok(Box::new(move |image| {
                let policy = Policy::beneath(directories);
                // What is wrong with them the verb will say.
                drop(policy.unusable());
                Audit::follow(image, &policy);
            }));
        }
        Verb::Map(args) => (&args.of.format, &args.following),
        Verb::Measure(args) => (&args.of.format, &args.following),
        Verb::Compare(args) if which == 0 => (&args.first_format, &args.following),
        Verb::Compare(args) => (&args.second_format, &args.following),
        _ => return Ok(Box::new(|_| {})),
    };
    opened(format.clone(), following)
}

fn opened(format: Option<String>, following: &Following) -> Result<Follow, Failure> {
    let policy = opening::policy(following)?;
    Ok(Box::new(move |image| {
        Chain::open_declared(image, format.as_deref().map(str::as_bytes), &policy).ok();
    }))
}

/// What answers.
enum Answers {
    All,
    ItselfAlone,
    Nothing,
}

/// Asks an image, then follows what it names. A thread that gets no answer is left behind, and ends with the
/// process.
fn answers(path: &Path, follow: Follow, common: &Common) -> Answers {
    let (answer, answered) = mpsc::channel();
    let asked: PathBuf = path.to_owned();
    std::thread::spawn(move || {
        answer.send(asked.is_dir()).ok();
        follow(&asked);
        answer.send(true).ok();
    });
    let in_time = || answered.recv_timeout(patience(common)).is_ok();
    if !in_time() {
        return Answers::Nothing;
    }
    if in_time() { Answers::All } else { Answers::ItselfAlone }
}

fn patience(common: &Common) -> Duration {
    Duration::from_secs(common.patience.unwrap_or(PATIENCE).into())
}

/// Asks. A thread that gets no answer is left behind, and ends with the process.
pub(crate) fn leads(path: &Path, common: &Common) -> Leads {
    let (answer, answered) = mpsc::channel();
    let asked: PathBuf = path.to_owned();
    std::thread::spawn(move || answer.send(asked.is_dir()));
    match answered.recv_timeout(patience(common)) {
        Ok(true) => Leads::ToDirectory,
        Ok(false) => Leads::Elsewhere,
        Err(_) => Leads::Nowhere,
    }
}
