//! A typed view of a header's bytes: one cast by bytemuck, and the loads of the fields asked for.

use bytemuck::{Pod, Zeroable};

/// The v3 header as it lies on disk.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Raw {
    magic: [u8; 4],
    version: [u8; 4],
    backing_file_offset: [u8; 8],
    backing_file_size: [u8; 4],
    cluster_bits: [u8; 4],
    size: [u8; 8],
    crypt_method: [u8; 4],
    l1_size: [u8; 4],
    l1_table_offset: [u8; 8],
    refcount_table_offset: [u8; 8],
    refcount_table_clusters: [u8; 4],
    nb_snapshots: [u8; 4],
    snapshots_offset: [u8; 8],
    incompatible_features: [u8; 8],
    compatible_features: [u8; 8],
    autoclear_features: [u8; 8],
    refcount_order: [u8; 4],
    header_length: [u8; 4],
}

/// Every v2 field but the magic, mixed into one number; 0 when the bytes are too short.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    let Some(raw) = bytes.get(..size_of::<Raw>()) else { return 0 };
    let Ok(raw) = bytemuck::try_from_bytes::<Raw>(raw) else { return 0 };
    let be32 = |field: [u8; 4]| u64::from(u32::from_be_bytes(field));
    let be64 = u64::from_be_bytes;
    be32(raw.version)
        ^ be64(raw.backing_file_offset)
        ^ be32(raw.backing_file_size)
        ^ be32(raw.cluster_bits)
        ^ be64(raw.size)
        ^ be32(raw.crypt_method)
        ^ be32(raw.l1_size)
        ^ be64(raw.l1_table_offset)
        ^ be64(raw.refcount_table_offset)
        ^ be32(raw.refcount_table_clusters)
        ^ be32(raw.nb_snapshots)
        ^ be64(raw.snapshots_offset)
}
