//! The names and files of a fleet: found by directory and name, and by inode.
//!
//! A file is known by device and inode; a directory too, so that `b/../a/base` and `a/base` are
//! looked up as the same name in the same directory without a normalisation that symbolic links
//! would make wrong.

mod exchange;
mod find;
mod grow;
mod layout;
mod meant;
mod numbers;
mod shown;

pub(super) use exchange::{Altered, Intricate};
pub(super) use grow::place;
pub(super) use layout::{ELABORATE, File, Hasher, NOTHING, Name, Tables};
