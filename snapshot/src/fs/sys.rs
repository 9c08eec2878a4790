//! What is particular to a system: the only module of this crate that speaks to the operating system
//! below std.

use std::fs::{File, FileType, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, RenameFlags, XattrFlags};
use rustix::io::Errno;

use super::{Access, Attributes, Claim, Kind, Stat};

/// Never blocks, never becomes a controlling terminal, never follows the last link, is never inherited.
const SAFELY: OFlags =
    OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Opens a regular file; a look at the name comes first, so that nothing else is ever opened but by a race,
/// and then refused.
pub(super) fn open(path: &Path, access: Access) -> io::Result<File> {
    regular(&std::fs::symlink_metadata(path)?)?;
    let flags = match access {
        Access::Read => OFlags::RDONLY,
        Access::Write => OFlags::RDWR,
    };
    let file = File::from(rustix::fs::open(path, SAFELY | flags, Mode::empty())?);
    regular(&file.metadata()?)?;
    Ok(file)
}

fn regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
}

pub(super) fn create(path: &Path, mode: u32) -> io::Result<File> {
    let flags = SAFELY | OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
    Ok(File::from(rustix::fs::open(path, flags, Mode::from_raw_mode(raw(mode)))?))
}

/// The lock file may be read by whoever may read the pool; opening it for reading is enough to lock it,
/// so that a reader without the right to write can wait for a writer too.
pub(super) fn open_lock(path: &Path) -> io::Result<File> {
    let open = |flags| rustix::fs::open(path, SAFELY | flags, Mode::from_raw_mode(0o666));
    match open(OFlags::RDONLY) {
        Err(Errno::NOENT) => Ok(File::from(open(OFlags::RDWR | OFlags::CREATE)?)),
        other => Ok(File::from(other?)),
    }
}

pub(super) fn kind(of: FileType) -> Kind {
    if of.is_file() {
        Kind::File
    } else if of.is_dir() {
        Kind::Directory
    } else if of.is_symlink() {
        Kind::Symlink
    } else {
        debug_assert!(
            of.is_fifo() || of.is_socket() || of.is_char_device() || of.is_block_device()
        );
        Kind::Special
    }
}

fn stat(metadata: &Metadata) -> Stat {
    Stat {
        kind: kind(metadata.file_type()),
        device: metadata.dev(),
        inode: metadata.ino(),
        len: metadata.len(),
        allocated: metadata.blocks().saturating_mul(512),
        links: metadata.nlink(),
        mode: metadata.mode() & 0o7777,
    }
}

pub(super) fn stat_path(path: &Path) -> io::Result<Stat> {
    Ok(stat(&std::fs::symlink_metadata(path)?))
}

pub(super) fn stat_file(file: &File) -> io::Result<Stat> {
    Ok(stat(&file.metadata()?))
}

/// `EINVAL`, `ENOSYS` and `ENOTSUP` say that the file system, or the kernel, has no such step.
fn unsupported(errno: Errno) -> io::Error {
    match errno {
        Errno::INVAL | Errno::NOSYS | Errno::NOTSUP => io::ErrorKind::Unsupported.into(),
        other => other.into(),
    }
}

pub(super) fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    rustix::fs::renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE).map_err(unsupported)
}

pub(super) fn rename_to_nobodys(from: &Path, to: &Path) -> io::Result<()> {
    rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).map_err(unsupported)
}

/// The type of a mode differs between systems.
fn raw(mode: u32) -> rustix::fs::RawMode {
    rustix::fs::RawMode::try_from(mode & 0o7777).unwrap_or_default()
}

pub(super) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    Ok(rustix::fs::fchmod(file, Mode::from_raw_mode(raw(mode)))?)
}

/// Linux begins to write out what is dirty of pages that nobody needs any more, and drops none of those.
/// Advice: that it was not taken is no error.
#[cfg(target_os = "linux")]
pub(super) fn start_writing(file: &File) {
    let _advice = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
}

/// Nothing here starts it without waiting for it.
#[cfg(not(target_os = "linux"))]
pub(super) fn start_writing(_file: &File) {}

