//! Opening an image by its path, safely, and reading its header.
#![forbid(unsafe_code)]

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;
use std::vec::Vec;

use core::fmt;

use crate::error::{Error, ErrorKind};
use crate::format::{CLUSTER_BITS_MAX, RawHeader};
use crate::header::Header;
use crate::source::{Source, fill};
use crate::sys;
use crate::units::ClusterBits;

/// How much [`read_header`] reads at first: enough for every header that QEMU writes, save for very long
/// names.
pub const FIRST_READ: usize = 1024;

/// An open image, and what the system said about it when it was opened.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// For reading.
    pub file: File,
    /// Asked for through the descriptor, so it is about this very file.
    pub stat: Stat,
}

impl Opened {
    /// Whether anything about the file is other than when it was opened: length, content, links, owner,
    /// mode. Ask after reading; what was read from a file that changed may never have been in it together.
    ///
    /// # Errors
    ///
    /// Whatever the system answers.
    pub fn changed(&self) -> io::Result<bool> {
        Ok(sys::stat(&self.file)? != self.stat)
    }
}

/// A file's identity and measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stat {
    /// The device that the file lies on; together with [`inode`](Self::inode) the file's identity.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// Its length in bytes.
    pub len: u64,
    /// What it occupies on the device, in bytes.
    pub allocated: u64,
    /// How many hard links lead to it.
    pub links: u64,
    /// Type and permissions, as in `st_mode`.
    pub mode: u32,
    /// When its content changed last: seconds and nanoseconds since 1970.
    pub mtime: (i64, u32),
    /// When its content, owner, mode, links changed last: seconds and nanoseconds since 1970.
    pub ctime: (i64, u32),
}

impl Stat {
    /// From what the standard library says.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.len(),
            allocated: metadata.blocks().saturating_mul(512),
            links: metadata.nlink(),
            mode: metadata.mode(),
            mtime: (metadata.mtime(), u32::try_from(metadata.mtime_nsec()).unwrap_or_default()),
            ctime: (metadata.ctime(), u32::try_from(metadata.ctime_nsec()).unwrap_or_default()),
        }
    }

    /// Whether it is a regular file.
    fn is_regular(&self) -> bool {
        /// `S_IFMT` and `S_IFREG`, which are the same everywhere.
        const KINDS: u32 = 0o170_000;
        const REGULAR: u32 = 0o100_000;
        self.mode & KINDS == REGULAR
    }
}

/// What a path leads to, if not to a regular file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// A directory.
    Directory,
    /// A FIFO. Opening one blocks until somebody opens the other end.
    Fifo,
    /// A socket.
    Socket,
    /// A character device. Opening one may do anything.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// Something else.
    Other,
}

impl FileKind {
    /// `None` for a regular file.
    fn of(metadata: &Metadata) -> Option<Self> {
        let kind = metadata.file_type();
        if kind.is_file() {
            return None;
        }
        Some(if kind.is_dir() {
            Self::Directory
        } else if kind.is_fifo() {
            Self::Fifo
        } else if kind.is_socket() {
            Self::Socket
        } else if kind.is_char_device() {
            Self::CharacterDevice
        } else if kind.is_block_device() {
            Self::BlockDevice
        } else {
            Self::Other
        })
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory => "a directory",
            Self::Fifo => "a FIFO",
            Self::Socket => "a socket",
            Self::CharacterDevice => "a character device",
            Self::BlockDevice => "a block device",
            Self::Other => "something unknown",
        })
    }
}

/// Why an image was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Nothing is there.
    #[error("no such file")]
    NotFound,
    /// Something is there that is not a regular file. It was not opened.
    #[error("not a regular file but {0}")]
    NotRegularFile(FileKind),
    /// It looks like a regular file, but lies on a file system of the kernel's, such as `/proc`. It was not
    /// opened.
    #[error("on a pseudo file system ({magic:#x})")]
    RefusedFilesystem {
        /// The file system's magic number, as `statfs` tells it.
        magic: u32,
    },
    /// While it was being opened the path came to lead to another file.
    #[error("replaced while it was being opened")]
    Replaced,
    /// Any other answer of the system: no permission, a loop of symbolic links, an error of the device.
    #[error("cannot be opened")]
    Io(#[source] io::Error),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound,
            _ => Self::Io(error),
        }
    }
}

