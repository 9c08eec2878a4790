//! What a check answers.
#![forbid(unsafe_code)]

use std::vec::Vec;

use super::Finding;
use crate::header;

/// The answer: the numbers of `qemu-img check`, and every finding behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Where the last cluster that is in use ends, in bytes; the file may be longer.
    pub image_end_offset: u64,
    /// Clusters of the virtual disk.
    pub total_clusters: u64,
    /// Of them, those with a host cluster: data, zeros with a cluster set aside, compressed.
    pub allocated_clusters: u64,
    /// Of them, those that don't follow the one before them in the file.
    pub fragmented_clusters: u64,
    /// Of them, the compressed ones; they count as fragmented too.
    pub compressed_clusters: u64,
    /// Things that could not be checked. Then the other numbers are lower bounds, and leaks may be none.
    pub check_errors: u64,
    /// Things that endanger data.
    pub corruptions: u64,
    /// Clusters lost to nobody.
    pub leaks: u64,
    /// What makes up these numbers, each thing once with its count, worst first.
    pub findings: Vec<Finding>,
    /// The cluster size in bytes.
    pub cluster_size: u64,
    /// What is odd about the header: the dirty and the corrupt bit among others. Counted nowhere, as QEMU
    /// does not count it.
    pub header: Vec<header::Finding>,
}

impl Report {
    /// Whether nothing at all is wrong. Notices don't matter.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.check_errors == 0 && self.corruptions == 0 && self.leaks == 0
    }

    /// How many bytes leaked clusters take up, at most: a cluster may be a hole.
    #[must_use]
    pub const fn leaked_bytes(&self) -> u64 {
        self.leaks.saturating_mul(self.cluster_size)
    }
}
