//! The least that makes an overlay durable under a live name.

use crate::Result;
use diskdag_qcow2::create::Layout;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Writes bytes that are made already, forcing nothing out: three blocks and a length.
pub(crate) fn write(path: &Path, layout: &Layout) -> Result<File> {
    let file = File::options().read(true).write(true).create_new(true).open(path)?;
    for (offset, bytes) in &layout.pieces {
        file.write_all_at(bytes, *offset)?;
    }
    file.set_len(layout.len)?;
    Ok(file)
}

/// A directory in which an overlay takes a name, again and again.
pub(crate) struct Names {
    dir: File,
    path: PathBuf,
    next: u64,
}

impl Names {
    pub(crate) fn new(path: PathBuf) -> Result<Self> {
        std::fs::create_dir(&path)?;
        Ok(Self { dir: File::open(&path)?, path, next: 0 })
    }

    /// A path that was not used before.
    pub(crate) fn fresh(&mut self) -> PathBuf {
        self.next += 1;
        self.path.join(format!("{}.qcow2", self.next))
    }

    /// Writes, forces out, renames, forces the directory out.
    pub(crate) fn publish(&mut self, layout: &Layout) -> Result<()> {
        let (aside, name) = (self.fresh(), self.fresh());
        write(&aside, layout)?.sync_all()?;
        std::fs::rename(aside, name)?;
        Ok(self.dir.sync_all()?)
    }
}

/// Writes a few bytes of a file over, and forces that out.
pub(crate) fn overwrite(file: &File, offset: u64, bytes: &[u8]) -> Result<()> {
    file.write_all_at(bytes, offset)?;
    Ok(file.sync_data()?)
}
