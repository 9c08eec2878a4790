//! L1 and L2 tables, clusters, compressed clusters.

use super::canvas::Expect::{Odd, Safe, Unsafe};
use super::canvas::{COPIED, Case, Expect, TIB, at};
use super::try_all;

const L1: u64 = 3 << 16;
const L2: u64 = 4 << 16;
const DATA: u64 = 5 << 16;
const COMPRESSED: u64 = 1 << 62;

fn entry(name: &str, expect: Expect, offset: u64, value: u64) -> Case {
    Case::new(name, expect).u64(offset, value)
}

#[test]
fn l1_entries() {
    let (over, out) = (Unsafe("overlap"), Unsafe("out-of-bounds"));
    let cases = vec![
        entry("reserved bits", Odd("reserved-bits"), L1, L2 | COPIED | 0x1ff),
        entry("high reserved bits", Odd("reserved-bits"), L1, L2 | COPIED | 0x7f << 56),
        entry("off by 512", Unsafe("misaligned"), L1, L2 + 0x200),
        entry("0x42a00", Unsafe("misaligned"), L1, 0x42a00),
        entry("1 TiB", out, L1, TIB | COPIED),
        entry("the highest offset", out, L1, 0x00ff_ffff_ffff_0000),
        entry("at the end", out, L1, 6 << 16),
        entry("copied nothing", Odd("copied-nothing"), L1, COPIED),
        entry("not copied", Safe, L1, L2),
        entry("nothing", Safe, L1, 0),
        entry("is the L1 table", over, L1, L1),
        entry("is the refcount table", over, L1, 1 << 16),
        entry("is the refcount block", over, L1, 2 << 16),
        entry("all bits", out, L1, u64::MAX),
    ];
    try_all(cases, 14);
}

#[test]
fn l2_entries() {
    let (over, out) = (Unsafe("overlap"), Unsafe("out-of-bounds"));
    let place = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) & 0x7_0000 | COPIED;
    let noise: Vec<u8> = (0..8192).flat_map(|n| place(n).to_be_bytes()).collect();
    let mut cases = vec![
        entry("1 TiB", out, L2, TIB | COPIED),
        entry("copied nothing", Odd("copied-nothing"), L2, COPIED),
        entry("reserved bits", Odd("reserved-bits"), L2, DATA | COPIED | 0x1fe),
        entry("off by 512", Unsafe("misaligned"), L2, DATA + 0x200),
        entry("the header", Odd("copied-nothing"), L2, COPIED),
        entry("the L1 table", over, L2, L1),
        entry("itself", over, L2, L2),
        entry("the refcount block", over, L2, 2 << 16),
        entry("zero", Safe, L2, 1),
        entry("zero with a cluster", Safe, L2, DATA | COPIED | 1),
        entry("all bits", out, L2, u64::MAX),
        entry("twice", Unsafe("shared-cluster"), L2 + 8, DATA | COPIED),
        entry("at the end", out, L2, 6 << 16),
        Case::v2("zero in version 2", Unsafe("zero-in-version-2")).u64(L2, 1),
        Case::new("8192 to one cluster", Unsafe("shared-cluster")).fill(L2, DATA, 8192),
        Case::new("8192 beyond the end", out).fill(L2, TIB, 8192),
        Case::new("8192 misaligned", Unsafe("misaligned")).fill(L2, DATA + 512, 8192),
        Case::new("8192 of noise", over).bytes(L2, &noise),
        Case::new("data cut short", out).len(DATA),
        Case::new("data cut in the middle", Safe).len(DATA + 1),
        Case::new("L2 table cut short", out).len(L2 + 8),
    ];
    for bit in [9_u32, 15, 40, 55] {
        let expect = if bit < 16 { Unsafe("misaligned") } else { out };
        cases.push(entry(&format!("bit {bit} flipped"), expect, L2, (DATA | COPIED) ^ 1 << bit));
    }
    try_all(cases, 25);
}

