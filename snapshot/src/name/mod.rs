//! Names: of snapshots, of the files that hold them, and of what lies in the trash.
//!
//! A snapshot of `vms/vm.qcow2` is its sibling `vms/vm@17-before-upgrade.qcow2`: the disk's stem, the id, the
//! snapshot's name, the disk's extension. What is in the trash is a sibling too, `.vm@23.trash`. A
//! file's name alone therefore says which disk, which id, which snapshot; FORMAT.md has the grammar.

mod file;
mod snapshot;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use file::{
    FILE_NAME_MAX, FileName, FileNameError, check_disk_name, pending_path, snapshot_path,
    trash_path,
};
pub use snapshot::{NAME_MAX, NameError, NameFault, SnapshotName};

/// A number that a pool gives once and never again: to snapshots, to what goes to the trash, to
/// overlays that are being made.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Id(pub u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
