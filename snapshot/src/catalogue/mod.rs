//! The catalogue: what a pool has to remember that headers do not say.
//!
//! Snapshots with their names, pins, what lies in the trash, and the intents of operations that have
//! begun and not yet ended. Who depends on whom is *not* in it: the headers are the truth of that.
//!
//! [`Catalogue`] is what a store has to offer: the whole state, and a way to commit a [`Batch`] of plain
//! data, all or nothing, durable when it returns.

mod batch;
pub mod conformance;
mod error;
mod head;
mod intent;
mod log;
mod memory;
mod record;
mod redb;
mod rows;
mod state;
mod writer;

use std::fmt::Debug;

pub use batch::{Batch, Change, Fence, OpId, Revision};
pub use error::{ApplyError, CatalogueError};
pub use head::Head;
pub use intent::{Intent, OverlayMember, OverlayShape, OverlayVerb, Work};
pub use log::LogCatalogue;
pub use memory::MemoryCatalogue;
pub use record::{Pin, SnapshotRecord, Standing, TrashRecord};
pub use rows::{Rows, Snapshots};
pub use state::State;
pub use writer::{Begun, Writer};

/// A store of pools' records. Object-safe; every call may come from any thread.
///
/// # Laws
///
/// 1. `load` gives a state that was committed: never a part of a batch, never two batches of which
///    the second is missing. It writes nothing, and waits for no writer.
/// 2. A `commit` that returns `Ok` is durable: it survives the power going out in the next instant.
///    One that returns [`CatalogueError::Undecided`] may have happened; `load` tells, by
///    [`State::is_done`]. After any other error nothing has happened.
/// 3. A batch whose operation and step are in the state already is not applied again: `commit` answers the
///    revision that it made then.
/// 4. A batch that expects another revision than the one that is there is refused
///    ([`ApplyError::Conflict`]), and so is one whose fence is older than one that was seen
///    ([`ApplyError::Fenced`]). This is what keeps apart hosts that share a store.
/// 5. A store that is not there, or cannot be read, is an error, never an empty state.
pub trait Catalogue: Send + Sync + Debug {
    /// All that is recorded. A [`State`] is cheap to clone: what a store keeps in memory it can give away.
    ///
    /// # Errors
    ///
    /// [`CatalogueError`], by kind.
    fn load(&self) -> Result<State, CatalogueError>;

    /// Commits a batch, all or nothing.
    ///
    /// # Errors
    ///
    /// [`CatalogueError`], by kind.
    fn commit(&self, batch: &Batch) -> Result<Revision, CatalogueError>;

    /// Commits several batches, one after the other, each as [`commit`](Self::commit) would: an answer for
    /// each, in their order. Who makes them lets each expect the revision that the one before makes. One
    /// that is refused changes nothing, and does not keep the others from being tried; those that
    /// expected its revision are refused too.
    ///
    /// A store may make them durable together, at the price of one. Then what keeps them from becoming
    /// durable is the answer to all of them.
    fn commit_all(&self, batches: &[Batch]) -> Vec<Result<Revision, CatalogueError>> {
        batches.iter().map(|batch| self.commit(batch)).collect()
    }

    /// A fence that is newer than every one before it. The caller has the pool's lock, or, with a store
    /// of many hosts, a lease on the pool, for as long as it commits under this fence. A batch with an
    /// older one is refused from the first commit under this one on.
    ///
    /// # Errors
    ///
    /// [`CatalogueError`]; [`CatalogueError::Leased`] if another host has the pool.
    fn fence(&self) -> Result<Fence, CatalogueError>;

    /// Begins to write: a [fence](Self::fence), what is recorded, and what commits under that fence, as long as it
    /// lives. A store may keep open and locked meanwhile what each commit by itself would open and lock again. The
    /// caller has the pool's lock, or a lease on the pool.
    ///
    /// # Errors
    ///
    /// As [`fence`](Self::fence) and [`load`](Self::load).
    fn begin(&self) -> Result<Begun<'_>, CatalogueError> {
        Begun::by_calls(self)
    }

    /// Hosts that share the pool's images and cannot be asked now: each is a doubt about every removal.
    /// The embedded stores know of one host, this one.
    ///
    /// # Errors
    ///
    /// [`CatalogueError`]: then nobody knows, which is a doubt too.
    fn unreachable_hosts(&self) -> Result<Vec<String>, CatalogueError> {
        Ok(Vec::new())
    }
}