pub(super) fn attributes(file: &File) -> io::Result<Attributes> {
    let metadata = file.metadata()?;
    let mut extended = Vec::new();
    for name in names(file)? {
        if let Some(value) = value(file, &name)? {
            extended.push((name, value));
        }
    }
    extended.sort();
    Ok(Attributes {
        owner: (metadata.uid(), metadata.gid()),
        mode: metadata.mode() & 0o7777,
        extended,
    })
}

pub(super) fn set_attributes(file: &File, wanted: &Attributes) -> io::Result<()> {
    use rustix::fs::{Gid, Uid};

    let have = attributes(file)?;
    if have.owner != wanted.owner {
        let (owner, group) = wanted.owner;
        rustix::fs::fchown(file, Some(Uid::from_raw(owner)), Some(Gid::from_raw(group)))?;
    }
    // After the owner, because a change of owner takes set-user-id bits away; before the access control
    // lists, which are kept partly in the mode.
    set_mode(file, wanted.mode)?;
    for (name, value) in &wanted.extended {
        if !have.extended.iter().any(|(have, same)| have == name && same == value) {
            rustix::fs::fsetxattr(file, name.as_os_str(), value, XattrFlags::empty())?;
        }
    }
    Ok(())
}

/// A file may have more of them between the question how long the list is and the list.
fn names(file: &File) -> io::Result<Vec<std::ffi::OsString>> {
    use std::os::unix::ffi::OsStringExt;

    let list = grown(|buffer| rustix::fs::flistxattr(file, buffer))?;
    let names = list.unwrap_or_default();
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| std::ffi::OsString::from_vec(name.to_vec())).collect())
}

/// `None` if it has gone since it was listed.
fn value(file: &File, name: &std::ffi::OsStr) -> io::Result<Option<Vec<u8>>> {
    grown(|buffer| rustix::fs::fgetxattr(file, name, buffer))
}

