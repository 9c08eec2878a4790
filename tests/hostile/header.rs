//! The header, field by field.

use super::canvas::Expect::{Odd, Safe, Unknown, Unsafe};
use super::canvas::{COPIED, Case, TIB, at, kind};
use super::try_all;

#[test]
fn the_canvas_is_sound() {
    let mut cases = vec![Case::new("version 3", Safe), Case::v2("version 2", Safe)];
    for bits in 9..=21 {
        cases.push(Case::sized(format!("cluster_bits {bits}"), Safe, bits, 3));
        cases.push(Case::sized(format!("cluster_bits {bits}, version 2"), Safe, bits, 2));
    }
    try_all(cases, 28);
}

#[test]
fn short_files() {
    let mut cases = vec![
        Case::of("empty", Unknown("not-qcow2"), b""),
        Case::of("magic only", Unsafe("truncated"), b"QFI\xfb"),
        Case::of("text", Unknown("not-qcow2"), b"this is no image\n"),
        Case::of("zeros", Unknown("not-qcow2"), &[0; 4096]),
        Case::of(
            "VMDK",
            Unsafe("other-format"),
            b"# Disk DescriptorFile\nRW 1 FLAT \"/etc/passwd\" 0\n",
        ),
        Case::of("QED", Unsafe("other-format"), b"QED\0............"),
    ];
    for len in [5, 8, 20, 24, 71] {
        cases.push(Case::v2(format!("version 2 cut to {len}"), Unsafe("truncated")).len(len));
    }
    for len in [72, 100, 103] {
        cases.push(Case::new(format!("version 3 cut to {len}"), Unsafe("truncated")).len(len));
    }
    for len in [112, 300, 512, 65_535] {
        let case = Case::new(format!("version 3 cut to {len}"), Unsafe("out-of-bounds"));
        cases.push(case.len(len));
    }
    let small = Case::new("300 bytes that name a backing file", Unsafe("refused-reference"));
    let small = small.u64(at::SIZE, 0).u32(at::L1_SIZE, 0).u64(at::NAME_OFFSET, 200);
    cases.push(small.u32(at::NAME_SIZE, 11).bytes(200, b"/etc/passwd").len(300));
    try_all(cases, 17);
}

#[test]
fn versions_and_sizes() {
    let bad = Unsafe("bad-field");
    let mut cases = vec![
        Case::new("version 0", Unknown("unsupported-version")).u32(at::VERSION, 0),
        Case::new("version 1", Unsafe("other-format")).u32(at::VERSION, 1),
        Case::new("version 4", Unknown("unsupported-version")).u32(at::VERSION, 4),
        Case::new("version -1", Unknown("unsupported-version")).u32(at::VERSION, u32::MAX),
        Case::new("size 0", Safe).u64(at::SIZE, 0),
        Case::new("size 511", Odd("unaligned-size")).u64(at::SIZE, 511),
        Case::new("size 2^63", Unsafe("too-large")).u64(at::SIZE, 1 << 63),
        Case::new("size 2^64-1", Unsafe("too-large")).u64(at::SIZE, u64::MAX),
        Case::new("size beyond the L1 table", Unsafe("inconsistent")).u64(at::SIZE, TIB),
        Case::new("refcount_order 7", bad).u32(at::REFCOUNT_ORDER, 7),
        Case::new("refcount_order -1", bad).u32(at::REFCOUNT_ORDER, u32::MAX),
        Case::new("header_length 0", bad).u32(at::HEADER_LENGTH, 0),
        Case::new("header_length 103", bad).u32(at::HEADER_LENGTH, 103),
        Case::new("header_length 104", Safe).u32(at::HEADER_LENGTH, 104),
        Case::new("header_length of a cluster", Safe).u32(at::HEADER_LENGTH, 65_536),
        Case::new("header_length of a cluster and 1", bad).u32(at::HEADER_LENGTH, 65_537),
        Case::new("header_length -1", bad).u32(at::HEADER_LENGTH, u32::MAX),
        Case::new("crypt_method 3", Unsafe("unsupported")).u32(at::CRYPT, 3),
        Case::new("AES", Odd("encrypted")).u32(at::CRYPT, 1),
        Case::new("LUKS without its header", Unsafe("inconsistent")).u32(at::CRYPT, 2),
    ];
    for bits in [0, 8, 22, 31, 32, 63, 64, u32::MAX] {
        let case = Case::new(format!("cluster_bits {bits}"), bad);
        cases.push(case.u32(at::CLUSTER_BITS, bits));
    }
    for (order, one) in [(0, 0), (1, 0), (2, 0), (3, 0), (5, 3), (6, 7)] {
        // The header's refcount is the first of the block.
        let case = Case::new(format!("refcount_order {order}"), Safe).bytes(2 << 16, &[0; 16]);
        cases.push(case.u32(at::REFCOUNT_ORDER, order).bytes((2 << 16) + one, &[1]));
    }
    try_all(cases, 30);
}

