//! Steps that are made of several calls, the same on every file system.

use std::io;
use std::path::Path;

use super::{Fs, FsFile, Kind};

/// Gives a file or a directory another name in its directory, which nobody may have yet.
///
/// Where there is no such step (NFS) a file gets the name as a second one, which takes it from nobody; that is
/// forced out, so that at no instant the medium has neither; then the first name goes. Cut off, the file has both
/// names. A directory cannot have two: there a look comes first, and of those who want the name at the same time
/// one fails because a directory that is not empty is not replaced.
///
/// # Errors
///
/// `AlreadyExists`; whatever else the system answers. Then the file may have both names.
pub fn give_name(fs: &dyn Fs, from: &Path, to: &Path) -> io::Result<()> {
    match fs.rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
        other => return other,
    }
    if fs.stat(from)?.kind == Kind::Directory {
        return match fs.stat(to) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) if is_absent(&error) => fs.replace(from, to),
            Err(error) => Err(error),
        };
    }
    fs.link(from, to)?;
    fs.sync_dir(to.parent().unwrap_or(Path::new("/")))?;
    fs.remove(from)
}

/// Writes all of `bytes`. Writes cut short go on; interrupted ones are tried again.
///
/// # Errors
///
/// Whatever the system answers; `WriteZero` if it takes no more.
pub fn write_all(file: &dyn FsFile, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(offset, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = bytes.get(written..).unwrap_or_default();
                offset += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads `len` bytes from `offset` on, or as many as there are. Reads cut short go on.
///
/// # Errors
///
/// Whatever the system answers.
pub fn read_up_to(file: &dyn FsFile, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let mut done = 0;
    while done < len {
        match file.read_at(offset + done as u64, bytes.get_mut(done..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(more) => done += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}

/// All bytes of a file.
///
/// # Errors
///
/// Whatever the system answers; `FileTooLarge` beyond `limit`.
pub fn read_all(file: &dyn FsFile, limit: u64) -> io::Result<Vec<u8>> {
    let len = file.len()?;
    match usize::try_from(len) {
        Ok(wanted) if len <= limit => read_up_to(file, 0, wanted),
        _ => Err(io::ErrorKind::FileTooLarge.into()),
    }
}

/// Whether the error says that nothing is there.
#[must_use]
pub fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