/// Asks with larger and larger buffers. `None` where there is nothing, or the file system has no such thing.
fn grown(
    mut ask: impl FnMut(&mut [u8]) -> rustix::io::Result<usize>,
) -> io::Result<Option<Vec<u8>>> {
    /// Linux's own limit for the list and for each value.
    const MOST: usize = 64 << 10;
    let mut buffer = vec![0; 1 << 10];
    loop {
        match ask(&mut buffer) {
            Ok(len) => {
                buffer.truncate(len);
                return Ok(Some(buffer));
            }
            Err(Errno::RANGE) if buffer.len() < MOST => {
                let more = buffer.len() * 4;
                buffer.resize(more.min(MOST), 0);
            }
            Err(Errno::NOTSUP) => return Ok(None),
            #[cfg(target_os = "linux")]
            Err(Errno::NODATA) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

/// QEMU's lock bytes; see [`FsFile::claim`](super::FsFile::claim).
#[cfg(target_os = "linux")]
pub(super) fn claim(file: &File) -> io::Result<Claim> {
    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, fcntl};

    let refusals = byte_lock(READ_LOCK, 200, 4);
    match fcntl(file, FcntlArg::F_OFD_SETLK(&refusals)) {
        Ok(_) => {}
        // No such locks on this file system.
        Err(Errno::EINVAL | Errno::ENOLCK | Errno::EOPNOTSUPP | Errno::ENOSYS) => {
            return Ok(Claim::CannotTell);
        }
        // Nobody of QEMU's family takes a write lock there; whoever does has the image.
        Err(Errno::EAGAIN | Errno::EACCES) => {
            return Ok(Claim::InUse { by: holder(file, 200..=203)?.unwrap_or_default() });
        }
        Err(error) => return Err(error.into()),
    }
    // A user who came before says what they do (100 to 104), and what they suffer from nobody else (200 to
    // 204): of the latter our own bytes are not seen through our own descriptor.
    let held = match holder(file, 100..=104)? {
        None => holder(file, 200..=204)?,
        held => held,
    };
    Ok(held.map_or(Claim::Ours, |by| Claim::InUse { by }))
}

/// Asked without a lock: where there are none, it is free as far as anybody knows.
#[cfg(target_os = "linux")]
pub(super) fn is_free(file: &File) -> io::Result<bool> {
    for bytes in [100..=104, 200..=204] {
        match holder(file, bytes) {
            Ok(None) => {}
            Ok(Some(_)) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// The first lock that keeps anybody from locking these bytes for writing.
#[cfg(target_os = "linux")]
fn ask(file: &File, start: i64, len: i64) -> io::Result<Option<nix::libc::flock>> {
    use nix::fcntl::{FcntlArg, fcntl};

    let mut lock = byte_lock(WRITE_LOCK, start, len);
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut lock))?;
    Ok((lock.l_type != UNLOCKED).then_some(lock))
}

/// Who holds some of these bytes, in words.
#[cfg(target_os = "linux")]
fn holder(file: &File, bytes: std::ops::RangeInclusive<i64>) -> io::Result<Option<String>> {
    // Most often nobody holds any, and one question tells.
    let (start, len) = (*bytes.start(), bytes.end() - bytes.start() + 1);
    if ask(file, start, len)?.is_none() {
        return Ok(None);
    }
    let mut held = Vec::new();
    let mut process = None;
    for byte in bytes {
        if let Some(lock) = ask(file, byte, 1)? {
            held.push(byte.to_string());
            // Of a lock of an open file description the kernel tells no process: -1.
            process = process.or((lock.l_pid > 0).then_some(lock.l_pid));
        }
    }
    if held.is_empty() {
        return Ok(None);
    }
    let bytes = format!("QEMU lock bytes {}", held.join(", "));
    let users = users_of(file)?;
    Ok(Some(match (users.is_empty(), process) {
        (false, _) => format!("{} ({bytes})", users.join(", ")),
        (true, Some(process)) => format!("process {process} ({bytes})"),
        (true, None) => bytes,
    }))
}

/// The processes that have this very file open, as far as `/proc` tells whoever asks: others' processes may
/// be hidden, so that nobody is found proves nothing.
#[cfg(target_os = "linux")]
fn users_of(file: &File) -> io::Result<Vec<String>> {
    let wanted = stat_file(file)?.identity();
    let mut users = Vec::new();
    let Ok(processes) = std::fs::read_dir("/proc") else { return Ok(users) };
    for process in processes.flatten() {
        let name = process.file_name();
        let Some(number) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if number == std::process::id() {
            continue;
        }
        let Ok(descriptors) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let mut descriptors = descriptors.flatten();
        // Following the link asks the file that is open, whatever its name has become.
        if descriptors.any(|fd| {
            std::fs::metadata(fd.path()).is_ok_and(|open| (open.dev(), open.ino()) == wanted)
        }) {
            let command = std::fs::read(process.path().join("comm")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command);
            users.push(format!("process {number} ({})", command.trim_end().escape_debug()));
        }
    }
    Ok(users)
}

#[cfg(target_os = "linux")]
const fn byte_lock(kind: i16, start: i64, len: i64) -> nix::libc::flock {
    nix::libc::flock { l_type: kind, l_whence: 0, l_start: start, l_len: len, l_pid: 0 }
}

/// `F_RDLCK`, `F_WRLCK` and `F_UNLCK` in the type that the kernel's structure has for them.
#[cfg(target_os = "linux")]
const READ_LOCK: i16 = 0;
#[cfg(target_os = "linux")]
const WRITE_LOCK: i16 = 1;
#[cfg(target_os = "linux")]
const UNLOCKED: i16 = 2;

/// As [`claim`].
#[cfg(not(target_os = "linux"))]
pub(super) fn is_free(_file: &File) -> io::Result<bool> {
    Ok(true)
}

/// QEMU takes other locks there, which cannot be asked.
#[cfg(not(target_os = "linux"))]
pub(super) fn claim(_file: &File) -> io::Result<Claim> {
    Ok(Claim::CannotTell)
}
