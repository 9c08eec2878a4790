//! imago 0.2 in its synchronous build, without its implicit dependencies.

use crate::Result;
use imago::file::File;
use imago::io_buffers::{IoVector, IoVectorMut};
use imago::qcow2::Qcow2;
use imago::storage::drivers::CommonStorageHelper;
use imago::{FormatAccess, FormatDriverBuilder, PermissiveImplicitOpenGate, Storage};
use std::fmt;
use std::io;
use std::path::Path;

/// Opens and closes an image file: imago reads the header and the L1 table (one cluster here).
pub(crate) fn open(path: &Path) -> Result<usize> {
    let image = Qcow2::<File>::open_path(path, false)?;
    Ok(image.implicit_backing_file().map_or(0, String::len))
}

/// A chain that imago has opened whole.
pub(crate) struct Disk(FormatAccess<File>);

impl Disk {
    /// Opens an image and what it names.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let builder = Qcow2::<File>::builder_path(path);
        Ok(Self(FormatAccess::new(builder.open(PermissiveImplicitOpenGate::default())?)))
    }

    /// Reads a part of the guest's disk.
    pub(crate) fn read(&self, at: u64, buffer: &mut [u8]) -> Result<()> {
        Ok(self.0.read(buffer, at)?)
    }
}

/// Parses a header from memory; whether imago accepted it.
///
/// imago offers no header parser, only the opening of an image. The storage that it is given fails
/// beyond the header's bytes, so imago stops where it would go on to the L1 table.
pub(crate) fn parse(header: &'static Memory) -> bool {
    match Qcow2::<&'static Memory>::open_image(header, false) {
        Ok(_) => true,
        Err(error) => error.kind() == END,
    }
}

/// The error at the end of the bytes, of a kind that imago itself does not use.
const END: io::ErrorKind = io::ErrorKind::NotSeekable;

/// A header in memory. imago keeps what it opens, hence the leaked reference.
#[derive(Debug)]
pub(crate) struct Memory {
    bytes: Vec<u8>,
    helper: CommonStorageHelper,
}

impl Memory {
    /// Holds `bytes` until the process ends.
    pub(crate) fn leak(bytes: Vec<u8>) -> &'static Self {
        Box::leak(Box::new(Self { bytes, helper: CommonStorageHelper::default() }))
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "memory:[{}B]", self.bytes.len())
    }
}

impl Storage for Memory {
    fn size(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    unsafe fn pure_readv(&self, mut buffers: IoVectorMut<'_>, offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| END)?;
        let len = usize::try_from(buffers.len()).map_err(|_| END)?;
        let rest = self.bytes.get(start..).unwrap_or_default();
        buffers.copy_from_slice(rest.get(..len).ok_or(END)?);
        Ok(())
    }

    unsafe fn pure_writev(&self, _buffers: IoVector<'_>, _offset: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    unsafe fn invalidate_cache(&self) -> io::Result<()> {
        Ok(())
    }

    fn get_storage_helper(&self) -> &CommonStorageHelper {
        &self.helper
    }
}
