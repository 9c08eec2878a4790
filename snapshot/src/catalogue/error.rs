//! Why a catalogue did not do as it was told.

use std::io;
use std::path::PathBuf;

use super::{Fence, Revision};
use crate::name::Id;

/// Why a batch does not fit a state. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// Somebody else has committed since the batch was made.
    #[error("the catalogue is at revision {}, the change was made for {}", found.0, expected.0)]
    Conflict {
        /// The revision that is there.
        found: Revision,
        /// The one that the batch expects.
        expected: Revision,
    },
    /// Somebody else has taken over.
    #[error("fence {} has been replaced by {}: another writer has taken over", given.0, found.0)]
    Fenced {
        /// The newest fence seen.
        found: Fence,
        /// The batch's.
        given: Fence,
    },
    /// An id would be given a second time.
    #[error("ids up to {next} are given away, the change begins again at {given}")]
    IdReused {
        /// The next id that is free.
        next: Id,
        /// The one that the batch would go on from.
        given: Id,
    },
}

/// Why a catalogue could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// There is none. It was lost, or never made; in any case not empty.
    #[error("there is no catalogue at '{}'", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// What is there is not a catalogue, or not a whole one.
    #[error("the catalogue at '{}' is damaged: {what}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// It was written by a program that knows more.
    #[error("the catalogue at '{}' has version {found}, this program knows {known}", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// The batch does not fit. Nothing was changed.
    #[error(transparent)]
    Refused(#[from] ApplyError),
    /// Another host has the pool.
    #[error("the pool is leased to {holder}")]
    Leased {
        /// Who has it.
        holder: String,
    },
    /// The batch may have been committed or not: forcing it out failed.
    #[error("whether the change was committed is not known")]
    Undecided {
        /// What the system answered.
        #[source]
        cause: io::Error,
    },
    /// It could not be read, or not be written to. Nothing was changed.
    #[error("{doing} '{}' failed", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system answered.
        #[source]
        cause: io::Error,
    },
    /// An embedder's own store failed. Nothing was changed.
    #[error("the store of the catalogue failed")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}
