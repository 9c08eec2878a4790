//! Rows of a catalogue.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::OpId;
use crate::name::{Id, SnapshotName};
use crate::text;

/// How a snapshot stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Standing {
    /// It has a name and is kept.
    #[default]
    Kept,
    /// Its name is gone; the file goes when nothing needs it any more.
    Retired,
}

/// A snapshot. All paths are relative to the pool's top directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SnapshotRecord {
    /// Its number, never given to anything else.
    pub id: Id,
    /// The disk that it was taken from.
    #[serde(with = "text::path")]
    pub disk: PathBuf,
    /// What the person called it. Among the snapshots of a disk that are kept no name is there twice.
    pub name: SnapshotName,
    /// The file that holds it.
    #[serde(with = "text::path")]
    pub file: PathBuf,
    /// When it was taken. For display only: nothing is decided by it but what a person asks to have
    /// decided by it (`--older-than`).
    pub created: Timestamp,
    /// The operation that took it.
    pub op: OpId,
    /// The size in bytes of the disk that the guest saw.
    pub virtual_size: u64,
    /// Whether the file is a raw disk; else it is qcow2.
    #[serde(default, skip_serializing_if = "is_false")]
    pub raw: bool,
    /// The live disk itself, frozen where it lies: a golden image. Nothing was put on top of it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub frozen: bool,
    /// Made by somebody else, and taken over as it was, under the name that its file has.
    #[serde(default, skip_serializing_if = "is_false")]
    pub adopted: bool,
    /// One of several that were to be taken in one instant and were not: the crash fell between them, and
    /// a guest has written since.
    #[serde(default, skip_serializing_if = "is_false")]
    pub inconsistent: bool,
    /// Its file may still be writable: that is taken away after the commit, and whoever writes to the pool next
    /// makes sure of it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unsealed: bool,
    /// Whether it is kept or on its way out.
    #[serde(default)]
    pub standing: Standing,
}

/// A snapshot that must not be removed, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Pin {
    /// Which one.
    pub snapshot: Id,
    /// The person's reason.
    pub reason: String,
    /// Since when.
    pub created: Timestamp,
}

/// Something in the trash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TrashRecord {
    /// Its number.
    pub id: Id,
    /// Where it lies now, relative to the pool's top.
    #[serde(with = "text::path")]
    pub file: PathBuf,
    /// Where it lay, relative to the pool's top.
    #[serde(with = "text::path")]
    pub was: PathBuf,
    /// Since when.
    pub removed: Timestamp,
    /// The operation that put it there.
    pub op: OpId,
    /// The snapshot that it was, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotRecord>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}
