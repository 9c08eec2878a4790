//! Directories, and what the system says about what lies in them.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::path::Path;

use diskdag_qcow2::open::Stat;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use crate::sys::residence::{Residence, residence};

/// What an entry of a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Directory,
    File,
    Symlink,
    /// FIFO, socket, device: never opened.
    Special,
    /// The file system does not say.
    Unknown,
}

impl EntryKind {
    fn of(kind: FileType) -> Self {
        match kind {
            FileType::Directory => Self::Directory,
            FileType::RegularFile => Self::File,
            FileType::Symlink => Self::Symlink,
            FileType::Unknown => Self::Unknown,
            _ => Self::Special,
        }
    }
}

/// What a scan keeps of a file's `stat`: 56 bytes, as there are very many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Measures {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    /// Length in bytes.
    pub(crate) len: u64,
    /// Bytes allocated on the device.
    pub(crate) allocated: u64,
    /// Number of hard links.
    pub(crate) links: u64,
    /// When the content changed last, in nanoseconds since 1970.
    pub(crate) modified: i64,
    /// When anything about it changed last, in nanoseconds since 1970.
    pub(crate) changed: i64,
}

impl From<&Stat> for Measures {
    fn from(stat: &Stat) -> Self {
        let Stat { device, inode, len, allocated, links, mtime, ctime, .. } = *stat;
        let (modified, changed) = (nanoseconds(mtime), nanoseconds(ctime));
        Self { device, inode, len, allocated, links, modified, changed }
    }
}

impl From<&rustix::fs::Stat> for Measures {
    fn from(stat: &rustix::fs::Stat) -> Self {
        // The types of these fields differ between systems; the values are never negative.
        let number = |value: i128| u64::try_from(value).unwrap_or(0);
        let time = |seconds: i128, more: i128| {
            i64::try_from(seconds * 1_000_000_000 + more).unwrap_or(i64::MAX)
        };
        Self {
            device: number(stat.st_dev.into()),
            inode: number(stat.st_ino.into()),
            len: number(stat.st_size.into()),
            allocated: number(stat.st_blocks.into()).saturating_mul(512),
            links: number(stat.st_nlink.into()),
            modified: time(stat.st_mtime.into(), stat.st_mtime_nsec.into()),
            changed: time(stat.st_ctime.into(), stat.st_ctime_nsec.into()),
        }
    }
}

impl Measures {
    /// Asks an opened file; nothing if it is not a regular one. `fstat`, not the `statx` that the
    /// standard library uses: half the cost.
    pub(crate) fn of_regular(file: &File) -> io::Result<Option<Self>> {
        let stat = rustix::fs::fstat(file)?;
        let is_regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        Ok(is_regular.then(|| (&stat).into()))
    }

    /// Which file it is.
    pub(crate) fn identity(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// Whether the content is the same as when the file had the measures `before`, as far as the
    /// system tells. What it occupies on the device may change all the same, when the system gets
    /// round to write it out.
    pub(crate) fn is_unchanged_since(&self, before: &Self) -> bool {
        let Self { device, inode, len, allocated: _, links: _, modified, changed } = *self;
        (device, inode, len) == (before.device, before.inode, before.len)
            && (modified, changed) == (before.modified, before.changed)
    }

    /// Whether a change after `moment` would show: times are coarse, so of what changed shortly
    /// before it was looked at nobody can tell.
    pub(crate) fn is_settled_at(&self, moment: i64) -> bool {
        /// FAT counts in steps of so much; every other file system in smaller ones.
        const COARSEST: i64 = 2_000_000_000;
        self.modified.max(self.changed).saturating_add(COARSEST) < moment
    }
}

/// Seconds and nanoseconds as one number. Of times that have no place in it all are the same, and
/// in the future, so that nothing is ever settled.
fn nanoseconds((seconds, more): (i64, u32)) -> i64 {
    seconds.checked_mul(1_000_000_000).map_or(i64::MAX, |time| time.saturating_add(more.into()))
}

/// What lies under a name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) kind: EntryKind,
    pub(crate) measures: Measures,
}

/// An opened directory.
#[derive(Debug)]
pub(crate) struct Directory {
    fd: File,
    /// As it was when it was opened, or asked again.
    pub(crate) measures: Measures,
}

impl Directory {
    /// Opens `path` if it is a directory, following symbolic links.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd = File::from(rustix::fs::open(path, flags, Mode::empty())?);
        let measures = Measures::from(&rustix::fs::fstat(&fd)?);
        Ok(Self { fd, measures })
    }

    /// Makes the measures those of now.
    pub(crate) fn ask_again(&mut self) -> io::Result<()> {
        self.measures = Measures::from(&rustix::fs::fstat(&self.fd)?);
        Ok(())
    }

    /// Calls `each` with the name, the kind and the inode number of every entry but `.` and `..`. `buffer` is for
    /// the next listing again.
    #[cfg(target_os = "linux")]
    pub(crate) fn list(
        &self,
        buffer: &mut Vec<u8>,
        mut each: impl FnMut(&CStr, EntryKind, u64),
    ) -> io::Result<()> {
        buffer.clear();
        buffer.reserve(LIST_BUFFER);
        let mut entries = rustix::fs::RawDir::new(&self.fd, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                each(name, EntryKind::of(entry.file_type()), entry.ino());
            }
        }
        Ok(())
    }

    /// Calls `each` with the name, the kind and the inode number of every entry but `.` and `..`.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn list(
        &self,
        _: &mut Vec<u8>,
        mut each: impl FnMut(&CStr, EntryKind, u64),
    ) -> io::Result<()> {
        for entry in rustix::fs::Dir::read_from(&self.fd)? {
            let entry = entry?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                each(name, EntryKind::of(entry.file_type()), entry.ino());
            }
        }
        Ok(())
    }

    /// Opens an entry that is a regular file, for reading, not following a symbolic link and not
    /// waiting for anybody.
    pub(crate) fn open_file(&self, name: &CStr) -> io::Result<File> {
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.fd, name, flags, Mode::empty())?))
    }

    /// What lies under a name, without opening it.
    pub(crate) fn ask(&self, name: &CStr, follow: bool) -> io::Result<Asked> {
        let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        let stat = rustix::fs::statat(&self.fd, name, flags)?;
        let kind = EntryKind::of(FileType::from_raw_mode(stat.st_mode));
        Ok(Asked { kind, measures: Measures::from(&stat) })
    }

    /// A path that leads to this very directory, whatever becomes of its name.
    #[cfg(target_os = "linux")]
    pub(crate) fn magic_path(&self) -> String {
        use std::os::fd::AsRawFd as _;
        format!("/proc/self/fd/{}", self.fd.as_raw_fd())
    }

    /// Where this very directory lies, free of symbolic links.
    #[cfg(target_os = "linux")]
    pub(crate) fn place(&self) -> io::Result<std::path::PathBuf> {
        std::fs::read_link(self.magic_path())
    }

    /// Where this very directory lies, free of symbolic links.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn place(&self) -> io::Result<std::path::PathBuf> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn residence(&self) -> io::Result<Residence> {
        residence(&self.fd)
    }
}

/// Big enough that a directory of 100,000 names costs a few dozen calls.
#[cfg(target_os = "linux")]
const LIST_BUFFER: usize = 256 * 1024;
