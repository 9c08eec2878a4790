//! Any header at all: sound ones, broken in ways that keep them interesting, beside the parser of
//! `oracle.rs`. Deterministic: the seed stands here.

use diskdag_qcow2::create::{Backing, Create};
use diskdag_qcow2::{ClusterBits, Compression};
use proptest::prelude::*;

use crate::checks;
use crate::image::{
    BITMAPS, DATA_FILE, FORMAT, LUKS, NAMES, Put as _, Random, at, bitmaps, ext, extended, make,
};

/// First clusters, or as much of them as counts; the files end there.
fn sound() -> Vec<Vec<u8>> {
    let bits = |bits| ClusterBits::new(bits).unwrap();
    let backing = Some(Backing { name: b"base.qcow2", format: Some(b"qcow2") });
    let options = [
        Create { virtual_size: 64 << 20, ..Create::default() },
        Create { version: 2, virtual_size: 64 << 20, backing, ..Create::default() },
        Create { virtual_size: 1 << 40, backing, cluster_bits: bits(21), ..Create::default() },
        Create { virtual_size: 1 << 20, backing, cluster_bits: bits(9), ..Create::default() },
        Create {
            virtual_size: 1 << 30,
            data_file: Some(b"data.raw"),
            extended_l2: true,
            compression: Compression::Zstd,
            lazy_refcounts: true,
            refcount_order: 0,
            ..Create::default()
        },
    ];
    let bitmaps = bitmaps(1, 0, 24, 65_536);
    let luks = [&(1_u64 << 17).to_be_bytes()[..], &4096_u64.to_be_bytes()].concat();
    let mut crowded = extended(&[
        ext(FORMAT, b"raw"),
        ext(DATA_FILE, b"data.raw"),
        ext(LUKS, &luks),
        ext(NAMES, &[1; 96]),
        ext(BITMAPS, &bitmaps),
        ext(0x1234_5678, b"unknown"),
    ]);
    crowded.put32(at::CRYPT, 2).put64(at::INCOMPATIBLE, 4).put64(at::AUTOCLEAR, 3);
    crowded.put64(at::NAME_OFFSET, 512).put32(at::NAME_SIZE, 9).put(512, b"base file");
    options
        .iter()
        .map(make)
        .chain([crowded])
        .map(|mut file| {
            file.truncate(700);
            file
        })
        .collect()
}

const OFFSETS: [usize; 19] = [
    0,
    at::VERSION,
    at::NAME_OFFSET,
    at::NAME_SIZE,
    at::CLUSTER_BITS,
    at::SIZE,
    at::CRYPT,
    at::L1_SIZE,
    at::L1,
    at::REFCOUNT_TABLE,
    at::REFCOUNT_CLUSTERS,
    at::SNAPSHOTS,
    at::SNAPSHOTS_OFFSET,
    at::INCOMPATIBLE,
    at::COMPATIBLE,
    at::AUTOCLEAR,
    at::REFCOUNT_ORDER,
    at::HEADER_LENGTH,
    at::COMPRESSION,
];
const VALUES: [u64; 34] = [
    0,
    1,
    2,
    3,
    4,
    6,
    7,
    8,
    9,
    13,
    14,
    15,
    16,
    21,
    22,
    24,
    72,
    104,
    105,
    112,
    120,
    128,
    129,
    511,
    512,
    1023,
    1024,
    65_535,
    65_536,
    65_537,
    4 << 20,
    1 << 40,
    1 << 63,
    u64::MAX,
];
const KINDS: [u32; 7] = [0, FORMAT, NAMES, BITMAPS, LUKS, DATA_FILE, 0x1234_5678];

