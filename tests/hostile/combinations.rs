//! Several things at once: sizes, polyglots, sparse files.

use super::canvas::Expect::{Odd, Safe, Unsafe};
use super::canvas::{COPIED, Case, TIB, at};
use super::try_all;

#[test]
fn polyglots() {
    let polyglot = Unsafe("polyglot");
    let put =
        |name: &str, offset: u64, magic: &[u8]| Case::new(name, polyglot).bytes(offset, magic);
    let mut cases = vec![
        put("ISO 9660", 0x8001, b"CD001"),
        put("ISO 9660, second descriptor", 0x8801, b"CD001"),
        put("partition table", 510, &[0x55, 0xaa]),
        put("GPT", 512, b"EFI PART"),
        put("tar", 257, b"ustar"),
        put("ext4", 1080, &[0x53, 0xef]),
        put("LVM", 512, b"LABELONE"),
        put("VHD at the end", 6 << 16, b"conectix").len((6 << 16) + 512),
        put("DMG at the end", 6 << 16, b"koly").len((6 << 16) + 512),
        put("ZIP at the end", 6 << 16, b"PK\x05\x06").len((6 << 16) + 22),
    ];
    // The ISO's place is a cluster of guest data here: then it may be the guest's.
    let guest = Case::sized("ISO 9660 in guest data", Odd("polyglot"), 9, 3);
    let guest = guest.u64(4 * 512 + 8, 0x8000 | COPIED).bytes(0x8001, b"CD001").len(0x8200);
    cases.push(guest);
    try_all(cases, 11);
}

#[test]
fn sizes() {
    let wide = |name: &str, bits: u32, size: u64, l1_size: u32, len: u64| {
        Case::sized(name, Safe, bits, 3)
            .u64(at::SIZE, size)
            .u32(at::L1_SIZE, l1_size)
            .u64(4 << bits, 0)
            .len(len)
    };
    let mut cases = vec![
        wide("8 TiB of hole, clusters of 512", 9, 32 << 10, 1, 8 * TIB),
        wide("2 EiB, clusters of 2 MiB", 21, 1 << 61, 4 << 20, 64 << 20),
        wide("64 TiB, clusters of 64 KiB", 16, 64 * TIB, 131_072, 2 << 20),
        wide("L1 table of 32 MiB of hole", 9, 1 << 37, 4 << 20, 64 << 20),
    ];
    // The L1 table goes on over what follows it, which has no entry then.
    let others = cases.split_off(1).into_iter().map(|case| {
        let l1 = case.at(3);
        case.u64(l1, 0)
    });
    cases.extend(others);
    // Many L2 tables, each a hole of 2 MiB.
    let entries: Vec<u8> = (0..100_000_u64).flat_map(|n| ((8 + n) << 21).to_be_bytes()).collect();
    let holes = Case::sized("100000 L2 tables of hole", Safe, 21, 3)
        .u64(at::SIZE, 100_000 << 39)
        .u32(at::L1_SIZE, 100_000)
        .u64(4 << 21, 0)
        .bytes(3 << 21, &entries)
        .len(200_100 << 21);
    cases.push(holes);
    try_all(cases, 5);
}

/// Behind a header that is in order all is noise; what kind of trouble that is, is left to chance.
#[test]
fn noise() {
    let mut state = 1_u64;
    let mut next = move || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        state >> 33
    };
    let cases = (0..12).map(|number| {
        let bytes: Vec<u8> = (0..5 << 9).map(|_| next().to_be_bytes()[7]).collect();
        let case = Case::sized(format!("noise {number}"), Unsafe("out-of-bounds"), 9, 3);
        case.bytes(512, &bytes)
    });
    try_all(cases.collect(), 12);
}
