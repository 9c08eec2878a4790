//! Crash-safe snapshots of qcow2 and raw disks.
#![forbid(unsafe_code)]

pub mod catalogue;
pub mod fs;
mod marker;
pub mod name;
pub mod sim;
mod text;

pub use marker::Marker;
pub use text::Bytes;
