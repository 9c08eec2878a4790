//! The one way to the disk: everything that this crate reads, makes durable or removes goes through
//! [`Fs`].
//!
//! There are two implementations: [`RealFs`], and the simulator of the tests, which keeps apart what
//! is durable and what is only in the page cache, and enumerates what a power cut may leave. Both
//! are driven by the same code, so a protocol that was tested in one runs in the other.
//!
//! # What is assumed of the medium
//!
//! 1. [`FsFile::sync`] returning `Ok` means that the file's bytes, its length and its attributes survive
//!    the power going out in the next instant; nothing is said about the directory entry.
//! 2. [`Fs::sync_dir`] returning `Ok` means the same for every entry of that directory as it is then.
//! 3. [`Fs::exchange`], [`Fs::rename`] and [`Fs::replace`] within one directory are atomic: after a
//!    crash either all of it happened or nothing did.
//! 4. What was not forced out may have happened or not, in any order, and a write torn at any multiple
//!    of 512 bytes. A file's length may be there without its bytes; then those read as zeros.
//! 5. A sector of 512 bytes is written whole or not at all. Bytes that nobody writes to don't change.
//! 6. An error of `sync` says that some of what was not forced out yet may be lost for ever: it is
//!    never asked again as if nothing had happened.

mod real;
mod steps;
mod sys;

use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

use diskdag_qcow2::source::Source;

pub use real::RealFs;
pub use steps::{give_name, is_absent, read_all, read_up_to, write_all};

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reading only.
    Read,
    /// Reading and writing.
    Write,
}

/// What an entry of a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// FIFO, socket, device.
    Special,
}

/// What the file system says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// The device that it lies on; with [`inode`](Self::inode) the file's identity.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// Its length in bytes.
    pub len: u64,
    /// What it occupies on the device, in bytes.
    pub allocated: u64,
    /// How many names it has.
    pub links: u64,
    /// Permissions: the lower twelve bits of `st_mode`.
    pub mode: u32,
}

impl Stat {
    /// Device and inode: what makes two names the same file.
    #[must_use]
    pub const fn identity(&self) -> (u64, u64) {
        (self.device, self.inode)
    }
}

/// One entry of a directory; `.` and `..` are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: OsString,
    /// What it is.
    pub kind: Kind,
}

/// Owner, permissions, access control lists and extended attributes of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Owner and group.
    pub owner: (u32, u32),
    /// The lower twelve bits of `st_mode`.
    pub mode: u32,
    /// Extended attributes by name, access control lists and security labels among them.
    pub extended: Vec<(OsString, Vec<u8>)>,
}

/// Whether an image could be claimed. See [`FsFile::claim`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "an image that is in use may not be touched"]
pub enum Claim {
    /// It is ours until the file is closed.
    Ours,
    /// Somebody has it open.
    InUse {
        /// Who, as far as the kernel tells.
        by: String,
    },
    /// This system, or this file system, has no such locks: that nobody has it open is not known.
    CannotTell,
}

/// How a pool is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockMode {
    /// With other readers.
    Shared,
    /// Alone.
    Exclusive,
}

/// Holds a lock for as long as it lives.
pub trait Lock: Send + Sync + Debug {}

/// An open regular file. Reading it is [`Source`]'s.
pub trait FsFile: Source + Debug {
    /// Writes from `offset` on, and says how many bytes; may write fewer than there are.
    ///
    /// # Errors
    ///
    /// Whatever the system answers.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize>;

    /// Cuts it, or makes it longer by zeros that occupy nothing.
    ///
    /// # Errors
    ///
    /// Whatever the system answers.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Forces out its bytes, length and attributes (`fsync`).
    ///
    /// # Errors
    ///
    /// Whatever the system answers. It is fatal for the operation; asking again proves nothing.
    fn sync(&self) -> io::Result<()>;

    /// Says that [`sync`](Self::sync) will be called soon, so that its bytes may be on their way by then.
    /// Promises nothing, and waits for nothing.
    fn sync_soon(&self) {}

    /// Forces out its bytes, and its length if that has changed (`fdatasync`).
    ///
    /// # Errors
    ///
    /// As [`sync`](Self::sync).
    fn sync_data(&self) -> io::Result<()>;

    /// What the file system says of it now.
    ///
    /// # Errors
    ///
    /// Whatever the system answers.
    fn stat(&self) -> io::Result<Stat>;