fn mutate(file: &mut Vec<u8>, random: &mut Random) {
    let value = |random: &mut Random| {
        let value = *random.pick(&VALUES);
        match random.below(4) {
            0 => value.wrapping_sub(random.next() % 3),
            1 => value.wrapping_add(random.next() % 9),
            _ => value,
        }
    };
    for _ in 0..=random.below(3) {
        let room = file.len();
        if room < 160 {
            return;
        }
        match random.below(8) {
            // A field, in its own width or not.
            0..=2 => {
                let (at, value) = (*random.pick(&OFFSETS), value(random));
                if random.below(3) == 0 {
                    file.put64(at, value);
                } else {
                    file.put(at, &value.to_be_bytes()[4..]);
                }
            }
            // An extension's type, or its length.
            3 | 4 => {
                let at = 72 + 8 * random.below((room - 80) / 8);
                let kind = *random.pick(&KINDS);
                let length = value(random).to_be_bytes();
                file.put32(at, kind);
                if random.below(2) == 0 {
                    file.put(at + 4, &length[4..]);
                }
            }
            // A bit.
            5 => file[random.below(room.min(600))] ^= 1 << random.below(8),
            // A stretch moved over another.
            6 => {
                let (from, to) = (random.below(room - 64), random.below(room - 64));
                let length = 8 * (1 + random.below(8));
                file.copy_within(from..from + length.min(64), to);
            }
            _ => {
                let cut = room.min(60 + random.below(room));
                file.truncate(cut);
            }
        }
    }
}

#[test]
fn a_hundred_thousand_mutants() {
    let seed = 0x5146_49fb;
    println!("seed {seed:#x}");
    let mut random = Random(seed);
    let sound = sound();
    for file in &sound {
        checks::header(file);
    }
    for _ in 0..100_000 {
        let mut file = random.pick(&sound).clone();
        mutate(&mut file, &mut random);
        checks::header(&file);
    }
}

#[test]
fn the_campaign_is_not_all_rejects() {
    let mut random = Random(7);
    let sound = sound();
    let accepted = (0..2000).filter(|_| {
        let mut file = random.pick(&sound).clone();
        mutate(&mut file, &mut random);
        crate::oracle::read(&file).is_some()
    });
    let accepted = accepted.count();
    assert!((400..1800).contains(&accepted), "{accepted} of 2000");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        checks::header(&bytes);
    }

    #[test]
    fn any_bytes_behind_a_magic(mut bytes in prop::collection::vec(any::<u8>(), 104..600), bits in 9_u32..22) {
        bytes.put(0, b"QFI\xfb\0\0\0\x03").put32(at::CLUSTER_BITS, bits).put32(at::HEADER_LENGTH, 104);
        checks::header(&bytes);
    }

    #[test]
    fn a_sound_header_with_bytes_changed(
        which in 0_usize..6,
        changes in prop::collection::vec((0_usize..600, any::<u8>()), 0..6),
        cut in 72_usize..=700,
    ) {
        let mut file = sound().swap_remove(which);
        for (at, byte) in changes {
            file[at] = byte;
        }
        file.truncate(cut);
        checks::header(&file);
    }

    #[test]
    fn any_name(name in prop::collection::vec(any::<u8>(), 0..64)) {
        checks::reference(&name);
    }

    #[test]
    fn any_name_of_interesting_parts(
        name in "(file|json|nbd|host_device|fat|a|)[:/]{0,2}(\\./|\\.\\./|a|:|\\{|\\}|'|\"|\0){0,6}",
    ) {
        checks::reference(name.as_bytes());
    }

    #[test]
    fn any_json_of_interesting_parts(
        text in "(\\{|\\}|\\[|\\]|:|,|'file'|'driver'|'filename'|'raw'|'qcow2'|'/a'|\"x\"|1|null|\\\\| |'){0,24}",
    ) {
        checks::json(text.as_bytes());
    }

    #[test]
    fn any_json_object(
        pairs in prop::collection::vec(
            ("(file\\.){0,3}(driver|filename|file|backing|size)", "'(raw|qcow2|file|nbd|throttle|/a)'|1|\\{\\}|null"),
            0..6,
        ),
    ) {
        let members: Vec<_> = pairs.iter().map(|(key, value)| format!("'{key}':{value}")).collect();
        checks::json(format!("{{{}}}", members.join(",")).as_bytes());
    }
}
