//! A graph that is kept current.
//!
//! Every directory is watched from before it is first listed, so no change falls between. What the
//! kernel tells is taken as a hint where to look, never as what happened: whatever a notice is
//! about is looked at again. A directory without notices is believed to be as it was; symbolic
//! links, files with links elsewhere and files out of the scope, which can change without a notice,
//! are asked every time. When the kernel could not tell everything, or will not, everything is
//! asked; until that is done the graph says that it is in doubt.
//!
//! One thing no kernel tells: a file of a single name gets a second one out of the scope, and is written
//! to under that. It is found by a round over all files, a thousand a second (`sweep.rs`); who cannot wait
//! for that asks a scan ([`crate::scan::Scan::run_after`], one `stat` a file).

mod changes;
mod current;
mod errands;
mod mounted;
mod patch;
mod plan;
mod said;
mod shift;
mod sweep;
mod untold;
mod watches;

pub(super) use changes::changes_to;
pub use changes::{Event, EventKind};
pub use current::{Live, LiveGraph};
pub(crate) use watches::{Dirty, Watches};
