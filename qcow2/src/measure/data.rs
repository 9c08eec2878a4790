//! How many clusters of a copy would hold data.
#![forbid(unsafe_code)]

use crate::chain::{Chain, ChainError};

/// How many clusters of `cluster_size` bytes hold a byte of data that is not known to be zeros.
pub(super) fn clusters(chain: &Chain, cluster_size: u64) -> Result<u64, ChainError> {
    let (mut count, mut counted_to) = (0, 0);
    for extent in chain.extents() {
        let extent = extent?;
        if !extent.data || extent.zero {
            continue;
        }
        let start = extent.start.get() / cluster_size;
        let end = extent.start.get().saturating_add(extent.length).div_ceil(cluster_size);
        count += end.saturating_sub(start.max(counted_to));
        counted_to = end;
    }
    Ok(count)
}
