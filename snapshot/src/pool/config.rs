//! What a person has set for a pool.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::ErrorKind;
use crate::fs::{Access, Fs, is_absent, read_all, write_all};
use crate::text;

/// The file, in the pool's folder: JSON.
const FILE: &str = "config";

/// Where it is written before it takes the other's place.
const UNFINISHED: &str = "config.new";

/// More than a million roots.
const MOST: u64 = 256 << 20;

/// The settings of a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Config {
    /// Directories outside of the pool whose images may depend on the pool's.
    #[serde(default, with = "text::paths")]
    pub roots: Vec<PathBuf>,
    /// Files and directories in which owners name their disks: libvirt's XML, or a mapping. A disk that an owner
    /// names is not free to go.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "text::paths")]
    pub owners: Vec<PathBuf>,
}

impl Config {
    /// Whether a file of the pool's folder is one of its own.
    pub(super) fn is_file_of(name: &OsStr) -> bool {
        name == FILE || name == UNFINISHED
    }

    /// The top directory and the further ones; what is relative is taken from the top.
    pub(super) fn roots_of(&self, top: &Path) -> Vec<PathBuf> {
        let further = self.roots.iter().map(|root| top.join(root));
        std::iter::once(top.to_owned()).chain(further).collect()
    }

    /// The owners' files; what is relative is taken from the top.
    pub(super) fn owners_of(&self, top: &Path) -> Vec<PathBuf> {
        self.owners.iter().map(|path| top.join(path)).collect()
    }

    /// Reads it. Without a file nothing is set.
    pub(super) fn load(fs: &dyn Fs, folder: &Path) -> Result<Self, ErrorKind> {
        let path = folder.join(FILE);
        let file = match fs.open(&path, Access::Read) {
            Err(error) if is_absent(&error) => return Ok(Self::default()),
            other => other.map_err(|cause| ErrorKind::Config { path: path.clone(), cause })?,
        };
        let unreadable = |cause| ErrorKind::Config { path: path.clone(), cause };
        let bytes = read_all(&*file, MOST).map_err(unreadable)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| unreadable(io::Error::new(io::ErrorKind::InvalidData, error)))
    }

    /// Writes it, in one step.
    pub(super) fn save(&self, fs: &dyn Fs, folder: &Path) -> Result<(), ErrorKind> {
        let (path, unfinished) = (folder.join(FILE), folder.join(UNFINISHED));
        let failed = |doing| {
            let path = path.clone();
            move |cause| ErrorKind::io(doing, path, cause)
        };
        match fs.remove(&unfinished) {
            Err(error) if !is_absent(&error) => return Err(failed("replace")(error)),
            _ => {}
        }
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| failed("write")(io::Error::other(error)))?;
        let file = fs.create(&unfinished, 0o666).map_err(failed("write"))?;
        write_all(&*file, 0, &bytes).map_err(failed("write"))?;
        file.sync().map_err(failed("sync"))?;
        fs.replace(&unfinished, &path).map_err(failed("replace"))?;
        fs.sync_dir(folder).map_err(failed("sync"))
    }
}
