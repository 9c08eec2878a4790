//! The caches of one image, or of all images of a chain.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use core::fmt;

use super::clusters::Clusters;
use super::slices::Slices;

/// Caches that images share: at most 32 MiB of L2 tables and 16 MiB of decompressed clusters, whatever
/// the number of images. Empty, and next to nothing in size, until something is read.
#[derive(Clone, Default)]
pub struct Caches(Arc<Inner>);

#[derive(Default)]
struct Inner {
    slices: Slices,
    clusters: Clusters,
    next_id: AtomicU32,
}

impl Caches {
    pub(super) fn slices(&self) -> &Slices {
        &self.0.slices
    }

    pub(super) fn clusters(&self) -> &Clusters {
        &self.0.clusters
    }

    pub(super) fn next_id(&self) -> u32 {
        self.0.next_id.fetch_add(1, Ordering::Relaxed)
    }
}

impl fmt::Debug for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caches").finish_non_exhaustive()
    }
}
