//! May this file be written to?

use std::io;
use std::path::Path;

/// Knows what may be written to.
pub trait Access: Send + Sync {
    /// Whether the file at `path` may be written to, as the system would have it. Must not write.
    ///
    /// # Errors
    ///
    /// Why it may not.
    fn may_write(&self, path: &Path) -> io::Result<()>;
}

/// Asks for this process: modes, access control lists, immutable files and read-only mounts count.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessAccess;

impl Access for ProcessAccess {
    fn may_write(&self, path: &Path) -> io::Result<()> {
        crate::sys::may_write(path)
    }
}
