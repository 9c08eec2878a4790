//! What ends a command before it has an answer.

use std::io;
use std::path::Path;

use diskdag_graph::scan::{ImageError, ScanError, SettingsError};
use serde_json::{Map, Value, json};

use crate::escape;
use crate::exit::Exit;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The code to exit with.
    pub(crate) exit: Exit,
    /// A stable word for programs.
    pub(crate) kind: &'static str,
    /// What happened, for people; names in it are escaped.
    pub(crate) message: String,
    /// What to do about it, if there is something.
    pub(crate) advice: Option<String>,
    /// Lines below the message: what stands in the way, with what to do about each.
    pub(crate) details: Vec<String>,
    /// Further keys of the object in JSON.
    pub(crate) more: Box<Map<String, Value>>,
}

impl Failure {
    /// A failure without advice.
    pub(crate) fn new(exit: Exit, kind: &'static str, message: impl Into<String>) -> Self {
        let (details, more) = (Vec::new(), Box::default());
        Self { exit, kind, message: message.into(), advice: None, details, more }
    }

    /// The same with advice.
    #[must_use]
    pub(crate) fn advising(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Something about `path`, with its causes.
    pub(crate) fn caused(
        exit: Exit,
        kind: &'static str,
        path: &Path,
        error: &dyn std::error::Error,
    ) -> Self {
        let message = format!("{}: {}", escape::path(path), escape::words(&chain_of(error)));
        Self::new(exit, kind, message)
    }

    /// A file operation on `path` that failed.
    pub(crate) fn on(path: &Path, doing: &str, error: &io::Error) -> Self {
        let (exit, kind) = match error.kind() {
            io::ErrorKind::NotFound => (Exit::NotFound, "not-found"),
            _ => (Exit::Failed, "io"),
        };
        Self::new(exit, kind, format!("cannot {doing} {}: {error}", escape::path(path)))
    }

    /// An image of the question that could not be found or looked into.
    pub(crate) fn image(path: &Path, error: &ImageError) -> Self {
        let (exit, kind) = match error {
            ImageError::NotFound => (Exit::NotFound, "not-found"),
            ImageError::NotAFile(_) => (Exit::Failed, "not-a-file"),
            // Nothing is known of it: an answer about it would be a guess.
            ImageError::Refused(_) => (Exit::Unknown, "refused"),
            ImageError::Unreadable(_) => (Exit::Unknown, "unreadable"),
            _ => (Exit::Failed, "image"),
        };
        let message = format!("{}: {}", escape::path(path), escape::words(&error.to_string()));
        Self::new(exit, kind, message)
    }

    /// Several of them as one.
    pub(crate) fn all(failures: Vec<Self>) -> Option<Self> {
        failures.into_iter().reduce(|all, next| {
            let exit = all.exit.or(next.exit);
            let kind = if exit == all.exit { all.kind } else { next.kind };
            let message = format!("{}\n{}", all.message, next.message);
            let details = [all.details, next.details].concat();
            let more = Box::new(all.more.into_iter().chain(*next.more).collect());
            Self { exit, kind, message, advice: all.advice.or(next.advice), details, more }
        })
    }

    /// The object that stands for it in JSON.
    pub(crate) fn to_json(&self) -> String {
        let mut object = json!({
            "schema": "diskdag/error/1",
            "error": self.message,
            "kind": self.kind,
            "exit": self.exit.code(),
        });
        if let Some(advice) = &self.advice {
            object["advice"] = json!(advice);
        }
        for (key, value) in &*self.more {
            object[key] = value.clone();
        }
        let text = object.to_string();
        escape::json(text.as_bytes()).unwrap_or(text)
    }
}

impl From<io::Error> for Failure {
    /// Only writing the answer itself fails with a bare error.
    fn from(error: io::Error) -> Self {
        Self::new(Exit::Failed, "output", format!("cannot write the answer: {error}"))
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        let message = escape::words(&chain_of(&error)).into_owned();
        Self::new(Exit::Failed, "settings", message)
    }
}

impl From<ScanError> for Failure {
    fn from(error: ScanError) -> Self {
        let message = escape::words(&chain_of(&error)).into_owned();
        let kind = match error {
            ScanError::Stopped => "stopped",
            _ => "scan",
        };
        Self::new(Exit::Failed, kind, message)
    }
}

/// An error and its causes in one line.
pub(crate) fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
