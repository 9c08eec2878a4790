//! The one module that speaks to the operating system below std: directories, descriptors, kinds
//! of file systems, locks.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::path::Path;

use diskdag_qcow2::open::Stat;
use rustix::fs::{AtFlags, Mode, OFlags};

use crate::usage::InUse;

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
    fn of(kind: rustix::fs::FileType) -> Self {
        use rustix::fs::FileType;
        match kind {
            FileType::Directory => Self::Directory,
            FileType::RegularFile => Self::File,
            FileType::Symlink => Self::Symlink,
            FileType::Unknown => Self::Unknown,
            _ => Self::Special,
        }
    }
}

/// Where the files of a file system live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Residence {
    Local,
    /// Another host, or a process, answers for it and may never do so.
    Remote(&'static str),
    /// The kernel makes its files up: no image lies there.
    Pseudo(&'static str),
}

/// What a scan keeps of a file's `stat`: 40 bytes, as there are very many of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measures {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    /// Length in bytes.
    pub(crate) len: u64,
    /// Bytes allocated on the device.
    pub(crate) allocated: u64,
    /// Number of hard links.
    pub(crate) links: u64,
}

impl From<&Stat> for Measures {
    fn from(stat: &Stat) -> Self {
        let Stat { device, inode, len, allocated, links, .. } = *stat;
        Self { device, inode, len, allocated, links }
    }
}

impl Measures {
    /// Asks an opened file; nothing if it is not a regular one. `fstat`, not the `statx` that the
    /// standard library uses: half the cost.
    pub(crate) fn of_regular(file: &File) -> io::Result<Option<Self>> {
        let stat = rustix::fs::fstat(file)?;
        if rustix::fs::FileType::from_raw_mode(stat.st_mode) != rustix::fs::FileType::RegularFile {
            return Ok(None);
        }
        // The types of these fields differ between systems; the values are never negative.
        let number = |value: i128| u64::try_from(value).unwrap_or(0);
        Ok(Some(Self {
            device: number(stat.st_dev.into()),
            inode: number(stat.st_ino.into()),
            len: number(stat.st_size.into()),
            allocated: number(stat.st_blocks.into()).saturating_mul(512),
            links: number(stat.st_nlink.into()),
        }))
    }
}

/// An opened directory.
#[derive(Debug)]
pub(crate) struct Directory {
    fd: File,
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl Directory {
    /// Opens `path` if it is a directory, following symbolic links.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd = File::from(rustix::fs::open(path, flags, Mode::empty())?);
        let Stat { device, inode, .. } = Stat::of(&fd.metadata()?);
        Ok(Self { fd, device, inode })
    }