#[test]
fn compressed_clusters() {
    let out = Unsafe("out-of-bounds");
    let at_data = |sectors: u64| COMPRESSED | sectors << 54 | DATA;
    let cases = vec![
        entry("garbage", Safe, L2, at_data(0)),
        entry("all of the file", Safe, L2, at_data(127)),
        entry("too many sectors", Safe, L2, at_data(255)),
        entry("1 TiB", out, L2, COMPRESSED | TIB),
        entry("the highest offset", out, L2, COMPRESSED | ((1 << 54) - 1)),
        entry("copied", Odd("copied-compressed"), L2, at_data(0) | COPIED),
        entry("in the header", Unsafe("overlap"), L2, COMPRESSED | 8),
        entry("in the L2 table", Unsafe("overlap"), L2, COMPRESSED | L2),
        entry("into the data", Unsafe("overlap"), L2 + 8, at_data(0)),
        entry("all bits", out, L2, u64::MAX),
        Case::new("1024 to one blob", Unsafe("shared-cluster")).fill(L2, at_data(0), 1024),
        Case::new("8192 to one blob", Unsafe("shared-cluster")).fill(L2, at_data(127), 8192),
        // 8192 blobs of eight bytes and more need 64 KiB: no less than this file has.
        Case::new("8192 to one byte each", Safe).bytes(
            L2,
            &(0..8192_u64).flat_map(|n| (at_data(0) + n).to_be_bytes()).collect::<Vec<_>>(),
        ),
        Case::new("a bomb of zstd", Safe)
            .u64(at::INCOMPATIBLE, 8)
            .bytes(at::COMPRESSION, &[1])
            .u64(L2, at_data(0))
            .bytes(DATA, b"\x28\xb5\x2f\xfd\xe4\xff\xff\xff\xff\xff\xff\xff\xff\x03\x00\x00A"),
    ];
    try_all(cases, 14);
}

/// 64 KiB clusters with 32 subclusters each: entries of two words.
#[test]
fn subclusters() {
    let entry = |name: &str, expect, word: u64, bitmap: u64| {
        Case::new(name, expect)
            .u64(at::INCOMPATIBLE, 16)
            .u64(at::SIZE, 32 << 20)
            .u64(L2, word)
            .u64(L2 + 8, bitmap)
    };
    let bad = Unsafe("bad-subclusters");
    let data = DATA | COPIED;
    let cases = vec![
        entry("all of data", Safe, data, u64::from(u32::MAX)),
        entry("all of zeros", Safe, data, u64::MAX << 32),
        entry("no cluster, zeros", Safe, 0, u64::MAX << 32),
        entry("both", bad, data, 1 | 1 << 32),
        entry("all bits", bad, data, u64::MAX),
        entry("data without a cluster", bad, 0, 1),
        entry("zero flag", Odd("zero-in-extended"), data | 1, 1),
        entry("compressed with subclusters", Odd("compressed-subclusters"), COMPRESSED | DATA, 1),
        entry("1 TiB", Unsafe("out-of-bounds"), TIB, 1),
        entry("misaligned", Unsafe("misaligned"), DATA + 512, 1),
        entry("only a bitmap", bad, 0, u64::MAX),
    ];
    try_all(cases, 11);
}

/// Little file, much work: tables that are used again and again.
#[test]
fn amplification() {
    let shared = Unsafe("shared-table");
    let many = |name: &str, entries: usize, value: u64| {
        let size = (entries as u64) << 29;
        Case::new(name, shared)
            .u64(at::SIZE, size)
            .u32(at::L1_SIZE, u32::try_from(entries).unwrap())
            .u64(at::L1, 6 << 16)
            .fill(6 << 16, value, entries)
    };
    // Tables of 512 bytes: half a MiB of entries name one, whose clusters are data and nothing in turns.
    let small = {
        let (one, words) = (4 << 9 | COPIED, [(5_u64 << 9).to_be_bytes(), [0; 8]]);
        Case::sized("65536, of 64 entries each", shared, 9, 3)
            .u64(at::SIZE, 65_536 << 15)
            .u32(at::L1_SIZE, 65_536)
            .u64(at::L1, 6 << 9)
            .fill(6 << 9, one, 65_536)
            .bytes(4 << 9, &words.concat().repeat(32))
    };
    let cases = vec![
        small,
        many("2 L1 entries to one L2 table", 2, L2 | COPIED),
        many("2048 L1 entries to one L2 table", 2048, L2 | COPIED),
        many("2048, and each entry to one cluster", 2048, L2).fill(L2, DATA, 8192),
        many("65536, and each entry to one cluster", 65_536, L2).fill(L2, DATA, 8192),
        many("65536, compressed", 65_536, L2).fill(L2, COMPRESSED | DATA, 8192),
        many("65536, zeros", 65_536, L2).fill(L2, 1, 8192),
        many("65536, every other entry", 65_536, L2)
            .bytes(L2, &[1_u64.to_be_bytes(), 0_u64.to_be_bytes()].concat().repeat(4096)),
    ];
    try_all(cases, 8);
}
