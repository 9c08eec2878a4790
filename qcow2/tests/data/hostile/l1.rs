//! Entries of L1 tables that lie.

use diskdag_qcow2::table::{L1Entry, Oddities};
use diskdag_qcow2::{ErrorKind, ImageError};

use super::{MISALIGNED, TIB, data, zeros};
use crate::forge::{CLUSTER, COPIED, DATA, Forge, L1, L2};

#[test]
fn l1_reserved_bits_are_odd_and_read_through() {
    let entry = COPIED | L2 | 1 << 60 | 7;
    let forged = Forge::new().u64(L1, entry).l2(0, COPIED | DATA).image();
    assert_eq!(forged.read(0).unwrap(), data());
    let geometry = forged.image.geometry();
    assert_eq!(L1Entry::oddities(entry, geometry, forged.image.len()), Oddities::RESERVED_BITS);
}

#[test]
fn l1_misaligned_is_not_read_through() {
    let forged = Forge::new().u64(L1, MISALIGNED).image();
    assert_eq!(forged.refused(0), "misaligned");
    assert_eq!(forged.extents(), Err("misaligned"));
}

#[test]
fn l1_entry_beyond_the_end_reads_as_zeros_and_is_counted() {
    let forged = Forge::new().u64(L1, COPIED | TIB).image();
    assert_eq!(forged.read(0).unwrap(), zeros());
    assert_eq!(forged.image.reads_beyond_end(), 1);
    assert!(!forged.extents().unwrap()[0].present);
    let odd = L1Entry::oddities(TIB, forged.image.geometry(), forged.image.len());
    assert_eq!(odd, Oddities::OUT_OF_BOUNDS);
    forged.cost();
}

#[test]
fn l1_copied_without_a_table_is_unallocated() {
    let forged = Forge::new().u64(L1, COPIED).image();
    assert_eq!(forged.read(0).unwrap(), zeros());
    let odd = L1Entry::oddities(COPIED, forged.image.geometry(), forged.image.len());
    assert_eq!(odd, Oddities::COPIED_NOTHING);
}

#[test]
fn l1_table_beyond_the_end_costs_nothing() {
    for (size, entries, offset) in
        [(64 << 20, 1, TIB), (1 << 50, 4 << 20, L1), (1 << 50, 4 << 20, 1 << 62)]
    {
        let forged = Forge::new().u64(24, size).u32(36, entries).u64(40, offset).image();
        let before = forged.cost();
        let error = forged.image.active().unwrap_err();
        let ImageError::Format(error) = error else { panic!("{error}") };
        assert!(matches!(error.kind, ErrorKind::OutOfBounds { .. }), "{error}");
        assert_eq!(forged.cost(), before);
    }
}

#[test]
fn l1_table_over_the_header_is_an_overlap() {
    let forged = Forge::new().u64(40, 0).image();
    assert_eq!(forged.image.active().unwrap_err().code(), "overlap");
}

#[test]
fn l1_table_larger_than_the_disk_needs_is_not_read() {
    let forged = Forge::new().u32(36, 4 << 20).l2(0, COPIED | DATA).image();
    assert_eq!(forged.read(0).unwrap(), data());
    assert!(forged.cost().1 < 6 * CLUSTER);
}
