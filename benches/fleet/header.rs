//! The first bytes of an image as `qemu-img create` (10.0) writes them.
//!
//! v3, 64 KiB clusters, 16-bit refcounts; extensions in QEMU's order: backing format, feature name
//! table, end. The backing name stands right after the end marker, at byte 528.

/// Bytes of one cluster.
pub const CLUSTER_SIZE: u64 = 65_536;
/// What the guest sees: 1 GiB, two entries of the L1 table.
pub const VIRTUAL_SIZE: u64 = 1 << 30;
/// Length of a fresh image: header, refcount table, refcount block and the L1 table's 16 bytes.
pub const FILE_LEN: u64 = 3 * CLUSTER_SIZE + 16;
/// The backing format that every overlay declares.
pub const BACKING_FORMAT: &[u8] = b"qcow2";

const HEADER_LENGTH: u32 = 112;
const EXTENSION_BACKING_FORMAT: u32 = 0xE279_2ACA;
const EXTENSION_FEATURE_NAMES: u32 = 0x6803_F857;

/// Type (0 incompatible, 1 compatible, 2 autoclear), bit and name, as QEMU 10.0 lists them.
const FEATURE_NAMES: [(u8, u8, &str); 8] = [
    (0, 0, "dirty bit"),
    (0, 1, "corrupt bit"),
    (0, 2, "external data file"),
    (0, 3, "compression type"),
    (0, 4, "extended L2 entries"),
    (1, 0, "lazy refcounts"),
    (2, 0, "bitmaps"),
    (2, 1, "raw external data"),
];

/// The header, its extensions and the backing name, `None` for a base.
///
/// A name that is longer than what fits into 32 bits is cut off there; QEMU's limit is 1023 bytes.
pub fn header(backing: Option<&[u8]>) -> Vec<u8> {
    let mut extensions = Vec::with_capacity(512);
    if backing.is_some() {
        extension(&mut extensions, EXTENSION_BACKING_FORMAT, BACKING_FORMAT);
    }
    extension(&mut extensions, EXTENSION_FEATURE_NAMES, &feature_names());
    extension(&mut extensions, 0, &[]);

    let name = backing.unwrap_or_default();
    let name_len = u32::try_from(name.len()).unwrap_or(u32::MAX);
    let name_offset = match backing {
        Some(_) => u64::from(HEADER_LENGTH) + extensions.len() as u64,
        None => 0,
    };

    let mut bytes = Vec::with_capacity(1024);
    let be32 = |bytes: &mut Vec<u8>, value: u32| bytes.extend(value.to_be_bytes());
    let be64 = |bytes: &mut Vec<u8>, value: u64| bytes.extend(value.to_be_bytes());
    bytes.extend(b"QFI\xfb");
    be32(&mut bytes, 3); //                 4 version
    be64(&mut bytes, name_offset); //       8 backing_file_offset
    be32(&mut bytes, name_len); //         16 backing_file_size
    be32(&mut bytes, 16); //               20 cluster_bits
    be64(&mut bytes, VIRTUAL_SIZE); //     24 size
    be32(&mut bytes, 0); //                32 crypt_method
    be32(&mut bytes, 2); //                36 l1_size
    be64(&mut bytes, 3 * CLUSTER_SIZE); // 40 l1_table_offset
    be64(&mut bytes, CLUSTER_SIZE); //     48 refcount_table_offset
    be32(&mut bytes, 1); //                56 refcount_table_clusters
    be32(&mut bytes, 0); //                60 nb_snapshots
    be64(&mut bytes, 0); //                64 snapshots_offset
    be64(&mut bytes, 0); //                72 incompatible_features
    be64(&mut bytes, 0); //                80 compatible_features
    be64(&mut bytes, 0); //                88 autoclear_features
    be32(&mut bytes, 4); //                96 refcount_order
    be32(&mut bytes, HEADER_LENGTH); //   100 header_length
    be64(&mut bytes, 0); //               104 compression_type and padding
    bytes.extend(extensions);
    bytes.extend(name);
    bytes
}

fn extension(out: &mut Vec<u8>, kind: u32, data: &[u8]) {
    out.extend(kind.to_be_bytes());
    out.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(data);
    out.resize(out.len().next_multiple_of(8), 0);
}

fn feature_names() -> Vec<u8> {
    let mut table = Vec::with_capacity(48 * FEATURE_NAMES.len());
    for (kind, bit, name) in FEATURE_NAMES {
        let end = table.len() + 48;
        table.extend([kind, bit]);
        table.extend(name.as_bytes());
        table.resize(end, 0);
    }
    table
}
