//! Refcount tables that lie.

use diskdag_qcow2::table::RefcountTableEntry;

use super::TIB;
use crate::forge::{CLUSTER, COPIED, DATA, Forge, L2};

#[test]
fn refcount_blocks_that_are_nowhere() {
    let mut forge = Forge::new();
    forge.u64(CLUSTER, 0x22a00).u64(CLUSTER + 8, TIB).u64(CLUSTER + 16, 0xff00_0000_0000_0000);
    let forged = forge.image();
    let table = forged.image.refcount_table().unwrap();
    assert!(matches!(table[0], RefcountTableEntry::Misaligned { .. }));
    for entry in &table[1..3] {
        let RefcountTableEntry::Block { offset } = *entry else { panic!("{entry:?}") };
        let error = forged.image.refcount_block(offset, &mut Vec::new()).unwrap_err();
        assert_eq!(error.code(), "out-of-bounds");
    }
    // Asking whether clusters were allocated ahead gives up on them.
    forge.l2(0, COPIED | DATA);
    assert!(forge.image().extents().is_ok());
}

#[test]
fn a_refcount_table_of_one_block_over_and_over_is_not_counted_for_ever() {
    let mut forge = Forge::new();
    forge.l2(0, COPIED | DATA);
    for entry in 0..8192 {
        forge.u64(CLUSTER + 8 * entry, if entry % 2 == 0 { 2 * CLUSTER } else { L2 });
    }
    let forged = forge.image();
    forged.extents().unwrap();
    assert!(forged.cost().1 < 20 * CLUSTER, "{:?}", forged.cost());
    let lost = Forge::new().u64(48, TIB & !0xffff).image();
    assert_eq!(lost.image.refcount_table().unwrap_err().code(), "out-of-bounds");
    let over = Forge::new().u64(48, 0).image();
    assert_eq!(over.image.refcount_table().unwrap_err().code(), "overlap");
}
