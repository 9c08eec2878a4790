//! Header extensions, bitmaps, the LUKS header.

use super::canvas::Expect::{Odd, Safe, Unsafe};
use super::canvas::{Case, Expect, TIB, at, kind};
use super::try_all;

#[test]
fn lengths() {
    let out = Unsafe("out-of-bounds");
    let unknown = |length: u32| (0x1234_5678, length, &b""[..]);
    let room = 65_536 - 112 - 8;
    let mut cases = vec![
        Case::new("length 0xffffffff", out).extensions(&[unknown(u32::MAX)]),
        Case::new("length 0xfffffff9", out).extensions(&[unknown(0xffff_fff9)]),
        Case::new("length 0x80000000", out).extensions(&[unknown(1 << 31)]),
        Case::new("one byte too long", out).extensions(&[unknown(room + 1)]),
        Case::new("fills the cluster", Odd("unknown-extension")).extensions(&[unknown(room)]),
        Case::new("no end marker", Odd("unknown-extension")).extensions(&[unknown(room - 8)]),
        Case::new("header_length 105", Odd("unaligned-header-length")).u32(at::HEADER_LENGTH, 105),
    ];
    let many: Vec<_> = (0..8177).map(|_| unknown(0)).collect();
    cases.push(Case::new("8177 empty ones", Odd("many-extensions")).extensions(&many));
    let many: Vec<_> = (0..262_000).map(|_| unknown(0)).collect();
    let big = Case::sized("262000 empty ones", Odd("many-extensions"), 21, 3);
    cases.push(big.extensions(&many));
    for length in [1_u32, 7, 8, 9, 47, 48, 49, 0xffff] {
        let data = vec![0x41; length as usize];
        let case = Case::new(format!("feature names of {length} bytes"), Safe);
        let mut case = case.extensions(&[(kind::NAMES, length, &data)]);
        if !length.is_multiple_of(48) {
            case.expect = Odd("partial-feature-name");
        }
        if u64::from(length) < 65_000 {
            cases.push(case);
        }
    }
    try_all(cases, 15);
}

#[test]
fn duplicates_and_sizes() {
    let duplicate = Unsafe("duplicate");
    let raw = (kind::FORMAT, 3, &b"raw"[..]);
    let qcow2 = (kind::FORMAT, 5, &b"qcow2"[..]);
    let data = (kind::DATA_FILE, 4, &b"data"[..]);
    let cases = vec![
        Case::new("two formats", duplicate).extensions(&[raw, qcow2]),
        Case::new("one format twice", duplicate).extensions(&[raw, raw]),
        Case::new("two data files", duplicate).extensions(&[data, data]).u64(at::INCOMPATIBLE, 4),
        Case::new("a format of 15 bytes", Safe).extensions(&[(kind::FORMAT, 15, &[b'x'; 15])]),
        Case::new("a format of 16 bytes", Unsafe("too-large")).extensions(&[(
            kind::FORMAT,
            16,
            &[b'x'; 16],
        )]),
        Case::new("a data file's name, not used", Odd("unused-data-file-name")).extensions(&[data]),
        Case::new("a bitmaps extension of 16 bytes", Unsafe("bad-field")).extensions(&[(
            kind::BITMAPS,
            16,
            &[0; 16],
        )]),
        Case::new("a LUKS extension of 8 bytes", Unsafe("bad-field"))
            .extensions(&[(kind::LUKS, 8, &[0; 8])])
            .u32(at::CRYPT, 2),
        Case::new("a LUKS extension without encryption", Unsafe("inconsistent")).extensions(&[(
            kind::LUKS,
            16,
            &[0; 16],
        )]),
    ];
    try_all(cases, 9);
}

/// A bitmaps extension: how many, how long the directory, where.
fn bitmaps(case: Case, count: u32, size: u64, offset: u64) -> Case {
    let data = [&count.to_be_bytes()[..], &[0; 4], &size.to_be_bytes(), &offset.to_be_bytes()];
    case.extensions(&[(kind::BITMAPS, 24, &data.concat())]).u64(at::AUTOCLEAR, 1)
}

/// One bitmap in a directory in cluster 6, its table in cluster 7.
fn bitmap(name: &str, expect: Expect, change: impl FnOnce(&mut [u8; 32])) -> Case {
    let mut entry = [0; 32];
    entry[..8].copy_from_slice(&(7_u64 << 16).to_be_bytes());
    entry[8..12].copy_from_slice(&1_u32.to_be_bytes());
    entry[16] = 1;
    entry[17] = 16;
    entry[19] = 4;
    entry[24..28].copy_from_slice(b"name");
    change(&mut entry);
    bitmaps(Case::new(name, expect), 1, 32, 6 << 16).bytes(6 << 16, &entry).len(8 << 16)
}

