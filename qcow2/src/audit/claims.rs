//! Which structure claims which cluster of the file.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, HashMap};

use core::fmt;

use crate::units::ClusterBits;

/// What a cluster is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Role {
    Header = 1,
    RefcountTable,
    RefcountBlock,
    L1,
    L2,
    Snapshots,
    Bitmaps,
    BitmapTable,
    Bits,
    Luks,
    Data,
    Compressed,
}

const ROLES: [Role; 12] = [
    Role::Header,
    Role::RefcountTable,
    Role::RefcountBlock,
    Role::L1,
    Role::L2,
    Role::Snapshots,
    Role::Bitmaps,
    Role::BitmapTable,
    Role::Bits,
    Role::Luks,
    Role::Data,
    Role::Compressed,
];

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "the header",
            Self::RefcountTable => "the refcount table",
            Self::RefcountBlock => "a refcount block",
            Self::L1 => "an L1 table",
            Self::L2 => "an L2 table",
            Self::Snapshots => "the snapshot table",
            Self::Bitmaps => "the bitmap directory",
            Self::BitmapTable => "a bitmap's table",
            Self::Bits => "a bitmap's bits",
            Self::Luks => "the LUKS header",
            Self::Data => "guest data",
            Self::Compressed => "compressed guest data",
        })
    }
}

/// Set once a cluster was mapped by the active disk.
const ACTIVE: u8 = 0x80;

/// Clusters of a chunk. Small, so that claims far apart cost little.
const CHUNK: u64 = 64;

/// Who claims what: regions as they are, single clusters with a byte each and some for its neighbours.
///
/// All regions are claimed before the first cluster is. So a region, which may be as long as a hole of the
/// file, costs no more than its place in a tree.
pub(super) struct Claims {
    /// By first cluster: the cluster behind the last, and the role. They don't overlap.
    regions: BTreeMap<u64, (u64, Role)>,
    chunks: HashMap<u64, [u8; 64]>,
    bits: ClusterBits,
}

impl Claims {
    pub(super) fn new(bits: ClusterBits) -> Self {
        Self { regions: BTreeMap::new(), chunks: HashMap::new(), bits }
    }

    fn slot(&mut self, cluster: u64) -> Option<&mut u8> {
        let chunk = self.chunks.entry(cluster / CHUNK).or_insert([0; 64]);
        chunk.get_mut(usize::try_from(cluster % CHUNK).ok()?)
    }

    /// The last region that begins before the cluster `end`.
    fn region_before(&self, end: u64) -> Option<(u64, u64, Role)> {
        let (first, (last, role)) = self.regions.range(..end).next_back()?;
        Some((*first, *last, *role))
    }

    /// What the cluster at `offset` is for.
    pub(super) fn role(&self, offset: u64) -> Option<Role> {
        let cluster = offset >> self.bits.get();
        if let Some((_, end, role)) = self.region_before(cluster + 1)
            && end > cluster
        {
            return Some(role);
        }
        let chunk = self.chunks.get(&(cluster / CHUNK))?;
        role(*chunk.get(usize::try_from(cluster % CHUNK).ok()?)?)
    }

    /// Claims the clusters of these bytes, unless a region has one of them already: then says which, and for
    /// what.
    pub(super) fn claim_region(
        &mut self,
        start: u64,
        length: u64,
        new: Role,
    ) -> Option<(u64, Role)> {
        let first = start >> self.bits.get();
        let end = self.bits.clusters(start.saturating_add(length));
        if let Some((other, other_end, role)) = self.region_before(end)
            && other_end > first
        {
            return Some((other.max(first) << self.bits.get(), role));
        }
        self.regions.insert(first, (end, new));
        None
    }

    /// Claims the few clusters of these bytes. Says which of them was claimed before, and for what.
    pub(super) fn claim(&mut self, start: u64, length: u64, new: Role) -> Option<(u64, Role)> {
        let mut before = None;
        let bits = self.bits.get();
        for cluster in start >> bits..self.bits.clusters(start.saturating_add(length)) {
            match self.role(cluster << bits) {
                Some(old) => before = before.or(Some((cluster << bits, old))),
                None => {
                    if let Some(slot) = self.slot(cluster) {
                        *slot = new as u8;
                    }
                }
            }
        }
        before
    }

    /// Claims one cluster for guest data. Says for what else it was claimed, or that the active disk, for which
    /// it is claimed now, has it at another place already.
    pub(super) fn claim_data(&mut self, offset: u64, active: bool) -> Result<(), Conflict> {
        let found = self.role(offset);
        let Some(slot) = self.slot(offset >> self.bits.get()) else { return Ok(()) };
        match found {
            Some(other) if other != Role::Data => return Err(Conflict::Other(other)),
            Some(_) if active && *slot & ACTIVE != 0 => return Err(Conflict::Twice),
            _ => *slot = Role::Data as u8 | if active { ACTIVE } else { *slot & ACTIVE },
        }
        Ok(())
    }
}

fn role(byte: u8) -> Option<Role> {
    ROLES.get(usize::from(byte & !ACTIVE).checked_sub(1)?).copied()
}

/// Why a cluster can't be one of guest data.
pub(super) enum Conflict {
    /// It is something else.
    Other(Role),
    /// The same disk maps it twice.
    Twice,
}

#[cfg(test)]
mod tests {
    use super::{Claims, ROLES, Role};
    use crate::units::ClusterBits;

    #[test]
    fn roles_are_stored_as_their_place() {
        for (place, role) in ROLES.into_iter().enumerate() {
            assert_eq!(usize::from(role as u8), place + 1);
        }
    }

    #[test]
    fn the_first_claim_counts() {
        let mut claims = Claims::new(ClusterBits::new(9).unwrap());
        assert!(claims.claim_region(512, 1024, Role::L1).is_none());
        assert_eq!(claims.claim_region(0, 1, Role::Header), None);
        assert_eq!(claims.claim_region(0, 9999, Role::Luks), Some((512, Role::L1)));
        assert_eq!(claims.claim_region(1024, 1, Role::Luks), Some((1024, Role::L1)));
        assert_eq!(claims.claim(100, 1000, Role::L2), Some((0, Role::Header)));
        assert_eq!(claims.role(1535), Some(Role::L1));
        assert_eq!(claims.role(1536), None);
        assert!(claims.claim_data(2048, true).is_ok());
        assert!(claims.claim_data(2048, false).is_ok());
        assert!(claims.claim_data(2048, true).is_err());
        assert!(claims.claim_data(512, false).is_err());
    }
}
