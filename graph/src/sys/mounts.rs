//! What is mounted where, as the kernel tells it: `proc_pid_mountinfo(5)`. That a file system comes to
//! lie over a directory, or goes from it, is told nowhere else.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

const TABLE: &str = "/proc/self/mountinfo";

/// The table of mounts, opened to be told of its changes.
#[derive(Debug)]
pub(crate) struct Mounts {
    pub(super) file: File,
    /// Whoever polls the table is told of a change once.
    has_moved: AtomicBool,
    known: Mutex<BTreeSet<Vec<u8>>>,
}

impl Mounts {
    pub(crate) fn new() -> io::Result<Self> {
        let file = File::open(TABLE)?;
        let known = Mutex::new(lines(&std::fs::read(TABLE)?));
        Ok(Self { file, has_moved: AtomicBool::new(false), known })
    }

    /// Something has changed.
    pub(super) fn note(&self) {
        self.has_moved.store(true, Ordering::Release);
    }

    /// Where something is mounted, as far as that was told.
    pub(super) fn places(&self) -> Vec<PathBuf> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().filter_map(|line| place(line)).collect()
    }

    /// Where something was mounted or unmounted since the last time.
    pub(super) fn changed(&self) -> io::Result<Vec<PathBuf>> {
        if !self.has_moved.swap(false, Ordering::Acquire) {
            return Ok(Vec::new());
        }
        let now = match std::fs::read(TABLE) {
            Ok(table) => lines(&table),
            Err(error) => {
                self.note();
                return Err(error);
            }
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = known.symmetric_difference(&now).filter_map(|line| place(line)).collect();
        *known = now;
        Ok(changed)
    }
}

/// What makes a mount this one: its number, its parent's, its device, its root, its place. How it is
/// mounted is no matter.
fn lines(table: &[u8]) -> BTreeSet<Vec<u8>> {
    let first = |line: &[u8]| {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').take(5).collect();
        fields.join(&b' ')
    };
    table.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(first).collect()
}

/// The path in the fifth field, where blanks and backslashes stand as octal numbers.
fn place(line: &[u8]) -> Option<PathBuf> {
    let field = line.split(|byte| *byte == b' ').nth(4)?;
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, after @ ..] = rest {
        let octal = after.get(..3).filter(|_| *first == b'\\');
        let octal = octal.and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                path.push(byte);
                rest = &after[3..];
            }
            None => {
                path.push(*first);
                rest = after;
            }
        }
    }
    Some(OsString::from_vec(path).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_called() {
        let line = br"36 35 98:0 /mnt1 /mnt\0402\134x rw,noatime master:1 - ext3 /dev/root rw";
        let lines = lines(&[&line[..], b"\n"].concat());
        let line = lines.first().unwrap();
        assert_eq!(place(line), Some(r"/mnt 2\x".into()));
        assert!(!line.ends_with(b"rw"), "how it is mounted is no matter");
    }
}
