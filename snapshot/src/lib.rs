//! Crash-safe snapshots of qcow2 and raw disks.
#![forbid(unsafe_code)]

pub mod catalogue;
mod disk;
mod error;
pub mod fs;
pub mod host;
mod marker;
pub mod name;
mod operate;
mod overlay;
pub mod pool;
mod recover;
mod refusal;
mod report;
pub mod sim;
pub mod survey;
mod text;

pub use error::{Effect, Error, ErrorKind};
pub use host::{Control, Host};
pub use marker::Marker;
pub use name::SnapshotName;
pub use operate::{
    Clones, Collect, Collected, Create, Fate, Garbage, ListedSnapshot, ListedTrash, Listing,
    MAX_DEPTH, Remove, RemovePlan, RemoveStep, Restore, Selection,
};
pub use pool::Pool;
pub use recover::Recovery;
pub use refusal::{Reason, ReasonKind, Refusal};
pub use report::{Action, DiskDone, Done, Notice, Outcome, Recovered};
pub use text::Bytes;
