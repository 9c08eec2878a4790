//! qcow2-rs 0.1, synchronous, without backing devices.

use crate::Result;
use qcow2_rs::dev::Qcow2DevParams;
use qcow2_rs::meta::Qcow2Header;
use qcow2_rs::sync_io::Qcow2IoSync;
use qcow2_rs::utils::qcow2_alloc_dev_sync;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Bytes that qcow2-rs reads first.
pub(crate) const FIRST_READ: usize = 4096;

/// Parses a header from memory; length of the backing name.
pub(crate) fn parse(bytes: &[u8]) -> Result<usize> {
    let header = Qcow2Header::from_buf(bytes).map_err(|error| error.to_string())?;
    Ok(header.backing_filename().map_or(0, String::len))
}

/// The cheapest way to a header: its parser over one read into a buffer that is used again.
pub(crate) fn open_header(path: &Path, buffer: &mut [u8; FIRST_READ]) -> Result<usize> {
    let len = File::open(path)?.read(buffer)?;
    buffer.get_mut(len..).unwrap_or_default().fill(0);
    parse(buffer)
}

/// The way its users take: a device over an opened image, which opens the file a second time for
/// the header and sets up the caches.
pub(crate) fn open_device(path: &Path, params: &Qcow2DevParams) -> Result<usize> {
    let io = Qcow2IoSync::new(path, true, false);
    let (_device, backing) =
        qcow2_alloc_dev_sync(path, io, params).map_err(|error| error.to_string())?;
    Ok(backing.map_or(0, |path| path.as_os_str().len()))
}

/// What opens an image read-only with the caches that qcow2-rs chooses itself.
pub(crate) fn read_only() -> Qcow2DevParams {
    Qcow2DevParams::new(9, None, None, true, false)
}
