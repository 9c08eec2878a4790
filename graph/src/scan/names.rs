//! The names of a directory, in pieces that workers can share.

use std::ffi::CStr;
use std::ops::Range;
use std::sync::Arc;

/// The names of one directory: one buffer, not a string each.
#[derive(Clone, Default)]
pub(super) struct Listing {
    bytes: Vec<u8>,
    entries: Vec<Listed>,
}

/// One name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Listed {
    /// Files are opened in the order in which they lie on the disk, which is nearly always this one.
    inode: u64,
    /// Where the name begins.
    at: u32,
    is_symlink: bool,
}

/// Some of the names of a directory.
pub(super) struct Names {
    all: Arc<Listing>,
    range: Range<usize>,
}

/// Files handed to one worker at a time: enough that the queue costs nothing, few enough that a
/// single directory of 100,000 keeps all workers busy.
const BATCH: usize = 256;

impl Listing {
    pub(super) fn push(&mut self, name: &CStr, inode: u64, is_symlink: bool) {
        let Ok(at) = u32::try_from(self.bytes.len()) else { return };
        self.bytes.extend_from_slice(name.to_bytes_with_nul());
        self.entries.push(Listed { inode, at, is_symlink });
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The name, and whether it is a symbolic link.
    fn get(&self, position: usize) -> Option<(&CStr, bool)> {
        let Listed { at, is_symlink, .. } = *self.entries.get(position)?;
        let name = CStr::from_bytes_until_nul(self.bytes.get(at as usize..)?).ok()?;
        Some((name, is_symlink))
    }

    /// Cuts the names into batches, in the order in which they are to be opened; at least one.
    pub(super) fn into_batches(mut self) -> impl DoubleEndedIterator<Item = (Names, u32)> {
        self.entries.sort_unstable();
        let all = Arc::new(self);
        let batches = u32::try_from(all.len().div_ceil(BATCH)).unwrap_or(u32::MAX).max(1);
        (0..batches).map(move |number| {
            let from = number as usize * BATCH;
            let range = from..(from + BATCH).min(all.len());
            (Names { all: Arc::clone(&all), range }, number)
        })
    }
}

impl Names {
    pub(super) fn len(&self) -> usize {
        self.range.len()
    }

    /// The name, and whether it is a symbolic link.
    pub(super) fn get(&self, position: usize) -> Option<(&CStr, bool)> {
        self.all.get(self.range.clone().nth(position)?)
    }

    /// The same without one of them.
    pub(super) fn without(&self, position: usize) -> Self {
        let mut left = Listing::default();
        for at in self.range.clone().filter(|at| *at != self.range.start + position) {
            if let Some(((name, is_symlink), listed)) =
                self.all.get(at).zip(self.all.entries.get(at))
            {
                left.push(name, listed.inode, is_symlink);
            }
        }
        let range = 0..left.len();
        Self { all: Arc::new(left), range }
    }
}
