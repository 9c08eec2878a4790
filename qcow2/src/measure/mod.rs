//! How much a copy of a disk would take: what `qemu-img measure` answers.
//!
//! The numbers are QEMU's, which for qcow2 count the metadata of a fully allocated image in both cases, so
//! that an image made into that much space always fits.
#![forbid(unsafe_code)]

mod bitmaps;
mod data;
mod options;

pub use options::{OptionError, Preallocation, Target};

use crate::chain::{Chain, ChainError};
use crate::control::Control;
use crate::format::L1_ENTRIES_MAX;

/// What a copy would take, in bytes of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Measure {
    /// For what the disk holds now.
    pub required: u64,
    /// When every cluster has been written.
    pub fully_allocated: u64,
    /// What its persistent bitmaps would take in addition. `None` where there can't be any: the disk measured
    /// is no qcow2 image of version 3, or the copy is none.
    pub bitmaps: Option<u64>,
}

/// Why a disk can't be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// A layer can't be read.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A qcow2 image of that cluster size can't hold so large a disk.
    #[error("a disk of {size} bytes is too large for clusters of {cluster_size} bytes")]
    TooLarge {
        /// The disk's size in bytes.
        size: u64,
        /// The copy's cluster size in bytes.
        cluster_size: u64,
    },
}

/// Measures a copy of an empty disk of `size` bytes.
///
/// # Errors
///
/// [`MeasureError::TooLarge`].
pub fn measure_size(size: u64, target: &Target) -> Result<Measure, MeasureError> {
    match *target {
        Target::Raw => {
            let required = size.checked_next_multiple_of(512).unwrap_or(u64::MAX);
            Ok(Measure { required, fully_allocated: required, bitmaps: None })
        }
        Target::Qcow2 { cluster_size, extended_l2, .. } => {
            let per_table = cluster_size / if extended_l2 { 16 } else { 8 };
            if size.div_ceil(cluster_size).div_ceil(per_table) > L1_ENTRIES_MAX.into() {
                return Err(MeasureError::TooLarge { size, cluster_size });
            }
            Ok(total(size, 0, target))
        }
    }
}

/// Measures a copy of what the guest sees of a chain. Reads the tables of all layers once; no guest data.
///
/// # Errors
///
/// [`MeasureError`].
pub fn measure(chain: &Chain, target: &Target) -> Result<Measure, MeasureError> {
    measure_controlled(chain, target, &Control::none())
}

/// The same, for as long as `control` lets it go on; progress is told in bytes of the guest's disk.
///
/// # Errors
///
/// [`MeasureError`]; stopped, it is [`ImageError::Stopped`](crate::ImageError::Stopped) of some layer.
pub fn measure_controlled(
    chain: &Chain,
    target: &Target,
    control: &Control,
) -> Result<Measure, MeasureError> {
    let size = chain.size();
    let Target::Qcow2 { cluster_size, has_backing_file, compat_1_1, .. } = *target else {
        return Ok(Measure { required: size, fully_allocated: size, bitmaps: None });
    };
    // What the copy would share with its backing file is not known.
    let data = match has_backing_file {
        true => size.checked_next_multiple_of(cluster_size).unwrap_or(u64::MAX),
        false => data::clusters(chain, cluster_size, control)?.saturating_mul(cluster_size),
    };
    let mut measure = total(size, data, target);
    if compat_1_1 {
        let bitmaps = bitmaps::size(chain, cluster_size);
        measure.bitmaps = bitmaps.map_err(|error| ChainError { depth: 0, error })?;
    }
    Ok(measure)
}

/// QEMU's `qcow2_measure`, where `data` bytes of whole clusters hold something. Disks have at most 2^63 bytes,
/// so nothing overflows. That a disk is too large for its clusters QEMU doesn't notice here.
fn total(size: u64, data: u64, target: &Target) -> Measure {
    let Target::Qcow2 {
        cluster_size, refcount_order, extended_l2, preallocation, luks_header, ..
    } = *target
    else {
        return Measure { required: size, fully_allocated: size, bitmaps: None };
    };
    let whole = size.checked_next_multiple_of(cluster_size).unwrap_or(u64::MAX);
    let per_table = cluster_size / if extended_l2 { 16 } else { 8 };
    let tables = (whole / cluster_size).div_ceil(per_table);
    let l1 = (tables * 8).next_multiple_of(cluster_size);
    let metadata = cluster_size + tables * cluster_size + l1;
    let clusters = (metadata + whole) / cluster_size;
    let metadata = metadata + refcounts(clusters, cluster_size, refcount_order);
    let luks = luks_header.next_multiple_of(cluster_size);
    let data = match preallocation {
        Preallocation::Full | Preallocation::Falloc => whole,
        Preallocation::Off | Preallocation::Metadata => data,
    };
    let metadata = metadata.saturating_add(luks);
    Measure {
        required: metadata.saturating_add(data),
        fully_allocated: metadata.saturating_add(whole),
        bitmaps: None,
    }
}

/// What the refcounts of so many clusters take, those of their own tables included.
fn refcounts(clusters: u64, cluster_size: u64, order: u32) -> u64 {
    let per_block = (cluster_size * 8) >> order;
    let (mut blocks, mut table, mut last) = (0, 0, 0);
    loop {
        blocks = (clusters + table + blocks).div_ceil(per_block);
        table = blocks.div_ceil(cluster_size / 8);
        if clusters + blocks + table == last {
            return (blocks + table) * cluster_size;
        }
        last = clusters + blocks + table;
    }
}
