//! The names of a directory, in pieces that workers can share.

use std::ffi::CStr;

/// The names of one directory, or some of them: one buffer, not a string each.
#[derive(Clone, Default)]
pub(super) struct Names {
    bytes: Vec<u8>,
    /// Inode number, so that files are opened in the order in which they lie on the disk, where
    /// the name begins, and whether it is a symbolic link.
    pub(super) entries: Vec<(u64, u32, bool)>,
}

/// Files handed to one worker at a time: enough that the queue costs nothing, few enough that a
/// single directory of 100,000 keeps all workers busy.
const BATCH: usize = 256;

impl Names {
    pub(super) fn push(&mut self, name: &CStr, inode: u64, is_symlink: bool) {
        let Ok(at) = u32::try_from(self.bytes.len()) else { return };
        self.bytes.extend_from_slice(name.to_bytes_with_nul());
        self.entries.push((inode, at, is_symlink));
    }

    fn at(&self, at: u32) -> Option<&CStr> {
        CStr::from_bytes_until_nul(self.bytes.get(at as usize..)?).ok()
    }

    /// The name, and whether it is a symbolic link.
    pub(super) fn get(&self, position: usize) -> Option<(&CStr, bool)> {
        let (_, at, is_symlink) = *self.entries.get(position)?;
        Some((self.at(at)?, is_symlink))
    }

    /// The same without one of them.
    pub(super) fn without(&self, position: usize) -> Self {
        let mut names = self.clone();
        if position < names.entries.len() {
            names.entries.remove(position);
        }
        names
    }

    /// Cuts the names into batches, each with its own buffer.
    pub(super) fn split(self) -> impl Iterator<Item = Self> {
        let chunks: Vec<Self> = if self.entries.len() <= BATCH {
            vec![self]
        } else {
            let chunks = self.entries.chunks(BATCH).map(|entries| {
                let mut batch = Self::default();
                for &(inode, at, is_symlink) in entries {
                    if let Some(name) = self.at(at) {
                        batch.push(name, inode, is_symlink);
                    }
                }
                batch
            });
            chunks.collect()
        };
        chunks.into_iter()
    }
}
