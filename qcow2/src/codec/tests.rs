//! Our zstd decoder beside another one, and on streams that lie.
#![allow(clippy::cast_possible_truncation, reason = "samples are small, and chance may be cut")]

use std::vec::Vec;

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::{DecodeFault, Decoders};
use crate::header::Compression;

fn chance(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// Text of sorts: repetitive, but not of one period.
fn sample(seed: &mut u64, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let run = (chance(seed) % 300) as usize;
        match chance(seed) % 4 {
            0 => bytes.extend((0..run).map(|_| chance(seed) as u8)),
            1 => bytes.extend(core::iter::repeat_n(chance(seed) as u8, run)),
            2 => bytes.extend((0..run).map(|at| b"the quick brown fox "[at % 20])),
            _ => {
                let back = (chance(seed) as usize % bytes.len().max(1)).max(1);
                let from = bytes.len().saturating_sub(back);
                for at in from..(from + run).min(bytes.len()) {
                    bytes.push(bytes[at]);
                }
            }
        }
    }
    bytes.truncate(length);
    bytes
}

fn zstd(input: &[u8], length: usize) -> Result<Vec<u8>, DecodeFault> {
    let mut output = std::vec![0; length];
    Decoders::default().decode(Compression::Zstd, input, &mut output)?;
    Ok(output)
}

#[test]
fn zstd_gives_back_what_another_encoder_was_given() {
    let mut seed = 1;
    for round in 0..60 {
        let length = [1, 512, 4096, 65536, 300_000][round % 5];
        let plain = sample(&mut seed, length);
        let mut packed = compress_to_vec(plain.as_slice(), CompressionLevel::Fastest);
        // The rest of the last sector.
        packed.resize(packed.len().next_multiple_of(512), 0);
        assert_eq!(zstd(&packed, length).unwrap(), plain, "round {round}");
        assert!(length == 1 || zstd(&packed, length - 1).is_err(), "too long");
        assert!(zstd(&packed, length + 1).is_err(), "too short");
    }
}

#[test]
fn zstd_mutated_ends_and_does_not_panic() {
    let mut seed = 7;
    for round in 0..40_u64 {
        let plain = sample(&mut seed, 20_000);
        let packed = compress_to_vec(plain.as_slice(), CompressionLevel::Fastest);
        for _ in 0..50 {
            let mut bad = packed.clone();
            for _ in 0..=chance(&mut seed) % 4 {
                let at = chance(&mut seed) as usize % bad.len();
                bad[at] = chance(&mut seed) as u8;
            }
            if let Ok(found) = zstd(&bad, 20_000) {
                assert_eq!(found.len(), 20_000, "round {round}");
            }
        }
    }
}

/// One block that claims 65,535 matches of 131,074 bytes: 8 GiB from 128 KiB.
#[test]
fn zstd_bomb_ends_at_the_cluster() {
    let mut block = std::vec![0b0000_1000, b'x'];
    block.extend([0xff, 0xff, 0x80]);
    // All three tables are of one symbol: no literals, the last offset again, the longest match.
    block.extend([0b0101_0100, 0, 0, 52]);
    block.extend(core::iter::repeat_n(0xff, 131_000));
    block.push(1);
    let mut frame = std::vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x58];
    let header = (block.len() as u32) << 3 | 2 << 1 | 1;
    frame.extend(&header.to_le_bytes()[..3]);
    frame.extend(block);
    assert!(zstd(&frame, 2 << 20).is_err());
    assert!(zstd(&frame, 4096).is_err());
}

#[test]
fn deflate_fills_exactly_one_cluster() {
    use std::io::Write as _;

    let mut seed = 3;
    let plain = sample(&mut seed, 4096);
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&plain).unwrap();
    let packed = encoder.finish().unwrap();
    let mut decoders = Decoders::default();
    let mut inflate = |length: usize| {
        let mut output = std::vec![0; length];
        decoders.decode(Compression::Deflate, &packed, &mut output).map(|()| output)
    };
    assert_eq!(inflate(4096).unwrap(), plain);
    assert_eq!(inflate(4095).unwrap(), plain[..4095], "QEMU takes what fits");
    assert_eq!(inflate(4097), Err(DecodeFault::TooShort));
    assert_eq!(inflate(4096).unwrap(), plain, "an error leaves nothing behind");
    let mut output = [0; 512];
    let garbage = decoders.decode(Compression::Deflate, &[0xff; 64], &mut output);
    assert_eq!(garbage, Err(DecodeFault::Invalid));
}

/// Two MiB of blocks that make nothing of themselves, each with a table of codes to be built: it took seconds.
#[test]
fn zstd_blocks_that_make_nothing_are_counted() {
    // No literals, coded by two symbols of one bit each, and no sequences.
    let block = [0b0000_0010, 0xc0, 0, 0x80, 0x10, 1, 0];
    let header = (block.len() as u32) << 3 | 2 << 1;
    let mut frame = std::vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x58];
    let empty = |frame: &mut Vec<u8>| {
        frame.extend(&header.to_le_bytes()[..3]);
        frame.extend(block);
    };
    let mut few = frame.clone();
    (0..100).for_each(|_| empty(&mut few));
    // A block of one byte, repeated.
    few.extend([3 | (512 << 3) as u8, (512_u32 << 3 >> 8) as u8, 0, b'x']);
    assert_eq!(zstd(&few, 512), Ok(std::vec![b'x'; 512]));
    while frame.len() < 2 << 20 {
        empty(&mut frame);
    }
    assert_eq!(zstd(&frame, 2 << 20), Err(DecodeFault::Blocks));
}
