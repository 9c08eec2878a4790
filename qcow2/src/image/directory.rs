//! Reading the bitmap directory, no further than it makes sense.
#![forbid(unsafe_code)]

use std::vec::Vec;

use crate::error::{Error, ErrorKind};
use crate::header::BitmapsPointer;
use crate::table::{Bitmaps, Geometry};

/// How much is read at first: some hundred bitmaps.
const FIRST_READ: u64 = 64 << 10;

/// The bytes of a directory that lies inside the file, up to its first entry that makes no sense and some more. It may
/// claim 64 MiB of a hole in the file, and the first zero ends it.
///
/// `read` gives as many bytes from an offset on as it is asked for, or why it can't.
pub(crate) fn read_directory<E>(
    pointer: &BitmapsPointer,
    geometry: &Geometry,
    mut read: impl FnMut(u64, u64) -> Result<Vec<u8>, E>,
) -> Result<Vec<u8>, E> {
    let start = pointer.directory.get();
    let mut want = FIRST_READ.min(pointer.directory_size);
    let mut bytes = Vec::new();
    loop {
        let have = bytes.len() as u64;
        bytes.append(&mut read(start.saturating_add(have), want - have)?);
        if want == pointer.directory_size {
            return Ok(bytes);
        }
        let all = Bitmaps::new(&bytes, pointer.count, pointer.directory, *geometry);
        let end = start.saturating_add(want);
        match all.filter_map(Result::err).last() {
            // What is wrong with it is not that it ends here.
            Some(Error { kind, .. }) if !is_cut_at(end, &kind) => return Ok(bytes),
            _ => want = want.saturating_mul(2).min(pointer.directory_size),
        }
    }
}

fn is_cut_at(end: u64, kind: &ErrorKind) -> bool {
    match kind {
        ErrorKind::OutOfBounds { limit, .. } => *limit == end,
        // How much there is behind the last entry is told.
        ErrorKind::Inconsistent { .. } => true,
        _ => false,
    }
}
