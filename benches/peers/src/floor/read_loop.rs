//! Files whose paths are known: open, one pread into a buffer that is used again, close; or one statx.

use crate::Result;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxFlags, openat, statx};
use rustix::io::pread;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Paths as the system call wants them, so that the loop itself converts nothing.
pub(crate) fn c_paths(paths: &[PathBuf]) -> Result<Vec<CString>> {
    paths.iter().map(|path| Ok(CString::new(path.as_os_str().as_bytes())?)).collect()
}

/// Reads the first bytes of every file; the sum of the bytes read.
pub(crate) fn read_all(paths: &[CString], buffer: &mut [u8]) -> Result<usize> {
    let mut sum = 0;
    for path in paths {
        let file = openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        sum += pread(&file, &mut *buffer, 0)?;
    }
    Ok(sum)
}

/// Asks every file what it is; the sum of their lengths.
pub(crate) fn stat_all(paths: &[CString]) -> Result<u64> {
    let mut sum = 0;
    for path in paths {
        sum += statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS)?.stx_size;
    }
    Ok(sum)
}
