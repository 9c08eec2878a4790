//! A fleet as files in one directory.

use super::{FILE_LEN, Shape, header};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Images in one directory, in the order of their numbers (which is that of their inodes).
pub struct Files {
    /// The directory that holds them and nothing else.
    pub dir: PathBuf,
    /// Path of each disk.
    pub paths: Vec<PathBuf>,
    /// Number of the backing file of each disk.
    pub parents: Vec<Option<usize>>,
}

impl Files {
    /// Writes `disks` sparse images of `shape` into the new directory `dir`. Backing names are
    /// relative, as `qemu-img create -b base.qcow2` in that directory writes them.
    ///
    /// # Errors
    /// Whatever the file system says; the directory must not exist yet.
    pub fn write(dir: &Path, shape: Shape, disks: usize) -> io::Result<Self> {
        fs::create_dir_all(dir.parent().unwrap_or(dir))?;
        fs::create_dir(dir)?;
        let dir = fs::canonicalize(dir)?;
        let parents = shape.parents(disks);
        let mut paths = Vec::with_capacity(disks);
        for (disk, parent) in parents.iter().enumerate() {
            let path = dir.join(name(disk));
            let backing = parent.map(name);
            let mut file = File::create_new(&path)?;
            file.write_all(&header(backing.as_ref().map(|name| name.as_bytes())))?;
            file.set_len(FILE_LEN)?;
            paths.push(path);
        }
        Ok(Self { dir, paths, parents })
    }
}

fn name(disk: usize) -> String {
    format!("disk-{disk:06}.qcow2")
}
