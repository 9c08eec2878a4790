//! Which bytes of a file the file system shares with other files.

use std::fs::File;

/// What the file system says of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// So many bytes of the file.
    Bytes(u64),
    /// It shares none, or tells of none, whichever file is asked about.
    Never,
    /// It does not say.
    Unknown,
}

/// File systems that share nothing between files, by `statfs(2)`'s magic numbers: ext2 to ext4, tmpfs.
#[cfg(target_os = "linux")]
const NEVER: [u32; 2] = [0xef53, 0x0102_1994];

/// Asks about an opened file. O(its extents), eight a system call.
#[cfg(target_os = "linux")]
pub(crate) fn shared_bytes(file: &File) -> Sharing {
    use fiemap::{Fiemap, FiemapExtentFlags};
    let Ok(system) = rustix::fs::fstatfs(file) else { return Sharing::Unknown };
    let magic = u32::try_from(system.f_type & 0xffff_ffff).unwrap_or(0);
    if NEVER.contains(&magic) {
        return Sharing::Never;
    }
    let mut shared: u64 = 0;
    let mut end = 0;
    for extent in Fiemap::new(file) {
        let Ok(extent) = extent else { return Sharing::Unknown };
        // What is written to meanwhile may be told of twice, or without an end.
        let next = extent.fe_logical.saturating_add(extent.fe_length);
        if next <= end {
            return Sharing::Unknown;
        }
        end = next;
        if extent.fe_flags.contains(FiemapExtentFlags::SHARED) {
            shared = shared.saturating_add(extent.fe_length);
        }
    }
    Sharing::Bytes(shared)
}

/// Other systems say nothing of it.
#[cfg(not(target_os = "linux"))]
pub(crate) fn shared_bytes(_: &File) -> Sharing {
    Sharing::Never
}
