//! All L2 tables of an image, read one by one into the same buffer.

use crate::Result;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::pread;
use std::hint::black_box;
use std::path::Path;

const TABLE: u64 = 64 << 10;
const CLUSTER: u64 = 64 << 10;
/// Where a cluster lies, in an entry.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;

/// Reads `count` tables of 64 KiB that lie side by side from `offset` on, and looks at nothing; the bytes read.
pub(crate) fn read(path: &Path, offset: u64, count: u64, buffer: &mut [u8]) -> Result<u64> {
    let file = openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut sum = 0;
    for table in 0..count {
        sum += pread(&file, &mut *buffer, offset + table * TABLE)? as u64;
    }
    Ok(sum)
}

/// The same, and gives a record for each extent, one by one, to somebody who does nothing with it; how many.
///
/// What a map has to give for neighbouring clusters that lie side by side are four words: where they begin,
/// their length, their place, and one for the layer and the flags. All entries have to be data: nothing is
/// checked.
pub(crate) fn records(path: &Path, offset: u64, count: u64, buffer: &mut [u8]) -> Result<usize> {
    let file = openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let [mut start, mut length, mut offset_of, kind] = [0, 0, 0, 7_u64];
    let mut records = 0;
    for table in 0..count {
        let read = pread(&file, &mut *buffer, offset + table * TABLE)?;
        for word in buffer[..read].as_chunks().0 {
            let place = u64::from_be_bytes(*word) & OFFSET;
            if place == offset_of + length {
                length += CLUSTER;
            } else {
                if length > 0 {
                    black_box(&[start, length, offset_of, kind]);
                    records += 1;
                }
                start += length;
                length = CLUSTER;
                offset_of = place;
            }
        }
    }
    black_box(&[start, length, offset_of, kind]);
    Ok(records + 1)
}
