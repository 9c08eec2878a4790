//! Scans: from directories to a graph, the only part of this crate that knows the file system.

mod control;
mod scope;
mod settings;

pub use control::{Control, Progress};
pub use scope::{Scope, Waiver};
pub use settings::{Settings, SettingsError};
