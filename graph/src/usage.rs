//! Is this image in use, and by whom; and may it be written to?

use std::path::Path;

/// Whether somebody has an image open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InUse {
    /// Nobody who would show it. That proves nothing about programs that take no locks.
    No,
    /// Somebody has.
    Yes {
        /// They may write to it.
        writes: bool,
        /// Who, as far as it can be told.
        detail: String,
    },
    /// It could not be found out.
    Unknown {
        /// Why not.
        reason: String,
    },
    /// This system has no way to ask.
    NotAsked,
}

/// Knows who uses an image. QEMU's own locks are asked by [`QemuLocks`]; a host whose virtual
/// machine monitor takes none has its own way to know.
pub trait Usage: Send + Sync {
    /// Whether the image at `path` is in use. Must not write, and must not block.
    fn in_use(&self, path: &Path) -> InUse;
}

/// Asks the locks that QEMU takes on the images that it opens.
///
/// QEMU marks use with one-byte read locks of open file descriptions: byte 100 + i says "I hold
/// permission i", byte 200 + i "I refuse to share permission i", for i = 0 consistent read,
/// 1 write, 2 write unchanged, 3 resize (and 4, in old versions). Asked with `F_OFD_GETLK`, which
/// takes no lock itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct QemuLocks;

impl Usage for QemuLocks {
    fn in_use(&self, path: &Path) -> InUse {
        crate::sys::qemu_locks(path)
    }
}

/// Whether a file may be written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Writable {
    /// Nothing is known to stand in the way.
    Yes,
    /// It may not, or that could not be found out.
    No {
        /// Why not.
        reason: String,
    },
}

/// Knows what may be written to.
pub trait Access: Send + Sync {
    /// Whether the file at `path` may be written to, as the system would have it; of a directory, whether a file may
    /// be made in it. Must not write.
    fn may_write(&self, path: &Path) -> Writable;
}

/// Asks for this process: modes, access control lists, immutable files and read-only mounts count.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessAccess;

impl Access for ProcessAccess {
    fn may_write(&self, path: &Path) -> Writable {
        crate::sys::may_write(path)
    }
}
