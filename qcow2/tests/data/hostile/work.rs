//! Tables that stand for more than there is: each is looked at once.

use diskdag_qcow2::compare::{Comparison, compare};
use diskdag_qcow2::source::MemorySource;
use diskdag_qcow2::{Chain, GuestOffset, Image, Layer};

use super::TIB;
use crate::forge::{CLUSTER, COMPRESSED, COPIED, DATA, Forge, L1, L2};
use crate::support::{path, scratch};

/// 2048 L1 entries name one L2 table, all of whose entries name one cluster: 16.7 million extents, of which
/// nobody wants to hear.
#[test]
fn one_table_for_a_tebibyte_is_read_once_and_ends_the_map() {
    let mut forge = Forge::new();
    forge.u64(24, TIB).u32(36, 2048);
    for entry in 0..2048 {
        forge.u64(L1 + 8 * entry, COPIED | L2);
    }
    for cluster in 0..8192 {
        forge.l2(cluster, COPIED | DATA);
    }
    let forged = forge.image();
    let chain = forged.chain().unwrap();
    let extents: Vec<_> = chain.extents().collect();
    assert_eq!(extents.len(), 8192 + 1000 + 1);
    assert_eq!(extents.last().unwrap().as_ref().unwrap_err().error.code(), "overlap");
    assert!(forged.cost().1 < 4 * CLUSTER, "{:?}", forged.cost());
}

/// Half a MiB of L1 entries that name one L2 table of 512 bytes, whose clusters are data and nothing in turns, made
/// 528 MB of map: pieces were counted only if they were less than a 64th of the table, and it has 64 clusters. So
/// did larger tables in pieces of a 64th.
#[test]
fn one_small_table_for_65536_ends_the_map_too() {
    for (bits, run) in [(9, 1), (10, 2), (12, 8)] {
        let cluster = 1_u64 << bits;
        let entries = 65_536;
        let mut forge = Forge::new();
        forge.0.resize(1 << 20, 0);
        forge.u32(20, bits).u64(24, entries * cluster * cluster / 8).u32(36, entries as u32);
        forge.u64(48, CLUSTER).u64(40, 8 * CLUSTER);
        for entry in 0..entries {
            forge.u64(8 * CLUSTER + 8 * entry, COPIED | L2);
        }
        for number in 0..cluster / 8 {
            forge.l2(number, if number / run % 2 == 0 { COPIED | DATA } else { 0 });
        }
        let extents: Vec<_> = forge.image().chain().unwrap().extents().collect();
        assert!(extents.len() < 1600, "{}", extents.len());
        assert_eq!(extents.last().unwrap().as_ref().unwrap_err().error.code(), "overlap");
    }
}

/// All entries of a table name one cluster: half a GiB to read from a file of 384 KiB, and with clusters of 2 MiB half
/// a TiB from 4 MiB.
#[test]
fn one_cluster_for_all_is_not_compared_for_ever() {
    for entry in [COPIED | DATA, COMPRESSED | 15 << 54 | DATA] {
        let mut forge = Forge::new();
        forge.u64(24, 512 << 20);
        // A stream of stored blocks is none of the right length; one of a single long match is.
        let mut deflated = flate2::Compress::new(flate2::Compression::best(), false);
        let zeros = vec![0x5a; CLUSTER as usize];
        let mut stream = Vec::with_capacity(1000);
        deflated.compress_vec(&zeros, &mut stream, flate2::FlushCompress::Finish).unwrap();
        if entry & COMPRESSED != 0 {
            forge.bytes(DATA, &stream);
        }
        for cluster in 0..8192 {
            forge.l2(cluster, entry);
        }
        let (one, other) = (forge.image(), forge.image());
        let error = compare(&one.chain().unwrap(), &other.chain().unwrap(), false).unwrap_err();
        assert_eq!(error.error.error.code(), "overlap", "{error}");
        let most = (256 << 20) + 4 * CLUSTER;
        assert!(one.cost().1 <= most && other.cost().1 <= most, "{:?}", one.cost());
    }
}

/// Where both have much in one piece a second thread reads one of them: the first difference is found all the same,
/// wherever it is.
#[test]
fn the_first_difference_of_much_data_is_found() {
    let size = 40 << 20;
    let raw = |change: Option<usize>| {
        let mut disk: Vec<u8> = (0..size).map(|at: usize| (at / 1000 % 251) as u8 | 1).collect();
        for at in change.into_iter().flat_map(|at| at..size) {
            disk[at] ^= 6;
        }
        Chain::new(vec![Layer::raw(MemorySource(disk)).unwrap()])
    };
    let one = raw(None);
    for at in [0, 1, (1 << 20) - 1, 1 << 20, 17_000_001, size - 1] {
        let found = compare(&one, &raw(Some(at)), false).unwrap();
        let at = GuestOffset(at as u64);
        assert_eq!(found, Comparison::ContentDiffers { at, beyond_shorter: false });
    }
    let found = compare(&one, &raw(None), false).unwrap();
    assert_eq!(found, Comparison::Identical { sizes_differ: false });
}

