//! Why an operation failed, and what it left behind.

use std::io;
use std::path::{Path, PathBuf};

use crate::catalogue::{CatalogueError, OpId};
use crate::name::{FileNameError, NameError};
use crate::refusal::Refusal;

/// What a failed operation has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// Nothing: what had been begun was undone.
    None,
    /// All of it: only something after the commit failed.
    Done,
    /// Nobody knows yet: the operation's intent is open, and `recover` finishes or undoes it.
    Undecided(OpId),
}

/// A failed operation.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct Error {
    /// What it has changed.
    pub effect: Effect,
    /// Why it failed.
    #[source]
    pub kind: ErrorKind,
}

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Something stands in the way. Nothing was changed.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// Somebody else works on the pool.
    #[error("the pool at '{}' is locked by another writer", pool.display())]
    Locked {
        /// Its top directory.
        pool: PathBuf,
    },
    /// Operations have begun and not ended; they have to be recovered first.
    #[error("{} operation(s) of the pool at '{}' have not ended: recover first", open.len(), pool.display())]
    NeedsRecovery {
        /// The pool's top directory.
        pool: PathBuf,
        /// The operations.
        open: Vec<OpId>,
    },
    /// The catalogue was rebuilt, and no person has confirmed it: nothing may be removed.
    #[error("the catalogue of the pool at '{}' was rebuilt and is not confirmed", pool.display())]
    Unconfirmed {
        /// The pool's top directory.
        pool: PathBuf,
        /// What could not be rebuilt.
        lost: Vec<String>,
    },
    /// There is no pool where one is needed.
    #[error("'{}' {}lies in no pool", path.display(), leads(to.as_deref()))]
    NoPool {
        /// The path.
        path: PathBuf,
        /// Where it leads, if that is elsewhere: a symbolic link.
        to: Option<PathBuf>,
    },
    /// A pool would lie inside of another, or around one.
    #[error("there is a pool at '{}' already", pool.display())]
    PoolThere {
        /// Its top directory.
        pool: PathBuf,
    },
    /// What is named is not there.
    #[error("'{}': {what}", path.display())]
    NotFound {
        /// Where it should be.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// A name that no snapshot can have.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A file that cannot have the name that it should.
    #[error(transparent)]
    FileName(#[from] FileNameError),
    /// The caller cancelled, or a deadline has passed.
    #[error("stopped by the caller")]
    Stopped,
    /// The catalogue failed.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The directories in scope could not be asked.
    #[error("the scan of the scope failed: {0}")]
    Survey(String),
    /// The pool's configuration cannot be read: which directories depend on the pool's images is not known.
    #[error("cannot read the pool's configuration '{}'", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        cause: io::Error,
    },
    /// The system refused a step.
    #[error("cannot {doing} '{}'", path.display())]
    Io {
        /// The step.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system answered.
        #[source]
        cause: io::Error,
    },
    /// The pool could not be had by any of several operations that were to run together: so said the first.
    #[error("{0}")]
    Together(String),
    /// Recovery found something that a person must decide.
    #[error("{} thing(s) that a person must decide", questions.len())]
    Undecided {
        /// What they are.
        questions: Vec<String>,
    },
}

/// Where a symbolic link leads, as a part of a sentence.
fn leads(to: Option<&Path>) -> String {
    to.map_or_else(String::new, |to| format!("leads to '{}', which ", to.display()))
}

impl Error {
    /// Of an operation whose first commit failed: it may have happened if it could not be forced out.
    pub(crate) fn of_commit(op: OpId, error: CatalogueError) -> Self {
        let effect = match error {
            CatalogueError::Undecided { .. } => Effect::Undecided(op),
            _ => Effect::None,
        };
        Self { effect, kind: error.into() }
    }
}

impl ErrorKind {
    /// The step that the system refused.
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>, cause: io::Error) -> Self {
        Self::Io { doing, path: path.into(), cause }
    }

    /// With what has been changed so far: nothing.
    pub(crate) fn without_effect(self) -> Error {
        Error { effect: Effect::None, kind: self }
    }
}

impl From<Refusal> for ErrorKind {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl<K: Into<ErrorKind>> From<K> for Error {
    /// Nothing had been changed yet.
    fn from(kind: K) -> Self {
        kind.into().without_effect()
    }
}
