//! Directories of bitmaps that lie.

use super::TIB;
use crate::forge::{DATA, Forge, L2};

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
