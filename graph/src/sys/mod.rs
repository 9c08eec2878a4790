//! The one module that speaks to the operating system below std: directories, descriptors, kinds
//! of file systems, locks.

mod directory;
mod extents;
mod locks;
#[cfg(target_os = "linux")]
mod mounts;
mod notify;
mod residence;

use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) use directory::{Asked, Directory, EntryKind, Measures};
pub(crate) use extents::{Sharing, shared_bytes};
pub(crate) use locks::qemu_locks;
pub(crate) use notify::{Notice, Notify};
pub(crate) use residence::{Residence, residence};

use crate::usage::Writable;

/// Whether this process may write to a file.
pub(crate) fn may_write(path: &Path) -> Writable {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    match accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS) {
        Ok(()) => Writable::Yes,
        Err(error) => Writable::No { reason: io::Error::from(error).to_string() },
    }
}

/// The time of day in nanoseconds since 1970, by the clock that file systems of this host use.
pub(crate) fn clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Which start of the system this is; nothing where it does not say.
pub(crate) fn boot() -> Option<Vec<u8>> {
    let mut name = std::fs::read("/proc/sys/kernel/random/boot_id").ok()?;
    name.truncate(name.trim_ascii_end().len());
    (!name.is_empty()).then_some(name)
}

/// How often this thread has given the processor away to wait for something: the disk, mostly.
#[cfg(target_os = "linux")]
pub(crate) fn voluntary_waits() -> u64 {
    use nix::sys::resource::{UsageWho, getrusage};
    let waits = getrusage(UsageWho::RUSAGE_THREAD).map(|usage| usage.voluntary_context_switches());
    waits.map_or(0, |waits| u64::try_from(waits).unwrap_or(0))
}

/// Other systems do not say so of a thread.
#[cfg(not(target_os = "linux"))]
pub(crate) fn voluntary_waits() -> u64 {
    0
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
