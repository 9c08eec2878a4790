//! The real file system.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use diskdag_qcow2::source::{Source, Span, Stamp};

use super::{Access, Attributes, Claim, Entry, Fs, FsFile, Lock, LockMode, Stat, sys};

/// The file system of this host.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFs;

/// An open file of it.
#[derive(Debug)]
struct RealFile(File);

impl Fs for RealFs {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn FsFile>> {
        Ok(Box::new(RealFile(sys::open(path, access)?)))
    }

    fn create(&self, path: &Path, mode: u32) -> io::Result<Box<dyn FsFile>> {
        Ok(Box::new(RealFile(sys::create(path, mode)?)))
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        sys::stat_path(path)
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        std::fs::canonicalize(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let entry = |entry: io::Result<std::fs::DirEntry>| {
            let entry = entry?;
            Ok(Entry { name: entry.file_name(), kind: sys::kind(entry.file_type()?) })
        };
        std::fs::read_dir(dir)?.map(entry).collect()
    }

    fn exchange(&self, a: &Path, b: &Path) -> io::Result<()> {
        sys::exchange(a, b)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        sys::rename_to_nobodys(from, to)
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn link(&self, existing: &Path, new: &Path) -> io::Result<()> {
        std::fs::hard_link(existing, new)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn try_lock(&self, path: &Path, mode: LockMode) -> io::Result<Option<Box<dyn Lock>>> {
        let file = sys::open_lock(path)?;
        Ok(if lock(&file, mode)? { Some(Box::new(RealLock { _file: file })) } else { None })
    }
}

fn lock(file: &File, mode: LockMode) -> io::Result<bool> {
    let taken = match mode {
        LockMode::Shared => file.try_lock_shared(),
        LockMode::Exclusive => file.try_lock(),
    };
    match taken {
        Ok(()) => Ok(true),
        Err(std::fs::TryLockError::WouldBlock) => Ok(false),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

/// A lock of an open file description: it goes when the file is closed.
#[derive(Debug)]
struct RealLock {
    _file: File,
}

impl Lock for RealLock {}

impl FsFile for RealFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(&self.0, bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn sync_soon(&self) {
        sys::start_writing(&self.0);
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn stat(&self) -> io::Result<Stat> {
        sys::stat_file(&self.0)
    }

    fn attributes(&self) -> io::Result<Attributes> {
        sys::attributes(&self.0)
    }

    fn set_attributes(&self, attributes: &Attributes) -> io::Result<()> {
        sys::set_attributes(&self.0, attributes)
    }

    fn set_mode(&self, mode: u32) -> io::Result<()> {
        sys::set_mode(&self.0, mode)
    }

    fn claim(&self) -> io::Result<Claim> {
        sys::claim(&self.0)
    }

    fn is_free(&self) -> io::Result<bool> {
        sys::is_free(&self.0)
    }

    fn try_lock(&self, mode: LockMode) -> io::Result<bool> {
        lock(&self.0, mode)
    }
}

impl Source for RealFile {
    fn len(&self) -> io::Result<u64> {
        Source::len(&self.0)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        Source::read_at(&self.0, offset, buffer)
    }

    fn next_data(&self, offset: u64) -> u64 {
        self.0.next_data(offset)
    }

    fn stamp(&self) -> io::Result<Stamp> {
        self.0.stamp()
    }

    fn span(&self, offset: u64) -> io::Result<Span> {
        self.0.span(offset)
    }

    fn allocated(&self) -> io::Result<u64> {
        self.0.allocated()
    }
}