/// Opens an image for reading, whatever the path leads to.
///
/// Nothing but a regular file is ever opened: on Linux the path is resolved to a descriptor that opens
/// nothing (`O_PATH`), asked what it is and on which file system, and only then opened through that very
/// descriptor. Where `/proc` is not mounted, and on systems without `O_PATH`, the path is opened a second
/// time and the two must be the same file. Never blocks. Symbolic links are followed.
///
/// Costs some five system calls; [`open_listed`] costs two.
///
/// # Errors
///
/// [`OpenError`], by kind.
pub fn open_image(path: &Path) -> Result<Opened, OpenError> {
    open_image_if(path, |_, _| Ok(()))
}

/// The same, unless `may` has an objection to the regular file that the path was found to lead to. It is
/// asked before that is opened, told what the file is, and on Linux given a descriptor of its place, which
/// can be asked about (`fstatfs`) and not be read.
///
/// # Errors
///
/// [`OpenError`], by kind; the objection is an [`OpenError::Io`].
pub fn open_image_if(
    path: &Path,
    may: impl FnOnce(&Stat, Option<&File>) -> io::Result<()>,
) -> Result<Opened, OpenError> {
    #[cfg(target_os = "linux")]
    {
        open_found(&sys::open_place(path)?, path, may)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let stat = regular(&std::fs::metadata(path)?)?;
        may(&stat, None)?;
        open_same(path, stat)
    }
}

/// Opens what a place was found to be, if it is a regular file of a real file system.
#[cfg(target_os = "linux")]
fn open_found(
    place: &File,
    path: &Path,
    may: impl FnOnce(&Stat, Option<&File>) -> io::Result<()>,
) -> Result<Opened, OpenError> {
    let stat = regular(&place.metadata()?)?;
    if let Some(magic) = sys::refused_filesystem(place)? {
        return Err(OpenError::RefusedFilesystem { magic });
    }
    may(&stat, Some(place))?;
    match sys::reopen(place)? {
        Some(file) => Ok(Opened { file, stat }),
        None => open_same(path, stat),
    }
}

/// Opens an image that lies in `directory` or below, by a path that may not lead out of it, neither by
/// `..` nor by a symbolic link. `None` if it would.
pub(crate) fn open_beneath(directory: &Path, path: &Path) -> Option<Result<Opened, OpenError>> {
    let place = match sys::open_beneath(directory, path) {
        Ok(place) => place?,
        Err(error) => return Some(Err(error.into())),
    };
    #[cfg(target_os = "linux")]
    {
        Some(open_found(&place, &directory.join(path), |_, _| Ok(())))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let opened = || {
            let stat = regular(&place.metadata()?)?;
            Ok(Opened { file: place, stat })
        };
        Some(opened())
    }
}

/// Opens an image for reading that a directory listing has just shown to be a regular file, on a file
/// system that the caller has found to be a real one.
///
/// One `open` and one `fstat`. Should somebody have put something else there meanwhile, it is opened
/// (without blocking) before it is refused.
///
/// # Errors
///
/// [`OpenError`], by kind.
pub fn open_listed(path: &Path) -> Result<Opened, OpenError> {
    let file = sys::open_read(path)?;
    let stat = sys::stat(&file)?;
    if !stat.is_regular() {
        regular(&file.metadata()?)?;
    }
    Ok(Opened { file, stat })
}

/// Opens a path that was found to lead to a certain regular file, and makes sure that it still does.
fn open_same(path: &Path, seen: Stat) -> Result<Opened, OpenError> {
    let opened = open_listed(path)?;
    if (opened.stat.device, opened.stat.inode) == (seen.device, seen.inode) {
        Ok(opened)
    } else {
        Err(OpenError::Replaced)
    }
}

fn regular(metadata: &Metadata) -> Result<Stat, OpenError> {
    match FileKind::of(metadata) {
        None => Ok(Stat::of(metadata)),
        Some(kind) => Err(OpenError::NotRegularFile(kind)),
    }
}

