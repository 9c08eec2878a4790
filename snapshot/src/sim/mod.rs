//! A file system that keeps apart what is durable and what is only in the page cache, and tells what a
//! power cut may leave.
//!
//! [`SimFs`] is an [`Fs`](crate::fs::Fs) like the real one. The [`Disk`] below it is plain data:
//!
//! * [`SimFs::record`] keeps the disk as it was before each call that may change something;
//! * [`Disk::power_cuts`] gives the states in which the power going out then may leave it, [`Disk::killed`]
//!   the one that the end of the process leaves;
//! * [`SimFs::on`] goes on from any of them, as a host does that has come up again.
//!
//! [`Fault`] says what goes wrong at a call, by its number: what the system answers, what programs forget or
//! take in another order, the power. [`Counts`] says what an operation costs.
//!
//! The rules are the assumptions that [`fs`](crate::fs) states, taken at their worst. Steps over two
//! directories are refused: nothing in this crate needs one. Everything is deterministic.

mod action;
mod call;
mod choose;
mod crash;
mod data;
mod directory;
mod disk;
mod fault;
mod file;
mod fingerprint;
mod fs;
mod habits;
mod handle;
mod simulator;
#[cfg(test)]
mod tests;

pub use call::{Call, Counts, Moment, Step};
pub use choose::Limits;
pub use crash::Remains;
pub use disk::Disk;
pub use fault::{Fault, PowerOff};
pub use file::Keep;
pub use fingerprint::SeenFile;
pub use habits::Habits;
pub use simulator::{SimFs, is_power_off};
