//! Chains that are too deep.

use crate::graph::{DiskId, Graph};

/// How deep a chain may be. QEMU opens a file per layer, and reads that no layer answers ask each of
/// them; near 900 layers it fails, on its stack or for want of descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepthPolicy {
    /// Backing files below the top from which on a chain is worth a warning.
    pub warn: u32,
    /// From which on QEMU is not expected to open it.
    pub fail: u32,
}

impl Default for DepthPolicy {
    fn default() -> Self {
        Self { warn: 64, fail: 900 }
    }
}

/// What a policy says of a depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DepthVerdict {
    /// As it should be.
    Fine,
    /// Slow to open and to read: flatten it.
    Deep,
    /// QEMU is not expected to open it.
    TooDeep,
}

impl DepthVerdict {
    /// The word that stands in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Deep => "deep",
            Self::TooDeep => "too-deep",
        }
    }
}

impl DepthPolicy {
    /// What it says of a [`Graph::depth`].
    pub fn judge(self, depth: u32) -> DepthVerdict {
        match depth {
            depth if depth >= self.fail => DepthVerdict::TooDeep,
            depth if depth >= self.warn => DepthVerdict::Deep,
            _ => DepthVerdict::Fine,
        }
    }
}

impl Graph {
    /// The tops of the deepest chains: disks that nothing needs, of at least `depth`, deepest first,
    /// then by path; `most` of them. O(1) where there is none that deep, else O(disks).
    pub fn deepest_chains(&self, depth: u32, most: usize) -> Vec<(DiskId, u32)> {
        if self.deepest() < depth {
            return Vec::new();
        }
        let tops = self.leaves().map(|top| (top, self.depth(top)));
        let mut tops: Vec<(DiskId, u32)> = tops.filter(|(_, deep)| *deep >= depth).collect();
        tops.sort_by_key(|(top, deep)| (std::cmp::Reverse(*deep), self.inner.path(top.slot)));
        tops.truncate(most);
        tops
    }
}
