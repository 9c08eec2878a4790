//! Overlays that take their places: written, put in place, recognised again, taken back.
//!
//! The same steps serve `create`, `restore` and `clone`, when they are done and when they are recovered.

mod look;
mod place;
mod write;

pub(crate) use look::{Place, look};
pub(crate) use place::{directory, publish, take_back, waiting_path};
pub(crate) use write::{WriteError, Written, write};
