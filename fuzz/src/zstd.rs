//! Compressed clusters beside other decoders of zstd.

use diskdag_qcow2::source::MemorySource;
use diskdag_qcow2::{GuestOffset, Image};
use ruzstd::decoding::StreamingDecoder;

/// The image's cluster size in bytes.
pub const CLUSTER: usize = 4096;
/// More of a blob than this does not fit into an entry.
pub const BLOB_MAX: usize = 2 * CLUSTER;

/// An image of two guest clusters, which are this blob both.
pub fn image(blob: &[u8]) -> Vec<u8> {
    let sectors = blob.len().div_ceil(512).max(1);
    let mut file = vec![0; 5 * CLUSTER + sectors * 512];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"QFI\xfb\0\0\0\x03");
    put(20, &12_u32.to_be_bytes());
    put(24, &(2 * CLUSTER as u64).to_be_bytes());
    put(36, &1_u32.to_be_bytes());
    put(40, &(3 * CLUSTER as u64).to_be_bytes());
    put(48, &(CLUSTER as u64).to_be_bytes());
    put(56, &1_u32.to_be_bytes());
    put(72, &8_u64.to_be_bytes());
    put(96, &4_u32.to_be_bytes());
    put(100, &112_u32.to_be_bytes());
    put(104, &[1]);
    put(3 * CLUSTER, &(4 * CLUSTER as u64).to_be_bytes());
    // 58 bits of offset, then the number of sectors behind the first.
    let entry = (1_u64 << 62) | ((sectors as u64 - 1) << 58) | (5 * CLUSTER as u64);
    put(4 * CLUSTER, &entry.to_be_bytes());
    put(4 * CLUSTER + 8, &entry.to_be_bytes());
    put(5 * CLUSTER, blob);
    file
}

/// What the guest reads of such an image's first cluster; `None` where that fails.
pub fn ours(blob: &[u8]) -> Option<Vec<u8>> {
    let view = Image::open(MemorySource(image(blob))).and_then(|image| image.active());
    let mut guest = vec![0xcc; CLUSTER];
    let view = view.expect("the image is in order");
    view.read_at(GuestOffset(0), &mut guest).ok().map(|_| guest)
}

/// Bytes as a compressed cluster: what we take another decoder takes too, and for the same.
///
/// It is asked only then, for it bounds nothing; and only if all is one frame, for it reads one.
pub fn zstd(blob: &[u8]) {
    let blob = &blob[..blob.len().min(BLOB_MAX)];
    let Some(guest) = ours(blob) else { return };
    let mut whole = Vec::new();
    let Ok(mut decoder) = StreamingDecoder::new(blob) else { return };
    if std::io::Read::read_to_end(&mut decoder, &mut whole).is_ok() {
        assert!(guest.starts_with(&whole), "another decoder reads something else");
    }
}
