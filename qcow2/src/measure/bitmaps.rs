//! What the persistent bitmaps of a disk would take in a copy.
#![forbid(unsafe_code)]

use crate::chain::Chain;
use crate::image::ImageError;

/// What they would take; `None` if the disk is no qcow2 image of version 3. Bitmaps that were not closed are
/// counted as the others, as in QEMU.
pub(super) fn size(chain: &Chain, cluster_size: u64) -> Result<Option<u64>, ImageError> {
    let Some(view) = chain.layers().first().and_then(|layer| layer.view()) else {
        return Ok(None);
    };
    let image = view.image();
    if image.geometry().is_version_2() {
        return Ok(None);
    }
    let (mut total, mut directory) = (0_u64, 0_u64);
    let Some(bitmaps) = image.bitmaps()? else { return Ok(Some(0)) };
    for bitmap in bitmaps.iter() {
        let bitmap = bitmap?;
        let bytes = view.size().div_ceil(bitmap.granularity()).div_ceil(8);
        let clusters = bytes.div_ceil(cluster_size);
        total = total.saturating_add(clusters.saturating_mul(cluster_size));
        total = total.saturating_add((clusters * 8).next_multiple_of(cluster_size));
        directory += (24 + bitmap.name.len() as u64).next_multiple_of(8);
    }
    Ok(Some(total.saturating_add(directory.next_multiple_of(cluster_size))))
}
