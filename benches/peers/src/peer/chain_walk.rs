//! "May I remove x?" as it is written by hand around the world: for every disk in the directory its
//! chain, file by file, each element canonicalized and its header read; then x is looked up in it.
//!
//! Two things are better here than in the wild: there is no depth limit, and an error ends the
//! question instead of the walk. So its answer is right wherever it answers.

use crate::Result;
use crate::floor::by_hand;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The disks of `dir` whose chain holds `image`, sorted. `buffer` takes each header.
pub(crate) fn dependents(dir: &Path, image: &Path, buffer: &mut [u8]) -> Result<Vec<PathBuf>> {
    let image = fs::canonicalize(image)?;
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let disk = entry?.path();
        let chain = chain(&disk, buffer)?;
        if chain.iter().skip(1).any(|element| *element == image) {
            found.push(disk);
        }
    }
    found.sort();
    Ok(found)
}

/// The image and everything below it. It does not end on a cycle; the fleets here have none.
fn chain(image: &Path, buffer: &mut [u8]) -> Result<Vec<PathBuf>> {
    let mut chain = Vec::new();
    let mut next = Some(image.to_owned());
    while let Some(path) = next.take() {
        let path = fs::canonicalize(path)?;
        let len = File::open(&path)?.read_at(buffer, 0)?;
        let header = by_hand::parse(buffer.get(..len).unwrap_or_default());
        if let Some(name) = header.and_then(|header| header.backing_name) {
            let name = Path::new(std::ffi::OsStr::from_bytes(name));
            next = path.parent().map(|dir| dir.join(name));
        }
        chain.push(path);
    }
    Ok(chain)
}
