//! What the snapshot layer answers when it does not do as it was told: exit codes, words, the way on.

use diskdag_graph::Doubt;
use diskdag_snapshot::catalogue::CatalogueError;
use diskdag_snapshot::{Effect, Error, ErrorKind, Reason, ReasonKind, Refusal};
use serde_json::{Map, Value, json};

use crate::escape;
use crate::exit::Exit;
use crate::failure::{Failure, chain_of};
use crate::health;
use crate::json::{self, put_path};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let Error { effect, kind, .. } = error;
        let mut failure = Self::from(kind);
        let effect = match effect {
            Effect::None => "none",
            Effect::Done => {
                failure.details.push("it is done all the same: only what came after failed".into());
                "done"
            }
            Effect::Undecided(op) => {
                failure.more.insert("operation".to_owned(), json!(op.to_string()));
                failure
                    .details
                    .push("how far it came is not known: `diskdag recover` ends it".into());
                "undecided"
            }
            _ => "unknown",
        };
        failure.more.insert("effect".to_owned(), json!(effect));
        failure
    }
}

impl From<ErrorKind> for Failure {
    fn from(kind: ErrorKind) -> Self {
        let message = escape::words(&chain_of(&kind)).into_owned();
        let fail = |exit, word| Self::new(exit, word, message.clone());
        match kind {
            ErrorKind::Refused(refusal) => refused(&refusal),
            ErrorKind::Locked { .. } => {
                fail(Exit::Busy, "locked").advising("try again, or wait for it with --wait")
            }
            ErrorKind::NeedsRecovery { .. } => fail(Exit::Undecided, "needs-recovery")
                .advising("`diskdag recover` says what it cannot decide"),
            ErrorKind::Unconfirmed { lost, .. } => {
                unconfirmed(fail(Exit::Undecided, "unconfirmed"), &lost)
            }
            ErrorKind::NoPool { to: Some(_), .. } => fail(Exit::Refused, "no-pool")
                .advising("a link is taken for the disk that it leads to, which has to lie in a pool"),
            ErrorKind::NoPool { path, .. } => {
                let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
                let dir = escape::shell(dir.unwrap_or(std::path::Path::new(".")));
                fail(Exit::Refused, "no-pool").advising(format!(
                    "make one with `diskdag init {dir}`, or name one with --pool"
                ))
            }
            ErrorKind::PoolThere { .. } => fail(Exit::Refused, "pool-there")
                .advising("a pool can lie neither inside of another nor around one"),
            ErrorKind::NotFound { .. } => fail(Exit::NotFound, "not-found"),
            ErrorKind::Name(_) => fail(Exit::Usage, "name"),
            ErrorKind::FileName(_) => {
                fail(Exit::Refused, "file-name").advising("take a shorter name")
            }
            ErrorKind::Stopped => fail(Exit::Failed, "stopped"),
            ErrorKind::Undecided { questions } => {
                undecided(fail(Exit::Undecided, "undecided"), &questions)
            }
            ErrorKind::Catalogue(error) => error.into(),
            ErrorKind::Config { .. } => fail(Exit::Failed, "config").advising(
                "put it right: {\"roots\": [DIR, ...], \"owners\": [PATH, ...]}, the directories whose images \
                 may depend on the pool's and the files in which owners name disks; without the file there are none",
            ),
            ErrorKind::Survey(_) => fail(Exit::Failed, "scan"),
            _ => fail(Exit::Failed, "io"),
        }
    }
}

impl From<CatalogueError> for Failure {
    fn from(error: CatalogueError) -> Self {
        let message = escape::words(&chain_of(&error)).into_owned();
        let fail = |exit, word| Self::new(exit, word, message.clone());
        match error {
            CatalogueError::Missing { .. } | CatalogueError::Damaged { .. } => {
                fail(Exit::Undecided, "catalogue").advising(
                    "`diskdag recover` rebuilds it from the names and headers of the files",
                )
            }
            CatalogueError::Newer { .. } => {
                fail(Exit::Unsupported, "catalogue").advising("use the newer diskdag that wrote it")
            }
            CatalogueError::Refused(_) | CatalogueError::Leased { .. } => {
                fail(Exit::Busy, "locked").advising("another writer has taken over: try again")
            }
            _ => fail(Exit::Failed, "catalogue"),
        }
    }
}

/// Everything that stands in the way.
pub(crate) fn refused(refusal: &Refusal) -> Failure {
    let is_busy = refusal.reasons.iter().any(|reason| reason.kind == ReasonKind::InUse);
    let (exit, kind, message) = match (is_busy, refusal.is_unknown()) {
        (true, _) => (Exit::Busy, "in-use", "refused, it is in use; nothing was changed"),
        (false, true) => (
            Exit::Unknown,
            "unknown",
            "refused, because not everything could be asked; nothing was changed",
        ),
        (false, false) => (Exit::Refused, "refused", "refused; nothing was changed"),
    };
    let mut failure = Failure::new(exit, kind, message);
    failure.details = lines(refusal);
    for (key, value) in keys(refusal) {
        failure.more.insert(key, value);
    }
    failure
}

/// A line for each reason and each doubt, and what to do about it. Advice that many share stands below the last.
pub(crate) fn lines(refusal: &Refusal) -> Vec<String> {
    let mut lines = Vec::new();
    let mut reasons = refusal.reasons.iter().peekable();
    while let Some(reason) = reasons.next() {
        let detail = escape::words(&reason.detail);
        lines.push(format!("  {}  {}: {detail}", escape::path(&reason.path), reason.kind.name()));
        let is_shared = reasons.peek().is_some_and(|next| next.advice == reason.advice);
        if let Some(advice) = reason.advice.as_ref().filter(|_| !is_shared) {
            lines.push(format!("      to resolve it: {}", escape::words(advice)));
        }
    }
    for doubt in &refusal.doubts {
        lines.push(format!("  {}", health::doubt(doubt)));
        lines.push(format!("      to resolve it: {}", health::remedy(doubt)));
    }
    lines
}

/// The same as `blockers` and `doubts`.
pub(crate) fn keys(refusal: &Refusal) -> [(String, Value); 2] {
    let blockers: Vec<Value> = refusal.reasons.iter().map(blocker).collect();
    let doubts: Vec<Value> =
        refusal.doubts.iter().map(|doubt: &Doubt| json::doubt(doubt)).collect();
    [("blockers".to_owned(), blockers.into()), ("doubts".to_owned(), doubts.into())]
}

fn blocker(reason: &Reason) -> Value {
    let mut map = Map::new();
    put_path(&mut map, "path", &reason.path);
    map.insert("kind".to_owned(), json!(reason.kind.name()));
    map.insert("depth".to_owned(), json!(reason.depth));
    map.insert("detail".to_owned(), json!(reason.detail));
    if let Some(advice) = &reason.advice {
        map.insert("advice".to_owned(), json!(advice));
    }
    map.into()
}

fn unconfirmed(mut failure: Failure, lost: &[String]) -> Failure {
    let line = |lost: &String| format!("  could not be rebuilt: {}", escape::words(lost));
    failure.details = lost.iter().map(line).collect();
    failure.more.insert("lost".to_owned(), json!(lost));
    failure.advising("look at `diskdag snap list`; if that is right, `diskdag recover --confirm`")
}

fn undecided(mut failure: Failure, questions: &[String]) -> Failure {
    failure.details = questions.iter().map(|line| format!("  {}", escape::words(line))).collect();
    failure.more.insert("questions".to_owned(), json!(questions));
    failure.advising(
        "put the files right and call `diskdag recover` again; or, to leave them as they are, \
         `diskdag recover --forget OP`",
    )
}
