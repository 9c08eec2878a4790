//! The header parsed by hand: magic, version, the limits of the fields as QEMU has them, the
//! extension area walked to its end, backing name and format borrowed. One error for everything.

/// What a caller who builds a graph needs of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    pub(crate) virtual_size: u64,
    pub(crate) cluster_bits: u32,
    pub(crate) backing_name: Option<&'a [u8]>,
    pub(crate) backing_format: Option<&'a [u8]>,
}

/// The fields whose values are checked.
pub(super) struct Fields {
    pub(super) version: u32,
    pub(super) backing_offset: u64,
    pub(super) backing_len: u32,
    pub(super) cluster_bits: u32,
    pub(super) virtual_size: u64,
    pub(super) crypt_method: u32,
    pub(super) l1_size: u32,
    pub(super) l1_offset: u64,
    pub(super) refcounts_offset: u64,
    pub(super) refcount_clusters: u32,
    pub(super) snapshots: u32,
    pub(super) snapshots_offset: u64,
    pub(super) incompatible: u64,
    pub(super) refcount_order: u32,
    pub(super) header_length: u32,
    pub(super) compression: u8,
}

impl Fields {
    /// QEMU's limits.
    #[inline(always)]
    pub(super) fn are_valid(&self) -> bool {
        if !(9..=21).contains(&self.cluster_bits) {
            return false;
        }
        let cluster = 1_u64 << self.cluster_bits;
        let extended = self.incompatible & 16 != 0;
        let l2_bytes = 2 * self.cluster_bits - if extended { 4 } else { 3 };
        let offsets = self.l1_offset | self.refcounts_offset | self.snapshots_offset;
        matches!(self.version, 2 | 3)
            && (self.version == 2 || self.header_length >= 104)
            && u64::from(self.header_length) <= cluster
            && self.refcount_order <= 6
            && self.crypt_method <= 2
            && offsets & (cluster - 1) == 0
            && offsets < 1 << 62
            && self.l1_size <= 4 << 20
            && self.virtual_size.div_ceil(1 << l2_bytes) <= self.l1_size.into()
            && u64::from(self.refcount_clusters) * cluster <= 8 << 20
            && self.snapshots <= 65_536
            && self.backing_len <= 1023
            && self.backing_offset <= cluster
            && (self.backing_offset == 0 || self.backing_offset >= self.header_length.into())
            && (self.incompatible & 8 != 0) == (self.compression != 0)
            && self.compression <= 1
            && (!extended || self.cluster_bits >= 14)
    }
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Parses the beginning of a qcow2 file, `None` if it is not one or not a valid one.
pub(crate) fn parse(bytes: &[u8]) -> Option<Found<'_>> {
    let fixed: &[u8; 72] = bytes.first_chunk()?;
    if be32(fixed, 0)? != 0x5146_49FB {
        return None;
    }
    let version = be32(fixed, 4)?;
    let (incompatible, refcount_order, header_length, compression) = match version {
        2 => (0, 4, 72, 0),
        _ => {
            let v3: &[u8; 104] = bytes.first_chunk()?;
            let header_length = be32(v3, 100)?;
            let compression = if header_length > 104 { *bytes.get(104)? } else { 0 };
            (be64(v3, 72)?, be32(v3, 96)?, header_length, compression)
        }
    };
    let fields = Fields {
        version,
        backing_offset: be64(fixed, 8)?,
        backing_len: be32(fixed, 16)?,
        cluster_bits: be32(fixed, 20)?,
        virtual_size: be64(fixed, 24)?,
        crypt_method: be32(fixed, 32)?,
        l1_size: be32(fixed, 36)?,
        l1_offset: be64(fixed, 40)?,
        refcounts_offset: be64(fixed, 48)?,
        refcount_clusters: be32(fixed, 56)?,
        snapshots: be32(fixed, 60)?,
        snapshots_offset: be64(fixed, 64)?,
        incompatible,
        refcount_order,
        header_length,
        compression,
    };
    if !fields.are_valid() {
        return None;
    }

    let cluster = bytes.get(..1 << fields.cluster_bits).unwrap_or(bytes);
    let (backing_name, area) = match usize::try_from(fields.backing_offset).ok()? {
        0 => (None, cluster),
        offset => {
            let (area, name) = cluster.split_at_checked(offset)?;
            (Some(name.get(..usize::try_from(fields.backing_len).ok()?)?), area)
        }
    };
    let mut area = area.get(usize::try_from(header_length).ok()?..)?;
    let mut backing_format = None;
    while let Some((head, rest)) = area.split_first_chunk::<8>() {
        let len = usize::try_from(be32(head, 4)?).ok()?;
        let data = rest.get(..len)?;
        match be32(head, 0)? {
            0 => break,
            0xE279_2ACA if len > 15 || backing_format.is_some() => return None,
            0xE279_2ACA => backing_format = Some(data),
            _ => {}
        }
        area = rest.get(len.next_multiple_of(8)..).unwrap_or_default();
    }
    let Fields { virtual_size, cluster_bits, .. } = fields;
    Some(Found { virtual_size, cluster_bits, backing_name, backing_format })
}
