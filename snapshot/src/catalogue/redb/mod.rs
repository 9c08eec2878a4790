//! A whole [`State`] as the bytes of a redb database.
//!
//! The database is built in memory and closed; what is stored is never changed in place, so nothing
//! of redb's own recovery is relied upon. `memory` is the storage that redb works on, `tables` says what
//! lies in which table.

mod memory;
mod tables;
#[cfg(test)]
mod tests;

use super::State;

pub(super) use tables::FORMAT;

/// Why bytes are no state.
#[derive(Debug, thiserror::Error)]
pub(super) enum ImageError {
    /// They hold tables of a later version.
    #[error("its tables have version {found}")]
    Newer {
        /// Their version.
        found: u32,
    },
    /// redb refuses them.
    #[error("its database: {0}")]
    Database(#[source] Box<::redb::Error>),
    /// A row does not read.
    #[error("a row of table '{table}': {cause}")]
    Row {
        /// In which table.
        table: &'static str,
        /// What is wrong with it.
        #[source]
        cause: serde_json::Error,
    },
    /// A row is not there, or lies under another key than its own.
    #[error("table '{table}' lacks a row, or has it in the wrong place")]
    Misplaced {
        /// In which table.
        table: &'static str,
    },
}

/// The bytes of a closed database that holds `state`. O(state), in time and memory.
pub(super) fn encode(state: &State) -> Result<Vec<u8>, ImageError> {
    let storage = memory::Memory::default();
    tables::write(state, storage.clone())?;
    Ok(storage.into_bytes())
}

/// The state that a closed database holds. O(bytes).
pub(super) fn decode(bytes: Vec<u8>) -> Result<State, ImageError> {
    tables::read(memory::Memory::from(bytes))
}
