//! What an operation that has begun is about to do: enough to finish or to undo it.

use std::path::PathBuf;

use diskdag_qcow2::ClusterBits;
use diskdag_qcow2::create::{Backing, Create, CreateError, Layout};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::batch::opaque;
use super::{OpId, SnapshotRecord, TrashRecord};
use crate::marker::Marker;
use crate::name::Id;
use crate::text::{self, Bytes};

/// An operation that has begun and not yet ended. All paths are relative to the pool's top directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Intent {
    /// Which operation.
    pub op: OpId,
    /// When it began. For display only.
    pub began: Timestamp,
    /// What it does.
    pub work: Work,
    /// The caller's bytes that are committed with its end, whoever brings it to that.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "opaque")]
    pub tag: Option<Vec<u8>>,
}

/// What an operation does to files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
#[non_exhaustive]
pub enum Work {
    /// Overlays are written and take their places: create, restore, clone.
    Overlay {
        /// Which of the three.
        verb: OverlayVerb,
        /// One per disk.
        members: Vec<OverlayMember>,
    },
    /// Files go to the trash: from `was` to `file`.
    Trash {
        /// One per file.
        items: Vec<TrashRecord>,
    },
    /// Files come back from the trash: from `file` to `was`.
    Untrash {
        /// One per file.
        items: Vec<TrashRecord>,
    },
}

/// What overlays are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverlayVerb {
    /// The live disk becomes a snapshot, and an overlay of it takes its place.
    Create,
    /// An overlay of a snapshot takes the live disk's place.
    Restore,
    /// An overlay of a snapshot is a new live disk.
    Clone,
}

/// One overlay that takes its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OverlayMember {
    /// Its number: also that of the snapshot or of the item of the trash that `side` becomes.
    pub id: Id,
    /// The path that it takes.
    #[serde(with = "text::path")]
    pub live: PathBuf,
    /// Where it is written; after the exchange what was live lies there. Of a clone, where it waits to be
    /// renamed.
    #[serde(with = "text::path")]
    pub side: PathBuf,
    /// What it looks like.
    pub overlay: OverlayShape,
    /// The snapshot that `side` becomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotRecord>,
    /// What `side` becomes in the trash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trash: Option<TrashRecord>,
}

/// All that the bytes of an overlay depend on: what was written can be made again and compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OverlayShape {
    /// The size in bytes of the disk that the guest sees.
    pub virtual_size: u64,
    /// The binary logarithm of the cluster size.
    pub cluster_bits: u32,
    /// The backing file's name, as the header holds it.
    pub backing: Bytes,
    /// Whether the backing file is a raw disk; else it is qcow2.
    #[serde(default)]
    pub raw_backing: bool,
    /// Whether it has subclusters, as the image below it does.
    #[serde(default)]
    pub extended_l2: bool,
}

impl OverlayShape {
    /// The overlay's bytes, with the marker that says whose it is.
    ///
    /// # Errors
    ///
    /// [`CreateError`], by kind.
    pub fn layout(&self, marker: Marker) -> Result<Layout, CreateError> {
        let format: &[u8] = if self.raw_backing { b"raw" } else { b"qcow2" };
        let marker = marker.to_bytes();
        Create {
            virtual_size: self.virtual_size,
            cluster_bits: ClusterBits::new(self.cluster_bits).unwrap_or(ClusterBits::DEFAULT),
            backing: Some(Backing { name: &self.backing.0, format: Some(format) }),
            extended_l2: self.extended_l2,
            extensions: &[(Marker::EXTENSION, &marker)],
            ..Create::default()
        }
        .build()
    }
}
