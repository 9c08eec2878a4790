//! Valid images with bytes changed at random: nothing panics, and work stays bounded.

use diskdag_qcow2::{GuestOffset, ImageError};
use proptest::prelude::*;

use crate::forge::{CLUSTER, COMPRESSED, COPIED, DATA, Forge, Forged, L1, L2};
use crate::support::{Chance, setting};

/// An image that has something of everything: data, zeros, a compressed cluster, a snapshot.
fn rich(extended: bool) -> Forge {
    use std::io::Write as _;

    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&vec![7; CLUSTER as usize]).unwrap();
    let blob = encoder.finish().unwrap();
    let mut forge = Forge::new();
    forge.0.resize(8 * CLUSTER as usize, 0);
    forge.bytes(6 * CLUSTER + 100, &blob);
    if extended {
        forge.u64(72, 1 << 4);
        forge.u64(L2, COPIED | DATA).u64(L2 + 8, 0xff00_0000_00ff_00ff);
        forge.u64(L2 + 16, COMPRESSED | (6 * CLUSTER + 100)).u64(L2 + 40, 0xff << 32);
    } else {
        forge.l2(0, COPIED | DATA).l2(1, 1).l2(2, COPIED | DATA | 1);
        forge.l2(3, COMPRESSED | (6 * CLUSTER + 100));
    }
    let table = 7 * CLUSTER;
    forge.u32(60, 1).u64(64, table).u64(table, L1).u32(table + 8, 1);
    forge.bytes(table + 12, &[0, 1, 0, 4]).u32(table + 36, 16).u64(table + 48, 64 << 20);
    forge.bytes(table + 56, b"1name");
    forge
}

/// Asks an image everything. Whatever it answers, it read no more than it may.
fn everything(bytes: Vec<u8>) {
    let length = bytes.len() as u64;
    let Ok(forged) = Forged::try_new(bytes) else { return };
    let image = &forged.image;
    let read = |view: Result<diskdag_qcow2::View, ImageError>| {
        let Ok(view) = view else { return };
        let mut buffer = vec![0; 300_000];
        for at in [0, 100_000, 250_000, view.size().saturating_sub(1000)] {
            drop(view.read_at(GuestOffset(at), &mut buffer));
        }
        let range = GuestOffset(0)..GuestOffset(u64::MAX);
        let mut end = 0;
        for extent in view.map(range).take(2000).flatten() {
            assert_eq!(extent.guest.get(), end, "no gaps");
            assert!(extent.len > 0);
            end += extent.len;
        }
    };
    read(image.active());
    if let Ok(chain) = forged.chain() {
        let mut end = 0;
        for extent in chain.extents().take(2000).flatten() {
            assert_eq!(extent.start.get(), end, "no gaps");
            end += extent.length;
        }
        assert!(end <= chain.size());
    }
    if let Ok(table) = image.snapshots() {
        for snapshot in table.iter().take(100).flatten() {
            read(image.snapshot_view(&snapshot));
        }
    }
    if let Ok(Some(directory)) = image.bitmaps() {
        for bitmap in directory.iter().take(100).flatten() {
            drop(image.bitmap_table(&bitmap));
        }
    }
    drop(image.refcount_table());
    drop(image.luks(&mut Vec::new()));
    let (reads, bytes) = forged.cost();
    assert!(reads < 10_000, "{reads} reads");
    assert!(bytes < 400 * length, "{bytes} bytes read of {length}");
}

/// Words that mean something.
const WORDS: [u64; 14] = [
    0,
    1,
    COPIED,
    COPIED | DATA,
    COPIED | L2,
    COMPRESSED | DATA,
    DATA | 0x200,
    1 << 40,
    u64::MAX,
    0x00ff_ffff_ffff_fe00,
    COPIED | L1,
    CLUSTER,
    0xffff_ffff,
    0xffff_ffff_0000_0000,
];

#[test]
fn mutated_images_are_bounded() {
    let places: [(u64, u64); 7] = [
        (0, 136),
        (0, 136),
        (CLUSTER, 64),
        (L1, 64),
        (L2, 128),
        (6 * CLUSTER + 100, 100),
        (7 * CLUSTER, 80),
    ];
    let seed = setting("DISKDAG_SEED", 1);
    println!("seed {seed}");
    let mut chance = Chance(seed);
    for _ in 0..setting("DISKDAG_MUTANTS", 400) {
        let mut forge = rich(chance.one_in(2));
        for _ in 0..=chance.below(4) {
            let (start, length) = chance.of(&places);
            let at = start + chance.below(length);
            match chance.below(4) {
                0 => forge.u64(at & !7, chance.of(&WORDS)),
                1 => forge.u32(at & !3, chance.of(&WORDS) as u32),
                2 => forge.bytes(at, &[chance.next() as u8]),
                _ => {
                    let byte = forge.0[at as usize] ^ 1 << chance.below(8);
                    forge.bytes(at, &[byte])
                }
            };
        }
        if chance.one_in(8) {
            forge.0.truncate(chance.below(forge.0.len() as u64) as usize);
        }
        everything(forge.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any two L2 entries, any L1 entry, any size: the tables hold whatever they like.
    #[test]
    fn any_entries(
        l1 in any::<u64>(),
        first in any::<u64>(),
        second in any::<u64>(),
        extended in any::<bool>(),
        sane in any::<bool>(),
    ) {
        let mut forge = rich(extended);
        forge.u64(L1, if sane { COPIED | L2 } else { l1 });
        forge.u64(L2, first).u64(L2 + 8, second).u64(L2 + 16, second & 0x7f_ffff);
        everything(forge.0);
    }
}
