//! Tables that lie. Each case: what is answered, and that it costs next to nothing.

mod bitmaps;
mod clusters;
mod l1;
mod refcounts;
mod snapshots;
mod work;

use diskdag_qcow2::GuestOffset;
use diskdag_qcow2::table::{L2Entry, Oddities};

use crate::forge::{CLUSTER, COPIED, DATA, Forge};

const TIB: u64 = 1 << 40;
const MISALIGNED: u64 = 0x42a00;

fn zeros() -> Vec<u8> {
    vec![0; CLUSTER as usize]
}

fn data() -> Vec<u8> {
    vec![0x5a; CLUSTER as usize]
}

/// The oddities of an L2 entry of the first guest cluster.
fn odd(forge: &Forge, entry: u64, bitmap: u64) -> Oddities {
    let forged = forge.image();
    L2Entry { entry, bitmap }.oddities(GuestOffset(0), forged.image.geometry(), forged.image.len())
}

#[test]
fn an_honest_forgery_is_read() {
    let forged = Forge::new().l2(0, COPIED | DATA).image();
    assert_eq!(forged.read(0).unwrap(), data());
    assert_eq!(forged.read(1).unwrap(), zeros());
    let extents = forged.extents().unwrap();
    assert_eq!(extents.len(), 2);
    assert!(extents[0].data && !extents[1].present);
    assert!(forged.cost().1 < 6 * CLUSTER, "{:?}", forged.cost());
}
