//! Leaves that come and go, one change at a time: what whoever keeps a graph current is measured by.

use crate::Result;

/// A graph of disks by number, whose leaves come and go.
pub(crate) trait Leaves {
    fn has(&self, leaf: usize) -> bool;
    /// Adds a leaf on a disk.
    fn add(&mut self, leaf: usize, on: usize) -> Result<()>;
    /// Takes a leaf away.
    fn remove(&mut self, leaf: usize) -> Result<()>;
}
