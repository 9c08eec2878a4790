//! Tables that lie. Each case: what is answered, and that it costs next to nothing.

use diskdag_qcow2::table::{L1Entry, L2Entry, Oddities, RefcountTableEntry};
use diskdag_qcow2::{Chain, ErrorKind, GuestOffset, Image, ImageError, Layer};

use crate::forge::{CLUSTER, COMPRESSED, COPIED, DATA, Forge, L1, L2};
use crate::support::{path, scratch};

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

// L1

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

// L2, clusters

#[test]
fn data_beyond_the_end_reads_as_zeros_and_is_not_present() {
    let forged = Forge::new().l2(0, COPIED | TIB).l2(1, COPIED | DATA).image();
    assert_eq!(forged.read(0).unwrap(), zeros());
    assert_eq!(forged.image.reads_beyond_end(), 1);
    let extents = forged.extents().unwrap();
    assert!(extents[0].beyond_end && !extents[0].present && extents[0].zero);
    assert_eq!(extents[0].offset, None);
    assert!(extents[1].present);
    assert_eq!(odd(&Forge::new(), COPIED | TIB, 0), Oddities::OUT_OF_BOUNDS);
    forged.cost();
}

#[test]
fn a_run_over_the_end_is_cut_there() {
    let mut forge = Forge::new();
    for cluster in 0..8 {
        forge.l2(cluster, COPIED | (DATA + cluster * CLUSTER));
    }
    let forged = forge.image();
    let mut buffer = vec![0xcc; 8 * CLUSTER as usize];
    forged.image.active().unwrap().read_at(GuestOffset(0), &mut buffer).unwrap();
    assert_eq!(buffer[..CLUSTER as usize], data());
    assert!(buffer[CLUSTER as usize..].iter().all(|byte| *byte == 0));
    let extents = forged.extents().unwrap();
    assert_eq!((extents[0].length, extents[0].present), (CLUSTER, true));
    assert_eq!((extents[1].length, extents[1].beyond_end), (7 * CLUSTER, true));
    forged.cost();
}

#[test]
fn l2_copied_without_a_cluster_is_unallocated() {
    let forged = Forge::new().l2(0, COPIED).image();
    assert_eq!(forged.read(0).unwrap(), zeros());
    assert!(!forged.extents().unwrap()[0].present);
    assert_eq!(odd(&Forge::new(), COPIED, 0), Oddities::COPIED_NOTHING);
}

#[test]
fn two_entries_for_one_cluster_are_read_twice() {
    let forged = Forge::new().l2(0, COPIED | DATA).l2(1, COPIED | DATA).image();
    assert_eq!(forged.read(0).unwrap(), data());
    assert_eq!(forged.read(1).unwrap(), data());
    assert_eq!(forged.extents().unwrap().len(), 3, "not one run: the offsets aren't neighbours");
}

#[test]
fn l2_misaligned_is_not_read_through() {
    let forged = Forge::new().l2(0, COPIED | DATA | 0x200).image();
    assert_eq!(forged.refused(0), "misaligned");
    assert_eq!(forged.extents(), Err("misaligned"));
    assert_eq!(odd(&Forge::new(), DATA | 0x200, 0), Oddities::MISALIGNED);
}

#[test]
fn a_bad_entry_does_not_spoil_its_neighbours() {
    let forged = Forge::new().l2(0, COPIED | DATA).l2(1, MISALIGNED).image();
    assert_eq!(forged.read(0).unwrap(), data());
    assert_eq!(forged.refused(1), "misaligned");
    let error = forged.read(1).unwrap_err();
    let ImageError::Format(error) = error else { panic!("{error}") };
    assert_eq!(error.offset, L2 + 8, "the error says which entry");
}

#[test]
fn l2_reserved_bits_are_odd_and_read_through() {
    let entry = COPIED | DATA | 1 << 57 | 8;
    let forged = Forge::new().l2(0, entry).image();
    assert_eq!(forged.read(0).unwrap(), data());
    assert_eq!(odd(&Forge::new(), entry, 0), Oddities::RESERVED_BITS);
}

#[test]
fn compressed_garbage_is_an_error_only_when_it_is_read() {
    let forged = Forge::new().l2(0, COMPRESSED | DATA).image();
    let extents = forged.extents().unwrap();
    assert!(extents[0].compressed && extents[0].present);
    assert_eq!(forged.refused(0), "decode");
    assert_eq!(forged.refused(1), "read");
}

#[test]
fn a_stream_that_is_too_short_is_an_error() {
    // A stored block of three bytes, the last one.
    let stream = [1, 3, 0, 0xfc, 0xff, b'a', b'b', b'c'];
    let forged = Forge::new().bytes(DATA, &stream).l2(0, COMPRESSED | DATA).image();
    let error = forged.read(0).unwrap_err();
    assert!(error.to_string().contains("before the cluster is full"), "{error}");
}

#[test]
fn compressed_beyond_the_end_is_out_of_bounds() {
    let forged = Forge::new().l2(0, COMPRESSED | TIB).image();
    assert_eq!(forged.refused(0), "out-of-bounds");
    assert_eq!(odd(&Forge::new(), COMPRESSED | TIB, 0), Oddities::OUT_OF_BOUNDS);
    forged.cost();
}

