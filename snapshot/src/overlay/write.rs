//! Writing an overlay, complete and durable, where nobody looks for it yet.
//!
//! In two steps, so that of many that are written together the first is on its way to the medium while the next
//! is made.

use std::io;
use std::path::{Path, PathBuf};

use crate::catalogue::{OpId, OverlayMember};
use crate::error::ErrorKind;
use crate::fs::{Attributes, Fs, FsFile, write_all};
use crate::marker::Marker;

/// An overlay whose bytes are all there, and not forced out.
#[must_use = "what is not forced out may be lost"]
pub(crate) struct Written {
    path: PathBuf,
    file: Box<dyn FsFile>,
}

/// Writes the overlay of `member` at `path`, which nobody may have.
pub(crate) fn write(
    fs: &dyn Fs,
    path: &Path,
    member: &OverlayMember,
    op: OpId,
    attributes: &Attributes,
) -> Result<Written, WriteError> {
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
    Ok(Written { path: path.to_owned(), file })
}

impl Written {
    /// Others come before it is forced out: the system may begin.
    pub(crate) fn sync_soon(self) -> Self {
        self.file.sync_soon();
        self
    }

    /// Forces it out. Its directory entry is not.
    pub(crate) fn sync(self) -> Result<(), WriteError> {
        self.file.sync().map_err(|cause| {
            let kind = ErrorKind::io("sync", self.path, cause);
            WriteError { kind, synced: false }
        })
    }
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