/// As a crash may leave it: that is compared as it is read.
#[test]
fn some_clusters_at_two_places_are_compared() {
    let mut forge = Forge::new();
    for cluster in 0..1000 {
        forge.l2(cluster, COPIED | DATA);
    }
    let (one, other) = (forge.image(), forge.image());
    let found = compare(&one.chain().unwrap(), &other.chain().unwrap(), false).unwrap();
    assert_eq!(found, Comparison::Identical { sizes_differ: false });
}

/// The same with tables that say nothing but zeros, and take turns: one extent, in no time.
#[test]
fn tables_of_zeros_are_read_once_however_often_they_are_named() {
    let mut forge = Forge::new();
    let entries = 8192;
    forge.u64(24, entries << 29).u32(36, entries as u32);
    for entry in 0..entries {
        forge.u64(L1 + 8 * entry, COPIED | if entry % 2 == 0 { L2 } else { DATA });
    }
    for cluster in 0..8192 {
        forge.l2(cluster, 1).u64(DATA + 8 * cluster, 1);
    }
    let forged = forge.image();
    let extents = forged.extents().unwrap();
    assert_eq!((extents.len(), extents[0].length, extents[0].zero), (1, entries << 29, true));
    assert!(forged.cost().1 < 6 * CLUSTER, "{:?}", forged.cost());
    let view = forged.image.active().unwrap();
    assert_eq!(view.map(GuestOffset(0)..GuestOffset(u64::MAX)).count(), 1);
    assert!(forged.cost().1 < 9 * CLUSTER, "{:?}", forged.cost());
}

/// 100,000 tables of 2 MiB, each of them a hole, are asked for once each and not read.
#[test]
fn tables_in_a_hole_are_not_read() {
    let bits = 21;
    let mut forge = Forge::new();
    forge.u32(20, bits).u64(24, 100_000 << 39).u32(36, 100_000).u64(40, 3 << bits);
    forge.u64(48, 1 << bits);
    let directory = scratch();
    let path = path(directory.path(), "holes.qcow2");
    let entries: Vec<u8> = (0..100_000_u64).flat_map(|n| ((8 + n) << bits).to_be_bytes()).collect();
    let file = std::fs::File::create_new(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &forge.0[..512], 0).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &entries, 3 << bits).unwrap();
    file.set_len(200_100 << bits).unwrap();
    let image = Image::open(std::fs::File::open(&path).unwrap()).unwrap();
    let chain = Chain::new(vec![Layer::image(image.active().unwrap())]);
    let extents: Vec<_> = chain.extents().map(Result::unwrap).collect();
    assert_eq!((extents.len(), extents[0].length, extents[0].present), (1, 100_000 << 39, false));
}

/// The same table of zeros again and again is looked at once: it stays in the window.
#[test]
fn one_table_of_zeros_for_all_is_looked_at_once() {
    let mut forge = Forge::new();
    let entries = 8192;
    forge.u64(24, entries << 29).u32(36, entries as u32);
    for entry in 0..entries {
        forge.u64(L1 + 8 * entry, COPIED | DATA).u64(DATA + 8 * entry, 1);
    }
    let forged = forge.image();
    assert_eq!(forged.extents().unwrap().len(), 1);
    assert!(forged.cost().1 < 4 * CLUSTER, "{:?}", forged.cost());
}

/// 2 EiB of guest in clusters of 2 MiB, of which nothing is allocated.
#[test]
fn the_largest_disk_is_one_extent() {
    let mut forge = Forge::new();
    let file = 48 << 20;
    forge.u32(20, 21).u64(24, 1 << 61).u32(36, 4 << 20).u64(40, 2 << 20).u64(48, 40 << 20);
    forge.0.resize(file, 0);
    let forged = forge.image();
    let extents = forged.extents().unwrap();
    assert_eq!((extents.len(), extents[0].length, extents[0].present), (1, 1 << 61, false));
    let mut buffer = [1; 512];
    let view = forged.image.active().unwrap();
    assert_eq!(view.read_at(GuestOffset((1 << 61) - 512), &mut buffer).unwrap(), 512);
    assert_eq!(view.read_at(GuestOffset(1 << 61), &mut buffer).unwrap(), 0);
    assert_eq!(view.read_at(GuestOffset(u64::MAX), &mut buffer).unwrap(), 0);
}
