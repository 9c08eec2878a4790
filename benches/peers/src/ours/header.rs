//! Headers in memory.

use crate::floor::by_hand::Found;
use diskdag_qcow2::Header;
use diskdag_qcow2::format::RawHeaderV3;

/// Every v2 field but the magic, mixed into one number, as the floor does it.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    let Some(raw) = RawHeaderV3::view(bytes) else { return 0 };
    let raw = &raw.v2;
    u64::from(raw.version.get())
        ^ raw.backing_file_offset.get()
        ^ u64::from(raw.backing_file_size.get())
        ^ u64::from(raw.cluster_bits.get())
        ^ raw.size.get()
        ^ u64::from(raw.crypt_method.get())
        ^ u64::from(raw.l1_size.get())
        ^ raw.l1_table_offset.get()
        ^ raw.refcount_table_offset.get()
        ^ u64::from(raw.refcount_table_clusters.get())
        ^ u64::from(raw.nb_snapshots.get())
        ^ raw.snapshots_offset.get()
}

/// A full parse, and what the floor finds too.
pub(crate) fn parse(bytes: &[u8]) -> Option<Found<'_>> {
    let header = Header::parse(bytes).ok()?;
    Some(Found {
        virtual_size: header.virtual_size(),
        cluster_bits: header.cluster_bits().get(),
        backing_name: header.backing_name(),
        backing_format: header.backing_format(),
    })
}
