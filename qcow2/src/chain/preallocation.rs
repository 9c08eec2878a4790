//! Were the clusters of an image allocated before they were written?
#![forbid(unsafe_code)]

use std::vec::Vec;

use crate::image::{Image, ImageError};
use crate::table::RefcountTableEntry;

/// Whether markedly more clusters are in use than the file occupies: QEMU's
/// `qcow2_detect_metadata_preallocation`. Of such an image it asks the file system which clusters hold
/// anything.
///
/// Reads refcount blocks until enough clusters are counted; never more blocks than the file has clusters on
/// disk, however often one is named. An image without usable refcounts is not preallocated.
pub(super) fn is_preallocated(image: &Image) -> Result<bool, ImageError> {
    let geometry = image.geometry();
    let occupied = image.source().allocated()? / geometry.cluster_size();
    let threshold = (occupied.saturating_mul(10) / 9).max(occupied.saturating_add(2));
    let end = geometry.cluster_bits().clusters(image.len());
    if end < threshold {
        return Ok(false);
    }
    let Ok(table) = image.refcount_table() else { return Ok(false) };
    let per_block = geometry.refcounts_per_block();
    let (mut count, mut blocks) = (0, 0);
    let mut buffer = Vec::new();
    let mut same = None;
    for (index, entry) in table.iter().enumerate() {
        let first = (index as u64).saturating_mul(per_block);
        if first >= end {
            break;
        }
        let RefcountTableEntry::Block { offset } = entry else { continue };
        let limit = usize::try_from(end - first).unwrap_or(usize::MAX);
        let used = match same {
            Some((block, used)) if block == *offset && end - first >= per_block => used,
            _ => {
                blocks += 1;
                if blocks > occupied.saturating_add(1) {
                    return Ok(false);
                }
                match image.refcount_block(*offset, &mut buffer) {
                    Ok(block) => block.count_used(limit) as u64,
                    Err(ImageError::Format(_)) => return Ok(false),
                    Err(error) => return Err(error),
                }
            }
        };
        same = Some((*offset, used));
        count += used;
        if count >= threshold {
            return Ok(true);
        }
    }
    Ok(false)
}
