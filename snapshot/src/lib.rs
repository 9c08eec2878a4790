//! Snapshots of qcow2 and raw disks that no crash, at any instant, loses or lies about.
//!
//! A [`Pool`] is a directory tree with a `.diskdag` folder at its top; its disks lie anywhere below. A *live
//! disk* is a path that a virtual machine opens and writes. [`Pool::create`] makes an immutable *snapshot* of
//! what it holds: the old file gets the snapshot's name, and an overlay of it takes the live path, in one
//! step of the file system. [`Pool::restore`] goes back, [`Pool::clone_snapshot`] makes new live disks,
//! [`Pool::remove`] and [`Pool::collect`] take away what nothing needs, by way of the trash.
//!
//! # Laws
//!
//! Each is kept in every state that a crash may leave, and tested in all of them that a simulated file system
//! ([`sim`]) can enumerate.
//!
//! 1. A live disk's path always exists and always opens: never missing, never half-written.
//! 2. A live disk's guest content is, at every instant, that from before an operation or that from after it.
//! 3. A snapshot that is listed exists, and reads what the disk read when it was taken.
//! 4. No image's backing file is ever missing because of us, and no two images name each other.
//! 5. When an operation returns `Ok` it is durable: it survives the power going out in the next instant.
//! 6. Recovery finishes or undoes what had begun. It is idempotent, may be cut off anywhere, and never assumes
//!    that nobody wrote in between. It never undoes an overlay that is locked or no longer byte for byte ours; a
//!    set of disks that was cut in the middle and then written to is kept and marked inconsistent.
//! 7. What recovery cannot explain it keeps and reports. Nothing is deleted to tidy a contradiction.
//! 8. Removal: the record goes first, the file second; what a crash leaves behind is an orphan that `gc` finds.
//!    Files go to the trash before they go for good; after the move the graph is asked once more, and a
//!    dependent that appeared meanwhile puts the file back.
//! 9. Whatever removes, replaces, re-points or makes writable a path that others may name asks the graph over
//!    the whole scope, under the pool's lock and under a lock on the image that QEMU honours, and refuses on
//!    dependents (all of them named), on use, and on doubt.
//! 10. Unreadable, locked, changed meanwhile, full disk, no permission: a clear error, and nothing lost. With no
//!     block and no inode free, removing, collecting, purging and recovering still work.
//! 11. Ids are never reused, so leftovers cannot collide with anything new. Time is for display only.
//! 12. An error of forcing something out is fatal for the operation: it is never tried again as if it had not
//!     happened.
//!
//! # What the caller can rely on
//!
//! Everything is synchronous; every handle is `Clone + Send + Sync + 'static`. Opening a pool recovers nothing:
//! [`Pool::recover`] does, and says what it did; until then a pool with unfinished operations refuses to be
//! written ([`ErrorKind::NeedsRecovery`]). A failed operation says what it has changed ([`Effect`]). Cancelled
//! before its commit point it is undone, after that it is finished ([`Control`]). What the host offers (files,
//! the scan, the use of images, time, chance) is behind traits ([`Host`]), the records too
//! ([`catalogue::Catalogue`]).
//!
//! The files' format, the commit protocol and the table of crashes are in FORMAT.md.
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
mod repoint;
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
pub use repoint::{RepointError, repoint};
pub use report::{Action, DiskDone, Done, Notice, Outcome, Recovered};
pub use text::Bytes;

const _: () = {
    const fn shared<T: Clone + Send + Sync + 'static>() {}
    shared::<Pool>();
    shared::<Host>();
    shared::<Control>();
};
