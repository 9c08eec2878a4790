//! A file replaced as a whole.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Makes `bytes` the content of the file at `path`: written beside it, synced, renamed over it, and
/// the directory synced. A crash leaves the old file or the new one.
pub(super) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Err(io::ErrorKind::IsADirectory.into()),
    };
    let (mut file, temporary) = beside(directory, path, mode)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&temporary, path));
    match written {
        Ok(()) => File::open(directory)?.sync_all(),
        Err(error) => {
            // The leftover is harmless; the first error is the one to report.
            drop(std::fs::remove_file(&temporary));
            Err(error)
        }
    }
}

/// A new file in the same directory, under a name that nobody else has.
fn beside(directory: &Path, path: &Path, mode: u32) -> io::Result<(File, PathBuf)> {
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let process = std::process::id();
    let mut attempt = 0;
    loop {
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{process}.{attempt}"));
        let temporary = directory.join(temporary);
        match OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary) {
            Ok(file) => return Ok((file, temporary)),
            // Of another thread, or left by a process that had this number and was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 64 => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}
