//! Our side of every row, through the public interface alone.

mod asked;
mod changed;
mod checked;
mod files;
mod header;
mod mapped;
mod scanned;
pub(crate) mod snapshots;

pub(crate) use asked::Asked;
pub(crate) use changed::Changed;
pub(crate) use checked::check;
pub(crate) use files::{FIRST_READ, open, open_identity};
pub(crate) use header::{digest, parse};
pub(crate) use mapped::{chain, extents, identical, read, required};
pub(crate) use scanned::{blockers, save_index, scan, scan_cold, size, start_again};
