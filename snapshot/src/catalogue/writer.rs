//! A writer's time in a store: from its fence to its last commit.

use std::fmt::Debug;

use super::{Batch, Catalogue, CatalogueError, Fence, Revision, State};

/// Commits for one writer, whose time it is as long as this lives. A store may let all other committers wait until it
/// is dropped; readers wait for nobody.
#[must_use = "dropped at once it has opened things for nothing"]
pub trait Writer: Send + Sync + Debug {
    /// As [`Catalogue::commit_all`].
    fn commit_all(&mut self, batches: &[Batch]) -> Vec<Result<Revision, CatalogueError>>;
}

/// What a writer begins with.
#[derive(Debug)]
pub struct Begun<'c> {
    /// Under which it commits: newer than all that were handed out or committed under before, and nobody else's as
    /// long as the writer lives.
    pub fence: Fence,
    /// What is recorded then, all of it durable.
    pub state: State,
    /// Through what it commits.
    pub writer: Box<dyn Writer + 'c>,
}

impl<'c> Begun<'c> {
    /// For stores that have nothing to keep open.
    pub(super) fn by_calls<C: Catalogue + ?Sized>(store: &'c C) -> Result<Self, CatalogueError> {
        let fence = store.fence()?;
        let state = store.load()?;
        Ok(Self { fence, state, writer: Box::new(ByCalls(store)) })
    }
}

/// Every commit is a call of its own.
#[derive(Debug)]
struct ByCalls<'c, C: ?Sized>(&'c C);

impl<C: Catalogue + ?Sized> Writer for ByCalls<'_, C> {
    fn commit_all(&mut self, batches: &[Batch]) -> Vec<Result<Revision, CatalogueError>> {
        self.0.commit_all(batches)
    }
}