/// Why a header could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The system's answer to a read.
    #[error("cannot be read")]
    Io(#[source] io::Error),
    /// The file is shorter than it was said to be.
    #[error("changed while it was being read: {found} bytes where there were {expected}")]
    ChangedDuringRead {
        /// How many bytes there should have been, counted from the beginning.
        expected: u64,
        /// How many there were.
        found: u64,
    },
    /// The bytes are no valid header.
    #[error(transparent)]
    Format(Error),
}

/// Reads the header of an image of `len` bytes into `buffer`, and parses it.
///
/// One read of [`FIRST_READ`] bytes nearly always; where the header asks for more, the buffer at least
/// doubles, up to the first cluster. The buffer is the caller's, so that it can serve for the next image;
/// afterwards it holds exactly the bytes that were read. After a [`ReadError::Format`] that is the whole
/// first cluster, as far as there is one, for [`Salvage::of`](crate::Salvage::of).
///
/// `len` is the length that `fstat` told when the file was opened. At most 2 MiB are read.
///
/// # Errors
///
/// [`ReadError`], by kind.
pub fn read_header<'b, S: Source + ?Sized>(
    source: &S,
    len: u64,
    buffer: &'b mut Vec<u8>,
) -> Result<Header<'b>, ReadError> {
    buffer.truncate(FIRST_READ);
    let have = extend(source, len, buffer, 0, FIRST_READ as u64)?;
    // What is returned borrows the buffer, which is read on into if it has to be: so it lets go of it between.
    match Header::parse_prefix(buffer, len).map(|header| header.detach()) {
        Ok(detached) => {
            if let Some(header) = detached.attach(buffer, len) {
                return Ok(header);
            }
        }
        Err(error) => read_on(source, len, buffer, have, error)?,
    }
    Header::parse_prefix(buffer, len).map_err(ReadError::Format)
}

/// The first bytes didn't do: reads on for as long as the parser asks for more.
#[cold]
fn read_on<S: Source + ?Sized>(
    source: &S,
    len: u64,
    buffer: &mut Vec<u8>,
    mut have: u64,
    mut error: Error,
) -> Result<(), ReadError> {
    while let ErrorKind::NeedMore { need } = error.kind {
        let before = have;
        have = extend(source, len, buffer, have, need.max(have.saturating_mul(2)))?;
        if have == before {
            break;
        }
        match Header::parse_prefix(buffer, len) {
            Ok(_) => return Ok(()),
            Err(next) => error = next,
        }
    }
    let first_cluster = RawHeader::view(buffer)
        .filter(|_| {
            !matches!(error.kind, ErrorKind::NotQcow2 { .. } | ErrorKind::UnsupportedVersion { .. })
        })
        .and_then(|raw| ClusterBits::new(raw.cluster_bits.get()));
    if let Some(bits) = first_cluster {
        extend(source, len, buffer, have, bits.size())?;
    }
    Err(ReadError::Format(error))
}

/// Makes the buffer hold the file's first `want` bytes, or all if there are fewer.
fn extend<S: Source + ?Sized>(
    source: &S,
    len: u64,
    buffer: &mut Vec<u8>,
    have: u64,
    want: u64,
) -> Result<u64, ReadError> {
    let want = want.min(len).min(1 << CLUSTER_BITS_MAX);
    if want <= have && have > 0 {
        return Ok(have);
    }
    let (Ok(from), Ok(to)) = (usize::try_from(have), usize::try_from(want)) else {
        return Ok(have);
    };
    buffer.resize(to, 0);
    let rest = buffer.get_mut(from..).unwrap_or_default();
    let found = have + fill(source, have, rest).map_err(ReadError::Io)? as u64;
    if found < want {
        buffer.truncate(usize::try_from(found).unwrap_or_default());
        return Err(ReadError::ChangedDuringRead { expected: want, found });
    }
    Ok(want)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{OpenError, open_listed, open_same};

    #[test]
    fn without_proc_the_second_look_has_to_see_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&path, b"a").unwrap();
        fs::write(&other, b"b").unwrap();
        let seen = open_listed(&path).unwrap().stat;
        assert_eq!(open_same(&path, seen).unwrap().stat, seen);
        fs::rename(&other, &path).unwrap();
        assert!(matches!(open_same(&path, seen), Err(OpenError::Replaced)));
    }
}
