//! Internal snapshots.

use super::canvas::Expect::{Odd, Safe, Unsafe};
use super::canvas::{Case, Expect, TIB, at};
use super::try_all;

/// An entry of the snapshot table.
struct Entry {
    l1: u64,
    l1_size: u32,
    id: Vec<u8>,
    name: Vec<u8>,
    extra: u32,
    disk_size: u64,
}

fn entry() -> Entry {
    Entry {
        l1: 7 << 16,
        l1_size: 1,
        id: b"1".to_vec(),
        name: b"name".to_vec(),
        extra: 16,
        disk_size: 64 << 20,
    }
}

impl Entry {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; 40];
        bytes[..8].copy_from_slice(&self.l1.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.l1_size.to_be_bytes());
        bytes[12..14].copy_from_slice(&u16::try_from(self.id.len()).unwrap().to_be_bytes());
        bytes[14..16].copy_from_slice(&u16::try_from(self.name.len()).unwrap().to_be_bytes());
        bytes[36..40].copy_from_slice(&self.extra.to_be_bytes());
        let mut extra = vec![0; usize::try_from(self.extra.min(4096)).unwrap()];
        if let Some(size) = extra.get_mut(8..16) {
            size.copy_from_slice(&self.disk_size.to_be_bytes());
        }
        bytes.extend(extra);
        bytes.extend(&self.id);
        bytes.extend(&self.name);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }
}

/// These snapshots in cluster 6; in cluster 7 an L1 table that shares the active disk's L2 table.
fn case(name: &str, expect: Expect, entries: &[Entry]) -> Case {
    let table: Vec<u8> = entries.iter().flat_map(Entry::bytes).collect();
    Case::new(name, expect)
        .u32(at::SNAPSHOTS, u32::try_from(entries.len()).unwrap())
        .u64(at::SNAPSHOTS_AT, 6 << 16)
        .u64(7 << 16, 4 << 16)
        .bytes(6 << 16, &table)
        .len(9 << 16)
}

fn one(name: &str, expect: Expect, change: impl FnOnce(&mut Entry)) -> Case {
    let mut snapshot = entry();
    change(&mut snapshot);
    case(name, expect, &[snapshot])
}

#[test]
fn entries() {
    let out = Unsafe("out-of-bounds");
    let cases = vec![
        one("sound", Safe, |_| {}),
        one("L1 unaligned", Unsafe("misaligned"), |s| s.l1 += 512),
        one("L1 at 1 TiB", out, |s| s.l1 = TIB),
        one("L1 at 0xff...0000", out, |s| s.l1 = 0xffff_ffff_ffff_0000),
        one("L1 at the end", out, |s| s.l1 = 9 << 16),
        one("L1 is the header", Unsafe("overlap"), |s| s.l1 = 0),
        one("L1 is the active one", Unsafe("overlap"), |s| s.l1 = 3 << 16),
        one("L1 is the table", Unsafe("overlap"), |s| s.l1 = 6 << 16),
        one("L1 of 4 Mi entries", out, |s| s.l1_size = 4 << 20),
        one("L1 over the limit", Unsafe("too-large"), |s| s.l1_size = (4 << 20) + 1),
        one("L1 of 2^32-1 entries", Unsafe("too-large"), |s| s.l1_size = u32::MAX),
        one("no L1", Safe, |s| s.l1_size = 0),
        one("extra data 0xfffffff0", Unsafe("too-large"), |s| s.extra = 0xffff_fff0),
        one("extra data 1025", Unsafe("too-large"), |s| s.extra = 1025),
        one("extra data 1024", Safe, |s| s.extra = 1024),
        one("no extra data", Odd("incomplete-snapshot"), |s| s.extra = 0),
        one("a name with NUL", Odd("nul-in-name"), |s| s.name = b"a\0b".to_vec()),
        one("a name with ESC", Odd("control-characters"), |s| s.name = b"\x1b[2J".to_vec()),
        one("a name of lines", Odd("control-characters"), |s| s.name = vec![b'\n'; 60_000]),
        one("a name that is not UTF-8", Odd("not-utf-8"), |s| s.name = b"\xff".to_vec()),
        one("an id with ESC", Odd("control-characters"), |s| s.id = b"\x1bc".to_vec()),
        one("an id of 60000 bytes", Odd("long-name"), |s| s.id = vec![b'9'; 60_000]),
        one("no names", Safe, |s| (s.id, s.name) = (Vec::new(), Vec::new())),
        one("a disk of 2^64-1 bytes", Safe, |s| s.disk_size = u64::MAX),
        case(
            "the same twice",
            Odd("duplicate-snapshot"),
            &[entry(), Entry { l1: 8 << 16, ..entry() }],
        ),
        case("one L1 table for two", Unsafe("overlap"), &[entry(), entry()]),
        case("table cut short", out, &[entry()]).len((6 << 16) + 30),
        case("more than there are", out, &[entry()]).u32(at::SNAPSHOTS, 65_536).len(8 << 16),
    ];
    try_all(cases, 28);
}

#[test]
fn many() {
    let mut cases = Vec::new();
    // 200 snapshots, an L1 table of 8192 entries each, all to one L2 table of which each entry is mapped.
    let table: Vec<u8> = (0..200_u64)
        .flat_map(|number| {
            Entry {
                l1: (8 + number) << 16,
                l1_size: 8192,
                id: number.to_string().into_bytes(),
                name: number.to_string().into_bytes(),
                ..entry()
            }
            .bytes()
        })
        .collect();
    let case = Case::new("200 x 8192 entries to one L2 table", Unsafe("shared-table"))
        .u32(at::SNAPSHOTS, 200)
        .u64(at::SNAPSHOTS_AT, 6 << 16)
        .bytes(6 << 16, &table)
        .fill(4 << 16, 5 << 16, 8192)
        .fill(8 << 16, 4 << 16, 8192 * 200);
    cases.push(case);
    let table: Vec<u8> = (0..200_u64)
        .flat_map(|number| {
            Entry { l1: 7 << 16, l1_size: 8192, id: number.to_string().into_bytes(), ..entry() }
                .bytes()
        })
        .collect();
    let case = Case::new("200 snapshots with one L1 table", Unsafe("overlap"))
        .u32(at::SNAPSHOTS, 200)
        .u64(at::SNAPSHOTS_AT, 6 << 16)
        .bytes(6 << 16, &table)
        .fill(7 << 16, 4 << 16, 8192);
    cases.push(case);
    let phantom = Case::new("65536 snapshots of zeros", Odd("incomplete-snapshot"))
        .u32(at::SNAPSHOTS, 65_536)
        .u64(at::SNAPSHOTS_AT, 6 << 16)
        .len(16 << 20);
    cases.push(phantom);
    // Each with an L1 table of its own, 32 MiB of hole.
    let table: Vec<u8> = (0..4000_u64)
        .flat_map(|number| Entry { l1: TIB + (number << 25), l1_size: 4 << 20, ..entry() }.bytes())
        .collect();
    let case = Case::new("4000 L1 tables of 32 MiB of hole", Odd("duplicate-snapshot"))
        .u32(at::SNAPSHOTS, 4000)
        .u64(at::SNAPSHOTS_AT, 6 << 16)
        .bytes(6 << 16, &table)
        .len(2 * TIB);
    cases.push(case);
    try_all(cases, 4);
}