    /// Its owner, permissions and extended attributes.
    ///
    /// # Errors
    ///
    /// Whatever the system answers.
    fn attributes(&self) -> io::Result<Attributes>;

    /// Gives it owner, permissions and extended attributes. What it has already is not set again, so
    /// that a user who may not give files away can still hand on their own.
    ///
    /// # Errors
    ///
    /// Whatever the system answers to the first that cannot be set.
    fn set_attributes(&self, attributes: &Attributes) -> io::Result<()>;

    /// Sets its permissions: the lower twelve bits of `st_mode`.
    ///
    /// # Errors
    ///
    /// Whatever the system answers.
    fn set_mode(&self, mode: u32) -> io::Result<()>;

    /// Takes the image as QEMU would have to see it, until the file is closed: read locks of its open
    /// file description on bytes 200 to 203 ("nobody else may read consistently, write, write
    /// unchanged, resize"), then a look at bytes 100 to 104, by which users say what they do. Never a
    /// write lock: QEMU would take that for a user who forbids everything, and fail oddly.
    ///
    /// A second claim through another descriptor of the same process sees the first.
    ///
    /// # Errors
    ///
    /// Whatever the system answers.
    fn claim(&self) -> io::Result<Claim>;

    /// Whether it could be claimed now, without doing it: nobody is kept from it, not even for an instant.
    ///
    /// # Errors
    ///
    /// Whatever the system answers.
    fn is_free(&self) -> io::Result<bool>;

    /// Locks it until it is closed, as [`Fs::try_lock`] locks what lies at a path; `false` if somebody else has it
    /// locked.
    ///
    /// # Errors
    ///
    /// Whatever the system answers.
    fn try_lock(&self, mode: LockMode) -> io::Result<bool>;
}

/// A file system, as far as this crate needs one. Paths are absolute. Nothing here follows a symbolic
/// link in the last component of a path, but [`Fs::resolve`].
pub trait Fs: Send + Sync + Debug + 'static {
    /// Opens an existing regular file. Anything else is refused without being opened; never blocks.
    ///
    /// # Errors
    ///
    /// `NotFound`; `InvalidInput` for what is no regular file; whatever else the system answers.
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn FsFile>>;

    /// Creates a file that was not there, for reading and writing.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`; whatever else the system answers.
    fn create(&self, path: &Path, mode: u32) -> io::Result<Box<dyn FsFile>>;

    /// What is at `path`, a symbolic link being a symbolic link.
    ///
    /// # Errors
    ///
    /// `NotFound`; whatever else the system answers.
    fn stat(&self, path: &Path) -> io::Result<Stat>;

    /// The path without symbolic links, `.` and `..` that leads to the same file.
    ///
    /// # Errors
    ///
    /// `NotFound`; whatever else the system answers.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf>;

    /// The entries of a directory, in no order.
    ///
    /// # Errors
    ///
    /// Whatever the system answers. There is no partial listing.
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>>;

    /// Exchanges two names of one directory in one step (`renameat2` with `RENAME_EXCHANGE`).
    ///
    /// # Errors
    ///
    /// `Unsupported` where the file system has no such step; whatever else the system answers.
    fn exchange(&self, a: &Path, b: &Path) -> io::Result<()>;

    /// Gives a file or a directory another name, which nobody may have yet, in one step (`renameat2` with
    /// `RENAME_NOREPLACE`). See [`give_name`] for file systems without one.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`; `Unsupported` where the file system has no such step; whatever else the system answers.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file another name, taking it from whoever has it.
    ///
    /// # Errors
    ///
    /// Whatever the system answers.
    fn replace(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file one more name, which nobody may have yet.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`; whatever else the system answers.
    fn link(&self, existing: &Path, new: &Path) -> io::Result<()>;

    /// Takes a name away, and with the last one the file.
    ///
    /// # Errors
    ///
    /// `NotFound`; whatever else the system answers.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes a directory, open to whom the process's umask says.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`; whatever else the system answers.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Takes an empty directory away.
    ///
    /// # Errors
    ///
    /// Whatever the system answers.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// Forces out the entries of a directory.
    ///
    /// # Errors
    ///
    /// As [`FsFile::sync`].
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Locks the file at `path`, making it if it is not there; `None` if somebody else has it locked.
    /// The lock excludes other processes and other threads, is not inherited, and goes with the
    /// process.
    ///
    /// # Errors
    ///
    /// Whatever the system answers.
    fn try_lock(&self, path: &Path, mode: LockMode) -> io::Result<Option<Box<dyn Lock>>>;
}
