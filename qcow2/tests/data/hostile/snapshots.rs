//! Tables of internal snapshots that lie.

use diskdag_qcow2::Image;

use super::TIB;
use crate::forge::{CLUSTER, DATA, Forge, L1};

/// An image with one snapshot, whose table lies in the last cluster.
fn with_snapshot(l1: u64, entries: u32, extra: u32, name: &[u8]) -> Forge {
    let mut forge = Forge::new();
    forge.bytes(DATA, &[0; 512]);
    forge.u32(60, 1).u64(64, DATA).u64(DATA, l1).u32(DATA + 8, entries);
    forge.bytes(DATA + 12, &[0, 1]).bytes(DATA + 14, &(name.len() as u16).to_be_bytes());
    forge.u32(DATA + 36, extra);
    let id = DATA + 40 + u64::from(extra.min(1024));
    forge.bytes(id, b"1").bytes(id + 1, name);
    forge
}

fn snapshot_code(image: &Image) -> &'static str {
    let table = image.snapshots().unwrap();
    let snapshot = table.iter().next().unwrap().unwrap();
    image.snapshot_view(&snapshot).map_or_else(|error| error.code(), |_| "read")
}

#[test]
fn snapshots_whose_l1_table_is_nowhere() {
    let code = |l1, entries| snapshot_code(&with_snapshot(l1, entries, 0, b"n").image().image);
    assert_eq!(code(L1, 1), "read");
    assert_eq!(code(L1 + 512, 1), "misaligned");
    assert_eq!(code(TIB, 1), "out-of-bounds");
    assert_eq!(code(0x00ff_0000_0000_0000, 1), "out-of-bounds");
    assert_eq!(code(0xffff_ffff_ffff_0000, 1), "out-of-bounds");
    assert_eq!(code(0, 1), "overlap");
    assert_eq!(code(L1, u32::MAX), "too-large");
}

#[test]
fn extra_data_is_bounded() {
    let forged = with_snapshot(L1, 1, 0xffff_fff0, b"n").image();
    let table = forged.image.snapshots().unwrap();
    let found: Vec<_> = table.iter().collect();
    assert_eq!(found.len(), 1, "the list ends with its error");
    assert_eq!(found[0].unwrap_err().code(), "too-large");
    forged.cost();
}

#[test]
fn names_are_any_bytes_and_the_first_of_a_name_is_meant() {
    let name = b"a\0b\n\x1b[2J\xff";
    let forged = with_snapshot(L1, 1, 16, name).image();
    let table = forged.image.snapshots().unwrap();
    let snapshot = table.iter().next().unwrap().unwrap();
    assert_eq!(snapshot.name, name);
    assert!(forged.image.snapshot_named(name).is_ok());
    assert!(forged.image.snapshot_named(b"1").is_ok());
    let missing = forged.image.snapshot_named(b"a").unwrap_err();
    assert_eq!(missing.code(), "no-such-snapshot");
}

#[test]
fn phantom_snapshots_beyond_the_end_end_at_the_first() {
    let forged = Forge::new().u32(60, 65_536).u64(64, TIB).image();
    let before = forged.cost();
    let table = forged.image.snapshots().unwrap();
    let found: Vec<_> = table.iter().collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].unwrap_err().code(), "out-of-bounds");
    assert_eq!(forged.cost(), before);
}

#[test]
fn phantom_snapshots_in_a_hole_cost_their_length() {
    let mut forge = Forge::new();
    forge.u32(60, 65_536).u64(64, 6 * CLUSTER);
    forge.0.resize(16 << 20, 0);
    let forged = forge.image();
    let table = forged.image.snapshots().unwrap();
    assert_eq!(table.iter().filter(|snapshot| snapshot.is_ok()).count(), 65_536);
    let (reads, bytes) = forged.cost();
    assert!(reads < 20 && bytes < 2 * 65_536 * 40, "{reads} reads, {bytes} bytes");
}

#[test]
fn a_snapshot_table_over_the_header_is_an_overlap() {
    let forged = Forge::new().u32(60, 1).u64(64, 0).image();
    assert_eq!(forged.image.snapshots().unwrap_err().code(), "overlap");
}

#[test]
fn a_snapshot_table_cut_off_by_the_end_of_the_file() {
    let mut forge = with_snapshot(L1, 1, 16, b"name");
    forge.u32(60, 2);
    forge.0.truncate(DATA as usize + 70);
    let forged = forge.image();
    let table = forged.image.snapshots().unwrap();
    let found: Vec<_> = table.iter().collect();
    assert!(found[0].is_ok());
    assert_eq!(found[1].unwrap_err().code(), "out-of-bounds");
}