    /// Calls `each` with the name, the kind and the inode number of every entry but `.` and `..`.
    #[cfg(target_os = "linux")]
    pub(crate) fn list(&self, mut each: impl FnMut(&CStr, EntryKind, u64)) -> io::Result<()> {
        let mut buffer = Vec::with_capacity(LIST_BUFFER);
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
    pub(crate) fn list(&self, mut each: impl FnMut(&CStr, EntryKind, u64)) -> io::Result<()> {
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

    /// What an entry is, for file systems that do not say so in the directory.
    pub(crate) fn kind(&self, name: &CStr) -> io::Result<EntryKind> {
        let stat = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(EntryKind::of(rustix::fs::FileType::from_raw_mode(stat.st_mode)))
    }

    pub(crate) fn residence(&self) -> io::Result<Residence> {
        residence(&self.fd)
    }
}

/// Big enough that a directory of 100,000 names costs a few dozen calls.
#[cfg(target_os = "linux")]
const LIST_BUFFER: usize = 256 * 1024;

/// Where the file system of an opened file lives.
#[cfg(target_os = "linux")]
pub(crate) fn residence(fd: &impl std::os::fd::AsFd) -> io::Result<Residence> {
    let kind = rustix::fs::fstatfs(fd)?.f_type;
    // The magic numbers fit 32 bits; the field's type differs between architectures.
    let magic = u32::try_from(kind & 0xffff_ffff).unwrap_or(0);
    let known = FILE_SYSTEMS.iter().find(|(number, _)| *number == magic);
    Ok(known.map_or(Residence::Local, |(_, residence)| *residence))
}

/// Where the file system of an opened file lives: the system says which ones are its own.
#[cfg(target_vendor = "apple")]
pub(crate) fn residence(fd: &impl std::os::fd::AsFd) -> io::Result<Residence> {
    /// `MNT_LOCAL` of `sys/mount.h`.
    const LOCAL: u32 = 0x1000;
    let system = rustix::fs::fstatfs(fd)?;
    let name: Vec<u8> = system.f_fstypename.iter().map(|byte| byte.to_ne_bytes()[0]).collect();
    Ok(match () {
        () if name.starts_with(b"devfs") => Residence::Pseudo("devfs"),
        () if name.starts_with(b"autofs") => Residence::Remote("autofs"),
        () if system.f_flags & LOCAL == 0 => Residence::Remote("not a local one"),
        () => Residence::Local,
    })
}

/// File systems that a scan does not enter unless they are named, by `statfs(2)`'s magic numbers.
#[cfg(target_os = "linux")]
const FILE_SYSTEMS: &[(u32, Residence)] = &[
    (0x6969, Residence::Remote("nfs")),
    (0xff53_4d42, Residence::Remote("cifs")),
    (0xfe53_4d42, Residence::Remote("smb2")),
    (0x517b, Residence::Remote("smb")),
    (0x6573_5546, Residence::Remote("fuse")),
    (0x0102_1997, Residence::Remote("9p")),
    (0x00c3_6400, Residence::Remote("ceph")),
    (0x5346_414f, Residence::Remote("afs")),
    (0x6b41_4653, Residence::Remote("afs")),
    (0x7375_7245, Residence::Remote("coda")),
    (0x0bd0_0bd0, Residence::Remote("lustre")),
    (0x564c, Residence::Remote("ncp")),
    (0x0187, Residence::Remote("autofs")),
    (0x786f_4256, Residence::Remote("vboxsf")),
    (0x9fa0, Residence::Pseudo("proc")),
    (0x6265_6572, Residence::Pseudo("sysfs")),
    (0x1cd1, Residence::Pseudo("devpts")),
    (0x0027_e0eb, Residence::Pseudo("cgroup")),
    (0x6367_7270, Residence::Pseudo("cgroup2")),
    (0x6462_6720, Residence::Pseudo("debugfs")),
    (0x7472_6163, Residence::Pseudo("tracefs")),
    (0x7363_6673, Residence::Pseudo("securityfs")),
    (0xcafe_4a11, Residence::Pseudo("bpf")),
    (0x6165_676c, Residence::Pseudo("pstore")),
    (0x6265_6570, Residence::Pseudo("configfs")),
    (0xde5e_81e4, Residence::Pseudo("efivarfs")),
    (0x6573_5543, Residence::Pseudo("fusectl")),
    (0x1980_0202, Residence::Pseudo("mqueue")),
    (0x4249_4e4d, Residence::Pseudo("binfmt_misc")),
    (0x6e73_6673, Residence::Pseudo("nsfs")),
    (0x6759_6969, Residence::Pseudo("rpc_pipefs")),
    (0xf97c_ff8c, Residence::Pseudo("selinuxfs")),
];

/// Asks QEMU's lock bytes, without taking one.
#[cfg(target_os = "linux")]
pub(crate) fn qemu_locks(path: &Path) -> InUse {
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;

    let unknown = |error: &dyn std::error::Error| InUse::Unknown {
        reason: format!("its locks could not be asked: {}", causes(error)),
    };
    let file = match diskdag_qcow2::open::open_image(path) {
        Ok(opened) => opened.file,
        Err(error) => return unknown(&error),
    };
    let mut held = Vec::new();
    for byte in (100..=104).chain(200..=204) {
        let mut lock =
            libc::flock { l_type: WRITE_LOCK, l_whence: 0, l_start: byte, l_len: 1, l_pid: 0 };
        match fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock)) {
            Ok(_) if lock.l_type == UNLOCKED => {}
            Ok(_) => held.push(byte),
            Err(error) => return unknown(&error),
        }
    }
    if held.is_empty() {
        return InUse::No;
    }
    let writes = held.iter().any(|byte| (101..=103).contains(byte));
    let role = if writes { "a writer" } else { "a reader" };
    let bytes: Vec<String> = held.iter().map(ToString::to_string).collect();
    InUse::Yes {
        writes,
        detail: format!("in use by {role} (QEMU lock bytes {})", bytes.join(", ")),
    }
}

/// `F_WRLCK` and `F_UNLCK` in the type that the kernel's structure has for them.
#[cfg(target_os = "linux")]
const WRITE_LOCK: i16 = 1;
#[cfg(target_os = "linux")]
const UNLOCKED: i16 = 2;

/// Other systems: QEMU's locks there are not open-file-description locks that can be asked.
#[cfg(not(target_os = "linux"))]
pub(crate) fn qemu_locks(_path: &Path) -> InUse {
    InUse::NotAsked
}

/// An error with all its causes in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        line = format!("{line}: {cause}");
        next = cause.source();
    }
    line
}

/// Whether the error says that a path is a loop of symbolic links.
pub(crate) fn is_symlink_loop(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}
