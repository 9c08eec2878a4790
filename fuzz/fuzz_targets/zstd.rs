#![no_main]
//! Our decoder beside another one, and beside the reference.

use diskdag_fuzz::zstd::{BLOB_MAX, CLUSTER, ours, zstd};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    zstd(data);
    reference(data);
});

/// As QEMU does it: frames until the cluster is full, and the last one has to end there.
fn theirs(mut blob: &[u8]) -> Option<Vec<u8>> {
    let mut context = zstd_safe::DCtx::create();
    let mut guest = vec![0; CLUSTER];
    let mut done = 0;
    let mut left = 1;
    while done < CLUSTER {
        let mut input = zstd_safe::InBuffer::around(blob);
        let mut output = zstd_safe::OutBuffer::around(&mut guest[done..]);
        left = context.decompress_stream(&mut output, &mut input).ok()?;
        let (read, written) = (input.pos(), output.pos());
        if read == 0 && written == 0 {
            return None;
        }
        blob = &blob[read..];
        done += written;
    }
    (left == 0).then_some(guest)
}

fn reference(data: &[u8]) {
    let blob = &data[..data.len().min(BLOB_MAX)];
    let mut padded = blob.to_vec();
    padded.resize(blob.len().next_multiple_of(512).max(512), 0);
    // The other way round nothing follows: of streams that were damaged the reference takes some.
    if let (Some(ours), Some(theirs)) = (ours(blob), theirs(&padded)) {
        assert!(ours == theirs, "the guest reads something else");
    }
}
