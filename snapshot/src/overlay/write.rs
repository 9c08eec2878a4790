//! Writing an overlay, complete and durable, where nobody looks for it yet.

use std::io;
use std::path::Path;

use crate::catalogue::{OpId, OverlayMember};
use crate::error::ErrorKind;
use crate::fs::{Attributes, Fs, write_all};
use crate::marker::Marker;

/// Writes the overlay of `member` at `path`, which nobody may have, and forces it out. Its directory entry
/// is not forced out.
pub(crate) fn write(
    fs: &dyn Fs,
    path: &Path,
    member: &OverlayMember,
    op: OpId,
    attributes: &Attributes,
) -> Result<(), WriteError> {
    let layout = member
        .overlay
        .layout(Marker { op, id: member.id })
        .map_err(|error| WriteError::before("write", path, io::Error::other(error)))?;
    let file = fs.create(path, 0o600).map_err(|cause| WriteError::before("create", path, cause))?;
    let failed = |doing| move |cause| WriteError::before(doing, path, cause);
    // First: a file that is made longer after its end was written to is written out at once by XFS.
    file.set_len(layout.len).map_err(failed("write"))?;
    for (offset, bytes) in &layout.pieces {
        write_all(&*file, *offset, bytes).map_err(failed("write"))?;
    }
    file.set_attributes(attributes)
        .map_err(failed("set the owner, permissions and attributes of"))?;
    file.sync()
        .map_err(|cause| WriteError { kind: ErrorKind::io("sync", path, cause), synced: false })
}

/// Why an overlay was not written.
pub(crate) struct WriteError {
    pub(crate) kind: ErrorKind,
    /// Whether nothing that was forced out has failed to get there.
    pub(crate) synced: bool,
}

impl WriteError {
    fn before(doing: &'static str, path: &Path, cause: io::Error) -> Self {
        Self { kind: ErrorKind::io(doing, path, cause), synced: true }
    }
}
