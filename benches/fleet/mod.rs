//! Fleets of disks to measure on: their shapes, their header bytes, and the same fleet as files and as
//! records.
//!
//! The criterion benches and the peers crate take this module in by path, so that both measure the
//! same disks. Headers and files are made by code of its own: what is measured must not also have
//! made the input.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "each bench takes the part that it needs"
)]

mod dense;
mod files;
mod graph;
mod header;
mod random;
mod shape;

pub use dense::{Dense, Order, tables};
pub use files::Files;
pub use graph::graph;
pub use header::{FILE_LEN, header};
pub use random::Random;
pub use shape::Shape;