/// 1024 entries name one blob of some hundred bytes: 64 MiB of guest data.
#[test]
fn one_blob_for_the_whole_disk_is_decompressed_once_for_pieces() {
    use std::io::Write as _;

    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&data()).unwrap();
    let blob = encoder.finish().unwrap();
    assert!(blob.len() < 512);
    let mut forge = Forge::new();
    forge.bytes(DATA, &blob);
    for cluster in 0..1024 {
        forge.l2(cluster, COMPRESSED | DATA);
    }
    let forged = forge.image();
    let view = forged.image.active().unwrap();
    let mut piece = vec![0; 1000];
    let before = forged.cost();
    for cluster in 0..1024 {
        view.read_at(GuestOffset(cluster * CLUSTER + 77), &mut piece).unwrap();
        assert!(piece.iter().all(|byte| *byte == 0x5a));
    }
    let (reads, bytes) = forged.cost();
    assert!(reads - before.0 <= 4, "two slices of the table, one blob: {}", reads - before.0);
    assert!(bytes - before.1 <= 3 * 4096, "{}", bytes - before.1);
}

#[test]
fn the_zero_flag_of_version_2_is_not_read_through() {
    let mut forge = Forge::new();
    forge.u32(4, 2).l2(0, COPIED | DATA | 1);
    // The words behind a header of version 2 are its extensions: none.
    forge.bytes(72, &[0; 32]);
    let forged = forge.image();
    assert_eq!(forged.refused(0), "inconsistent");
    assert_eq!(odd(&forge, COPIED | DATA | 1, 0), Oddities::ZERO_IN_VERSION_2);
}

#[test]
fn subclusters_both_allocated_and_zero_are_not_read_through() {
    let mut forge = Forge::new();
    // 4096 entries of 16 bytes: 256 MiB a table.
    forge.u64(72, 1 << 4).u64(L2, COPIED | DATA).u64(L2 + 8, 1 << 32 | 1);
    let forged = forge.image();
    assert_eq!(forged.refused(0), "inconsistent");
    assert_eq!(odd(&forge, COPIED | DATA, 1 << 32 | 1), Oddities::BAD_SUBCLUSTERS);
    let nothing = forge.clone().u64(L2, 0).u64(L2 + 8, 1).image();
    assert_eq!(nothing.refused(0), "inconsistent", "allocated without a cluster");
}

#[test]
fn the_zero_flag_of_an_extended_entry_is_odd_and_has_no_meaning() {
    let mut forge = Forge::new();
    forge.u64(72, 1 << 4).u64(L2, COPIED | DATA | 1).u64(L2 + 8, u64::from(u32::MAX));
    assert_eq!(forge.image().read(0).unwrap(), data());
    assert_eq!(odd(&forge, COPIED | DATA | 1, 0xffff_ffff), Oddities::ZERO_IN_EXTENDED);
}

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

// Refcounts

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

// Internal snapshots

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

// Bitmaps

/// An image with one bitmap, whose directory lies in the last cluster and is `size` bytes long.
fn with_bitmap(directory: u64, size: u64) -> Forge {
    let mut forge = Forge::new();
    forge.bytes(DATA, &[0; 512]);
    forge.u64(88, 1).u32(104, 0x2385_2875).u32(108, 24).u32(112, 1);
    forge.u64(120, size).u64(128, directory);
    forge.u64(DATA, L2).u32(DATA + 8, 1).u32(DATA + 12, 0).bytes(DATA + 16, &[1, 16, 0, 1]);
    forge.bytes(DATA + 24, b"b");
    forge
}

fn bitmap_code(forge: &Forge) -> &'static str {
    match forge.image().image.bitmaps() {
        Err(error) => error.code(),
        Ok(directory) => {
            directory.unwrap().iter().find_map(Result::err).map_or("read", |error| error.code())
        }
    }
}

#[test]
fn bitmap_directories_that_lie() {
    assert_eq!(bitmap_code(&with_bitmap(DATA, 32)), "read");
    let nowhere = with_bitmap(TIB, 67_107_840).image();
    let before = nowhere.cost();
    assert_eq!(nowhere.image.bitmaps().unwrap_err().code(), "out-of-bounds");
    assert_eq!(nowhere.cost(), before);
    assert_eq!(bitmap_code(&with_bitmap(0, 32)), "overlap");
    assert_eq!(bitmap_code(&with_bitmap(DATA, 40)), "inconsistent", "longer than its entries");
    assert_eq!(bitmap_code(&with_bitmap(DATA, 24)), "out-of-bounds", "shorter than its entries");
    assert_eq!(bitmap_code(&with_bitmap(DATA, 0)), "out-of-bounds");
    let with = |at, byte| bitmap_code(with_bitmap(DATA, 32).bytes(DATA + at, &[byte]));
    assert_eq!(with(17, 64), "bad-field", "granularity");
    assert_eq!(with(16, 2), "bad-field", "type");
    assert_eq!(with(15, 4), "unsupported", "flags");
    assert_eq!(with(23, 8), "unsupported", "extra data");
    assert_eq!(with(19, 0), "bad-field", "no name");
    assert_eq!(with(18, 255), "bad-field", "a name of 64 KiB");
    assert_eq!(with(6, 2), "misaligned");
    assert_eq!(with(8, 1), "bad-field", "a table of 16 million entries");
    assert_eq!(with(2, 1), "read", "its table is beyond the end, which shows when it is read");
    let lost = with_bitmap(DATA, 32).bytes(DATA + 2, &[1]).image();
    let directory = lost.image.bitmaps().unwrap().unwrap();
    let bitmap = directory.iter().next().unwrap().unwrap();
    assert_eq!(lost.image.bitmap_table(&bitmap).unwrap_err().code(), "out-of-bounds");
}
