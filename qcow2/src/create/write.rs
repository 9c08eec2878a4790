//! Writing a new image into a file.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::Layout;

impl Layout {
    /// Writes the image into an empty file and sets its length. Nothing is synced.
    ///
    /// # Errors
    ///
    /// Whatever the system answers; the file is then incomplete.
    pub fn write_to(&self, file: &File) -> io::Result<()> {
        // First: a file that is made longer after its end was written to is written out at once by XFS.
        file.set_len(self.len)?;
        for (offset, bytes) in &self.pieces {
            file.write_all_at(bytes, *offset)?;
        }
        Ok(())
    }
}