#[test]
fn directories() {
    let out = Unsafe("out-of-bounds");
    let case = |name: &str, expect| Case::new(name, expect);
    let cases = vec![
        bitmaps(case("directory unaligned", Unsafe("misaligned")), 1, 32, (6 << 16) + 8),
        bitmaps(case("64 MiB of directory at 1 TiB", out), 65_535, 67_107_840, TIB),
        bitmaps(case("64 MiB of directory in a small file", out), 65_535, 67_107_840, 6 << 16),
        bitmaps(case("directory over the limit", Unsafe("too-large")), 1, 67_107_841, 6 << 16),
        bitmaps(case("no bitmaps", Unsafe("bad-field")), 0, 32, 6 << 16),
        bitmaps(case("65536 bitmaps", Unsafe("too-large")), 65_536, 32, 6 << 16),
        bitmaps(case("directory is the L2 table", Unsafe("overlap")), 1, 32, 4 << 16),
        bitmaps(case("directory is the header", Unsafe("overlap")), 1, 32, 0),
        bitmaps(case("stale", Odd("stale-bitmaps")), 1, 32, TIB).u64(at::AUTOCLEAR, 0),
        bitmap("sound", Safe, |_| {}),
        bitmap("in use", Odd("bitmap-in-use"), |entry| entry[15] = 1),
        bitmap("unknown flags", Unsafe("unsupported"), |entry| entry[12] = 0x80),
        bitmap("type 2", Unsafe("bad-field"), |entry| entry[16] = 2),
        bitmap("granularity_bits 64", Unsafe("bad-field"), |entry| entry[17] = 64),
        bitmap("granularity_bits 255", Unsafe("bad-field"), |entry| entry[17] = 255),
        bitmap("granularity_bits 8", Unsafe("bad-field"), |entry| entry[17] = 8),
        bitmap("no name", Unsafe("bad-field"), |entry| entry[19] = 0),
        bitmap("a name that goes on", out, |entry| entry[19] = 200),
        bitmap("a name with ESC", Odd("control-characters"), |entry| entry[24] = 0x1b),
        bitmap("a name that is not UTF-8", Odd("not-utf-8"), |entry| entry[24] = 0xff),
        bitmap("extra data", Unsafe("unsupported"), |entry| entry[23] = 8),
        bitmap("extra data -1", Unsafe("unsupported"), |entry| entry[20..24].fill(0xff)),
        bitmap("no table", Unsafe("bad-field"), |entry| entry[11] = 0),
        bitmap("a huge table", Unsafe("bad-field"), |entry| entry[8..12].fill(0xff)),
        bitmap("table at 0", Unsafe("overlap"), |entry| entry[..8].fill(0)),
        bitmap("table unaligned", Unsafe("misaligned"), |entry| entry[7] = 8),
        bitmap("table at 1 TiB", out, |entry| entry[2] = 1),
        bitmap("table is the L1 table", Unsafe("overlap"), |entry| entry[5] = 3),
        bitmap("table is the L2 table", Unsafe("overlap"), |entry| entry[5] = 4),
        bitmap("table is the directory", Unsafe("overlap"), |entry| entry[5] = 6),
        bitmap("bits over the header's neighbour", Unsafe("overlap"), |_| {}).u64(7 << 16, 1 << 16),
        bitmap("bits beyond the end", out, |_| {}).u64(7 << 16, TIB),
        bitmap("bits with reserved bits", Odd("reserved-bits"), |_| {}).u64(7 << 16, 2),
        bitmap("all ones", Safe, |_| {}).u64(7 << 16, 1),
    ];
    try_all(cases, 34);
}

#[test]
fn luks() {
    let luks = |name: &str, expect, offset: u64, length: u64| {
        let data = [offset.to_be_bytes(), length.to_be_bytes()].concat();
        Case::new(name, expect).u32(at::CRYPT, 2).extensions(&[(kind::LUKS, 16, &data)])
    };
    let header = |version: u16, key_at: u32, iterations: u32| {
        let mut bytes = vec![0; 592];
        bytes[..6].copy_from_slice(b"LUKS\xba\xbe");
        bytes[6..8].copy_from_slice(&version.to_be_bytes());
        bytes[208..212].copy_from_slice(&0x00ac_71f3_u32.to_be_bytes());
        bytes[212..216].copy_from_slice(&iterations.to_be_bytes());
        bytes[248..252].copy_from_slice(&key_at.to_be_bytes());
        bytes[252..256].copy_from_slice(&4000_u32.to_be_bytes());
        bytes
    };
    let inside = |name: &str, expect, bytes: &[u8]| {
        luks(name, expect, 6 << 16, 1 << 16).bytes(6 << 16, bytes).len(7 << 16)
    };
    let cases = vec![
        luks("at 1 TiB, 2^63 long", Unsafe("out-of-bounds"), TIB, 1 << 63),
        luks("at 1 TiB", Unsafe("out-of-bounds"), TIB, 4096),
        luks("unaligned", Unsafe("misaligned"), 513, 4096),
        luks("over the header", Unsafe("overlap"), 0, 4096),
        luks("over the L2 table", Unsafe("overlap"), 4 << 16, 592),
        inside("no magic", Unsafe("bad-field"), &[0; 592]),
        inside("version 2", Unsafe("bad-field"), &header(2, 8, 1000)),
        inside("sound", Odd("encrypted"), &header(1, 8, 1000)),
        inside("key material elsewhere", Unsafe("out-of-bounds"), &header(1, 1 << 20, 1000)),
        inside("4 billion iterations", Odd("expensive-key"), &header(1, 8, u32::MAX)),
        luks("cut short", Unsafe("truncated"), 6 << 16, 100).len((6 << 16) + 100),
    ];
    try_all(cases, 11);
}
