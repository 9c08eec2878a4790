//! A chain described link by link, as far as it goes.
#![forbid(unsafe_code)]

use std::boxed::Box;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::vec::Vec;

use super::{Info, InfoError};
use crate::open::open_image;
use crate::reference::{Reference, Target};

/// Where a chain ends.
#[derive(Debug)]
#[non_exhaustive]
pub enum ChainEnd {
    /// At a base: an image without backing file.
    Base,
    /// At an image of a format that is not read here: whether it has a backing file is not known.
    Foreign,
    /// At a link that can't be described: it is missing, say.
    Broken {
        /// The link, as it was to be opened.
        path: PathBuf,
        /// Why.
        error: InfoError,
    },
    /// At a name that leads to no file of this host.
    NoFile {
        /// The name, as stored.
        name: Box<[u8]>,
    },
    /// At an image that is above already: it would go on for ever.
    Cycle {
        /// The image, by the name that leads back to it.
        path: PathBuf,
    },
}

/// Describes an image and what it needs, top first: each is handed to `each` as soon as it is known. Ends
/// where the chain does, or where `each` says `false`.
///
/// One file is open at a time, so there is no limit to the links. The names that images give to their
/// backing files are followed wherever they lead: use it on images that are trusted. Nothing but regular
/// files is opened, and nothing blocks. The names are resolved as QEMU does, those of `file:` and `json:` from
/// the working directory.
///
/// `E` is the caller's error.
///
/// # Errors
///
/// Those of `each`. What is wrong with a link, the first included, is the [end](ChainEnd).
pub fn describe_chain<E>(
    path: &Path,
    declared: Option<&[u8]>,
    mut each: impl FnMut(&Info) -> Result<bool, E>,
) -> Result<ChainEnd, E> {
    let mut seen = HashSet::new();
    let mut next = (path.to_path_buf(), declared.map(<[u8]>::to_vec));
    loop {
        let (path, declared) = next;
        let opened = match open_image(&path) {
            Ok(opened) => opened,
            Err(error) => return Ok(ChainEnd::Broken { path, error: error.into() }),
        };
        // By what it is: the name of a disk that refers to itself by way of `..` grows for ever.
        if !seen.insert((opened.stat.device, opened.stat.inode)) {
            return Ok(ChainEnd::Cycle { path });
        }
        let info = match Info::of_opened(&path, opened, declared.as_deref()) {
            Ok(info) => info,
            Err(error) => return Ok(ChainEnd::Broken { path, error }),
        };
        if !each(&info)? {
            return Ok(ChainEnd::Base);
        }
        if info.foreign().is_some() {
            return Ok(ChainEnd::Foreign);
        }
        let Some(header) = info.header() else { return Ok(ChainEnd::Base) };
        let Some(name) = header.backing_name() else { return Ok(ChainEnd::Base) };
        let reference = Reference::classify(name);
        let Target::Path { path: below, .. } = reference.target(crate::chain::directory(&path))
        else {
            return Ok(ChainEnd::NoFile { name: name.into() });
        };
        let format = header.backing_format().map(<[u8]>::to_vec);
        next = (OsStr::from_bytes(&below).into(), format);
    }
}

impl Info {
    /// The name of the backing file, byte for byte as stored.
    #[must_use]
    pub fn backing_name(&self) -> Option<&[u8]> {
        // The header borrows from what is owned here, so the name may outlive it.
        self.header().and_then(|header| header.backing_name())
    }

    /// The same as QEMU would open it: joined to the directory of the image where it is relative to it.
    #[must_use]
    pub fn full_backing_name(&self) -> Option<Vec<u8>> {
        let name = self.backing_name()?;
        let reference = Reference::classify(name);
        let full = match (&reference, reference.target(crate::chain::directory(self.path()))) {
            (Reference::Relative(_), Target::Path { path, .. }) => path.into_owned(),
            _ => name.to_vec(),
        };
        Some(full)
    }
}
