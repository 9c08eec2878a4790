//! What is particular to a system, and the only place that names rustix.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::path::{Component, Path};

use rustix::fs::{Mode, OFlags, open};

use crate::open::Stat;
use crate::source::Span;

/// To read a regular file, and to do no harm should it not be one: never blocks, never becomes a
/// controlling terminal, is never inherited.
const READ: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Opens for reading, following symbolic links.
pub(crate) fn open_read(path: &Path) -> io::Result<File> {
    Ok(File::from(open(path, READ, Mode::empty())?))
}

/// Which file it is, and its measures: `fstat`, at half the cost of the `statx` that the standard library asks.
pub(crate) fn stat(file: &File) -> io::Result<Stat> {
    let stat = rustix::fs::fstat(file)?;
    // The types of these fields differ between systems; the values are never negative, but for times.
    let number = |value: i128| u64::try_from(value).unwrap_or_default();
    let time = |seconds: i128, more: i128| {
        (i64::try_from(seconds).unwrap_or_default(), u32::try_from(more).unwrap_or_default())
    };
    Ok(Stat {
        device: number(stat.st_dev.into()),
        inode: number(stat.st_ino.into()),
        len: number(stat.st_size.into()),
        allocated: number(stat.st_blocks.into()).saturating_mul(512),
        links: number(stat.st_nlink.into()),
        mode: u32::try_from(number(stat.st_mode.into())).unwrap_or_default(),
        mtime: time(stat.st_mtime.into(), stat.st_mtime_nsec.into()),
        ctime: time(stat.st_ctime.into(), stat.st_ctime_nsec.into()),
    })
}

/// Resolves `path` from `directory`, without leaving it. `None` if the path leads out.
///
/// On Linux the system does it (`openat2`), and nothing is opened. Where it can't, each component is looked
/// at, and symbolic links are refused.
pub(crate) fn open_beneath(directory: &Path, path: &Path) -> io::Result<Option<File>> {
    use rustix::fs::{FileType, fstat, openat};
    use rustix::io::Errno;

    #[cfg(target_os = "linux")]
    const PLACE: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
    #[cfg(not(target_os = "linux"))]
    const PLACE: OFlags = READ;

    let root = File::from(open(directory, PLACE.union(OFlags::DIRECTORY), Mode::empty())?);
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{ResolveFlags, openat2};

        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        match openat2(&root, path, PLACE, Mode::empty(), beneath) {
            Ok(place) => return Ok(Some(File::from(place))),
            Err(Errno::XDEV | Errno::LOOP) => return Ok(None),
            Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut way = std::vec![root];
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if way.len() > 1 => {
                way.pop();
            }
            Component::Normal(name) => {
                let Some(here) = way.last() else { return Ok(None) };
                let next = match openat(here, name, PLACE | OFlags::NOFOLLOW, Mode::empty()) {
                    Ok(next) => next,
                    Err(Errno::LOOP) => return Ok(None),
                    Err(error) => return Err(error.into()),
                };
                if FileType::from_raw_mode(fstat(&next)?.st_mode) == FileType::Symlink {
                    return Ok(None);
                }
                way.push(File::from(next));
            }
            _ => return Ok(None),
        }
    }
    Ok(way.pop())
}

/// Whether there is data or a hole at `offset` of a file, and where it ends. All is data where the file
/// system can't tell.
#[cfg(any(target_os = "linux", target_os = "macos"))]
pub(crate) fn span(file: &File, offset: u64) -> io::Result<Span> {
    use rustix::fs::{SeekFrom, seek};
    use rustix::io::Errno;

    let data_to_end = || {
        let end = file.metadata()?.len();
        Ok(if offset < end { Span::Data { end } } else { Span::Hole { end: u64::MAX } })
    };
    match seek(file, SeekFrom::Data(offset)) {
        Ok(data) if data > offset => Ok(Span::Hole { end: data }),
        Ok(_) => match seek(file, SeekFrom::Hole(offset)) {
            Ok(hole) if hole > offset => Ok(Span::Data { end: hole }),
            _ => data_to_end(),
        },
        Err(Errno::NXIO) => Ok(Span::Hole { end: u64::MAX }),
        Err(_) => data_to_end(),
    }
}

/// All is data: this system isn't asked.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(crate) fn span(file: &File, offset: u64) -> io::Result<Span> {
    let end = file.metadata()?.len();
    Ok(if offset < end { Span::Data { end } } else { Span::Hole { end: u64::MAX } })
}

/// Where the next data lies from `offset` on, `u64::MAX` if only a hole follows; `offset` if the file system
/// doesn't know holes.
pub(crate) fn next_data(file: &File, offset: u64) -> u64 {
    #[cfg(target_os = "linux")]
    {
        match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(offset)) {
            Ok(data) => data.max(offset),
            Err(rustix::io::Errno::NXIO) => u64::MAX,
            Err(_) => offset,
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        _ = file;
        offset
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::format;
    use std::os::fd::AsRawFd as _;

    use rustix::fs::fstatfs;

    use super::{File, Mode, OFlags, Path, READ, io, open};

    /// A place in the file system, without opening what lies there: no device wakes up, no FIFO blocks.
    pub(crate) fn open_place(path: &Path) -> io::Result<File> {
        Ok(File::from(open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?))
    }

    /// Opens for reading what a place is. `None` if there is no `/proc`, which is the way to do so.
    pub(crate) fn reopen(place: &File) -> io::Result<Option<File>> {
        match open(format!("/proc/self/fd/{}", place.as_raw_fd()), READ, Mode::empty()) {
            Ok(file) => Ok(Some(File::from(file))),
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The magic number of a file system whose regular files are not files: reading them asks the kernel,
    /// or does something.
    pub(crate) fn refused_filesystem(place: &File) -> io::Result<Option<u32>> {
        // The number's type differs between architectures; its value has 32 bits.
        let magic = i128::from(fstatfs(place)?.f_type) & 0xffff_ffff;
        Ok(u32::try_from(magic).ok().filter(|magic| REFUSED.contains(magic)))
    }

    /// `linux/magic.h`, and what is defined beside the file system's code.
    const REFUSED: [u32; 24] = [
        0x0000_9fa0, // proc
        0x6265_6572, // sysfs
        0x6462_6720, // debugfs
        0x7472_6163, // tracefs
        0x7363_6673, // securityfs
        0x0027_e0eb, // cgroup
        0x6367_7270, // cgroup2
        0xcafe_4a11, // bpf
        0x0000_1cd1, // devpts
        0x6265_6570, // configfs
        0x6165_676c, // pstore
        0xde5e_81e4, // efivarfs
        0xf97c_ff8c, // selinuxfs
        0x4341_5d53, // smackfs
        0x1980_0202, // mqueue
        0x4249_4e4d, // binfmt_misc
        0x6e73_6673, // nsfs
        0x5049_4446, // pidfs
        0x5049_5045, // pipefs
        0x534f_434b, // sockfs
        0x6759_6969, // rpc_pipefs
        0x6573_5543, // fusectl
        0x6e66_7364, // nfsd
        0x0765_5821, // resctrl
    ];
}

#[cfg(target_os = "linux")]
pub(crate) use linux::{open_place, refused_filesystem, reopen};
