//! The short way for the many headers about which nothing is odd.
//!
//! A scan asks every header of a host, and nearly all are as qemu-img left them. The long way asks
//! thirty questions; this one answers most of them together. It may miss that a header is plain,
//! never that it is odd: the test compares the two.
#![forbid(unsafe_code)]

use super::super::Header;

/// The format names that QEMU writes into nearly every overlay.
const FORMATS: [&[u8]; 2] = [b"qcow2", b"raw"];

/// Whether nothing is odd about `header`, in a file of `file_len` bytes; false if that takes a
/// closer look.
pub(super) fn is_plain(header: &Header<'_>, file_len: u64) -> bool {
    let features = header.features();
    let known = &header.known;
    let length = u64::from(header.header_length);
    let quiet = (features.incompatible | features.autoclear) == 0
        && !known.data_file_name.is_some()
        && !known.bitmaps.is_some()
        && !known.luks.is_some()
        && header.snapshot_count() == 0
        && header.snapshots_offset().get() == 0;
    let aligned =
        length.is_multiple_of(8) && length <= file_len && header.virtual_size().is_multiple_of(512);
    quiet
        && aligned
        && known.count <= 8
        && names_are_plain(header)
        && tables_are_plain(header, file_len)
}

fn names_are_plain(header: &Header<'_>) -> bool {
    let format = header.known.backing_format.data(header.prefix);
    let backing = match header.backing_name() {
        None => header.raw.backing_file_offset.get() == 0 && format.is_none(),
        Some(name) => format.is_some_and(|format| FORMATS.contains(&format)) && !name.contains(&0),
    };
    let features = header.known.feature_names.data(header.prefix);
    backing && features.is_none_or(|features| features.len().is_multiple_of(48))
}

/// The refcount table and the L1 table, in whichever order, behind the header and inside the file.
fn tables_are_plain(header: &Header<'_>, file_len: u64) -> bool {
    let cluster = header.cluster_size();
    let refcounts = header.refcount_table_offset().get();
    let refcounts_end =
        refcounts.saturating_add(u64::from(header.refcount_table_clusters()) * cluster);
    let l1 = header.l1_table_offset().get();
    let l1_end = l1.saturating_add(u64::from(header.l1_size()) * 8);
    refcounts < refcounts_end
        && l1 < l1_end
        && refcounts.min(l1) >= cluster
        && refcounts_end.max(l1_end) <= file_len
        && (refcounts_end <= l1 || l1_end <= refcounts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::create::{Backing, Create};
    use crate::header::findings::Findings;
    use std::vec::Vec;

    /// Every byte of some headers, set to every value: whatever the short way calls plain, the
    /// long way finds nothing odd about.
    #[test]
    fn what_is_called_plain_is_plain() {
        let backing = Backing { name: b"base.qcow2", format: Some(b"qcow2") };
        let options = [
            Create { virtual_size: 1 << 30, ..Create::default() },
            Create { virtual_size: 1 << 20, backing: Some(backing), ..Create::default() },
            Create { virtual_size: 1 << 20, data_file: Some(b"data"), ..Create::default() },
        ];
        let (mut plain, mut odd) = (0, 0);
        for options in options {
            let image = options.build().unwrap();
            let mut bytes = image.header().to_vec();
            bytes.truncate(640);
            for at in 0..bytes.len() {
                let before = bytes[at];
                for value in 0..=255 {
                    bytes[at] = value;
                    let Ok(header) = Header::parse_prefix(&bytes, image.len) else { continue };
                    let slow = Findings { header, file_len: image.len, step: 0 };
                    let slow: Vec<_> = slow.collect();
                    assert_eq!(slow, header.findings(image.len).collect::<Vec<_>>());
                    if is_plain(&header, image.len) {
                        assert_eq!(slow, []);
                        plain += 1;
                    } else {
                        odd += 1;
                    }
                }
                bytes[at] = before;
            }
        }
        assert!(plain > 10_000 && odd > 10_000, "{plain} plain, {odd} odd");
    }
}
