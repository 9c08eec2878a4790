//! A catalogue in memory.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Batch, Catalogue, CatalogueError, Fence, Revision, State};

/// A catalogue that lasts as long as its last handle: for tests, and for embedders whose disks do not
/// outlive the process. Clones are handles of the same store.
///
/// "Durable" means here what it can mean: every other handle sees it.
#[derive(Clone, Debug, Default)]
pub struct MemoryCatalogue {
    store: Arc<Mutex<Store>>,
}

#[derive(Debug, Default)]
struct Store {
    state: State,
    /// The newest fence that was handed out.
    handed_out: Fence,
}

impl MemoryCatalogue {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One that holds `state`.
    #[must_use]
    pub fn with(state: State) -> Self {
        let store = Store { handed_out: state.fence, state };
        Self { store: Arc::new(Mutex::new(store)) }
    }

    /// A store is whole between any two statements that hold it: [`State::apply`] either does all or
    /// nothing. So one that a panicking thread held is as good as any.
    fn store(&self) -> std::sync::MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Catalogue for MemoryCatalogue {
    fn load(&self) -> Result<State, CatalogueError> {
        Ok(self.store().state.clone())
    }

    fn commit(&self, batch: &Batch) -> Result<Revision, CatalogueError> {
        Ok(self.store().state.apply(batch)?)
    }

    fn fence(&self) -> Result<Fence, CatalogueError> {
        let mut store = self.store();
        store.handed_out = Fence(store.handed_out.0.max(store.state.fence.0) + 1);
        Ok(store.handed_out)
    }
}
