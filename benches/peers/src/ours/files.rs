//! Headers from files.

use crate::Result;
use diskdag_qcow2::Header;
use diskdag_qcow2::open::{open_listed, read_header};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::pread;
use std::ffi::CStr;
use std::path::Path;

pub(crate) use diskdag_qcow2::open::FIRST_READ;

/// Opens and reads as the floor does, and parses what was read; length of the backing name.
pub(crate) fn open(path: &CStr, buffer: &mut [u8; FIRST_READ]) -> Result<usize> {
    let file = openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let len = pread(&file, &mut *buffer, 0)?;
    // Whoever has not asked for the length knows it only of a file that ended within the read.
    let file_len = if len < FIRST_READ { len as u64 } else { u64::MAX };
    let header = Header::parse_prefix(buffer.get(..len).unwrap_or_default(), file_len)?;
    Ok(header.backing_name().map_or(0, <[u8]>::len))
}

/// The library's own way: which file it is, asked of the descriptor, and its header.
pub(crate) fn open_identity(path: &Path, buffer: &mut Vec<u8>) -> Result<(u64, usize)> {
    let opened = open_listed(path)?;
    let header = read_header(&opened.file, opened.stat.len, buffer)?;
    Ok((opened.stat.inode, header.backing_name().map_or(0, <[u8]>::len)))
}