#[test]
fn tables() {
    let (out, over) = (Unsafe("out-of-bounds"), Unsafe("overlap"));
    let (misaligned, large) = (Unsafe("misaligned"), Unsafe("too-large"));
    let cases = vec![
        Case::new("l1_size 0", Unsafe("inconsistent")).u32(at::L1_SIZE, 0),
        Case::new("l1_size over the limit", large).u32(at::L1_SIZE, (4 << 20) + 1),
        Case::new("l1_size -1", large).u32(at::L1_SIZE, u32::MAX),
        Case::new("l1_size 4 Mi in a small file", out).u32(at::L1_SIZE, 4 << 20),
        Case::new("L1 table off by 512", misaligned).u64(at::L1, (3 << 16) + 512),
        Case::new("L1 table off by 1", misaligned).u64(at::L1, (3 << 16) + 1),
        Case::new("L1 table at 0", over).u64(at::L1, 0),
        Case::new("L1 table at 1 TiB", out).u64(at::L1, TIB),
        Case::new("L1 table at 2^63", out).u64(at::L1, 1 << 63),
        Case::new("L1 table at the end", out).u64(at::L1, 6 << 16),
        Case::new("L1 table is the refcount table", over).u64(at::L1, 1 << 16),
        Case::new("L1 table is the refcount block", over).u64(at::L1, 2 << 16),
        Case::new("no refcount table", Unsafe("no-refcount-table")).u32(at::REFTABLE_CLUSTERS, 0),
        Case::new("129 clusters of refcount table", large).u32(at::REFTABLE_CLUSTERS, 129),
        Case::new("128 clusters of refcount table", out).u32(at::REFTABLE_CLUSTERS, 128),
        Case::new("refcount table -1", large).u32(at::REFTABLE_CLUSTERS, u32::MAX),
        Case::new("refcount table at 0", over).u64(at::REFTABLE, 0),
        Case::new("refcount table at 1 TiB", out).u64(at::REFTABLE, TIB),
        Case::new("refcount table off by 8", misaligned).u64(at::REFTABLE, (1 << 16) + 8),
        Case::new("65537 snapshots", large).u32(at::SNAPSHOTS, 65_537),
        Case::new("65536 snapshots at 1 TiB", out)
            .u32(at::SNAPSHOTS, 65_536)
            .u64(at::SNAPSHOTS_AT, TIB),
        Case::new("no snapshots at 513", Odd("unused-snapshots-offset")).u64(at::SNAPSHOTS_AT, 513),
        Case::new("one snapshot at 0", over).u32(at::SNAPSHOTS, 1),
        Case::new("one snapshot at 513", misaligned)
            .u32(at::SNAPSHOTS, 1)
            .u64(at::SNAPSHOTS_AT, 513),
        Case::new("L1 entry points to the header", Odd("copied-nothing")).u64(3 << 16, COPIED),
    ];
    try_all(cases, 25);
}

#[test]
fn features() {
    let inconsistent = Unsafe("inconsistent");
    let unknown = Unknown("unknown-incompatible");
    let evil = [&[0, 63][..], b"\x1b[2Jpwned\nbacking file: /", &[0; 22]].concat();
    let cases = vec![
        Case::new("incompatible bit 5", unknown).u64(at::INCOMPATIBLE, 1 << 5),
        Case::new("incompatible bit 32", unknown).u64(at::INCOMPATIBLE, 1 << 32),
        Case::new("incompatible bit 63", unknown).u64(at::INCOMPATIBLE, 1 << 63),
        Case::new("all incompatible bits", inconsistent).u64(at::INCOMPATIBLE, u64::MAX),
        Case::new("bit 63 with an evil name", unknown)
            .u64(at::INCOMPATIBLE, 1 << 63)
            .extensions(&[(kind::NAMES, 48, &evil[..48])]),
        Case::new("unknown compatible bits", Safe).u64(at::COMPATIBLE, u64::MAX),
        Case::new("unknown autoclear bits", Safe).u64(at::AUTOCLEAR, u64::MAX << 2),
        Case::new("raw without data file", Odd("raw-without-data-file")).u64(at::AUTOCLEAR, 2),
        Case::new("bitmaps without extension", Odd("missing-bitmaps")).u64(at::AUTOCLEAR, 1),
        Case::new("compression type without its bit", inconsistent).bytes(at::COMPRESSION, &[1]),
        Case::new("compression type 2", inconsistent).bytes(at::COMPRESSION, &[2]),
        Case::new("compression bit without type", inconsistent).u64(at::INCOMPATIBLE, 8),
        Case::new("compression bit without the field", inconsistent)
            .u64(at::INCOMPATIBLE, 8)
            .u32(at::HEADER_LENGTH, 104),
        Case::new("zstd", Safe).u64(at::INCOMPATIBLE, 8).bytes(at::COMPRESSION, &[1]),
        Case::new("dirty", Odd("dirty")).u64(at::INCOMPATIBLE, 1),
        Case::new("corrupt", Odd("corrupt")).u64(at::INCOMPATIBLE, 2),
        Case::new("data file without a name", inconsistent).u64(at::INCOMPATIBLE, 4),
        Case::new("lazy refcounts", Safe).u64(at::COMPATIBLE, 1),
        Case::sized("subclusters of 256 bytes", Unsafe("bad-field"), 13, 3)
            .u64(at::INCOMPATIBLE, 16),
    ];
    try_all(cases, 19);
}
