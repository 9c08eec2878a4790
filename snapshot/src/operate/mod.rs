//! What a pool can do.
//!
//! Each file is one operation: it plans (and refuses with every reason at once, before anything is
//! changed), then hands the plan to the steps that all operations of its kind share.

mod adopt;
mod clone;
mod create;
mod found;
mod freeze;
mod gc;
mod judge;
mod leftovers;
mod list;
mod overlays;
mod pin;
mod remove;
mod restore;
mod select;
mod threads;
mod trash;
mod trashing;
mod writing;

pub use clone::Clones;
pub use create::{Create, MAX_DEPTH};
pub use gc::{Collect, Collected, Garbage};
pub use list::{ListedSnapshot, ListedTrash, Listing};
pub(crate) use overlays::{END, end};
pub use remove::{Fate, Remove, RemovePlan, RemoveStep};
pub use restore::Restore;
pub use select::Selection;
