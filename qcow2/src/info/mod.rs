//! What an image says of itself: all that `qemu-img info` tells, and of images that QEMU refuses too.
//!
//! An [`Info`] owns what was read; no file stays open, so that a chain of any length can be described.
//! The image's header has to make sense, everything else is described as far as it does: what could not be
//! read is a [fault](Info::faults). Nothing outside the file's own bytes is allocated for or read.
#![forbid(unsafe_code)]

mod chain;
mod cipher;

pub use chain::{ChainEnd, describe_chain};
pub use cipher::LuksCipher;

use std::path::{Path, PathBuf};
use std::vec::Vec;

use crate::error::ErrorKind;
use crate::foreign::Foreign;
use crate::header::Header;
use crate::image::{BitmapDirectory, Image, ImageError, SnapshotTable};
use crate::open::{OpenError, Opened, Stat, open_image};
use crate::source::fill;
use crate::table::{Bitmap, LuksHeader, Snapshot};
use crate::units::HostOffset;

/// What an image says of itself.
#[derive(Debug)]
pub struct Info {
    path: PathBuf,
    stat: Stat,
    /// What the header was parsed from; none of any other format.
    header: Option<Vec<u8>>,
    foreign: Option<Foreign>,
    snapshots: Option<SnapshotTable>,
    bitmaps: Option<BitmapDirectory>,
    luks: Option<(Vec<u8>, HostOffset)>,
    faults: Vec<ImageError>,
}

/// Why an image can't be described.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InfoError {
    /// It was not opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Its header can't be read, or makes no sense.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// It was declared to be of a format that nobody knows.
    #[error("declared {}, which is no format that is known here", format.escape_ascii())]
    UnsupportedFormat {
        /// The format, as declared.
        format: std::boxed::Box<[u8]>,
    },
}

impl Info {
    /// Opens an image, and nothing that it names, and describes it. Of a format that is not declared it is what
    /// QEMU would take it for by its first bytes. Of a format that is [not read here](Foreign) no more than its
    /// name is told. Never blocks.
    ///
    /// # Errors
    ///
    /// [`InfoError`]. What is declared qcow2 and is not is an error, and never a raw image.
    pub fn of(path: &Path, declared: Option<&[u8]>) -> Result<Self, InfoError> {
        Self::of_opened(path, open_image(path)?, declared)
    }

    /// The same of a file that is open already; `path` is what it is called.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of).
    pub fn of_opened(
        path: &Path,
        opened: Opened,
        declared: Option<&[u8]>,
    ) -> Result<Self, InfoError> {
        let mut info = Self {
            path: path.to_path_buf(),
            stat: opened.stat,
            header: None,
            foreign: None,
            snapshots: None,
            bitmaps: None,
            luks: None,
            faults: Vec::new(),
        };
        match declared {
            None | Some(b"qcow2") => {}
            Some(b"raw" | b"file" | b"host_device") => return Ok(info),
            Some(other) => {
                let unknown = || InfoError::UnsupportedFormat { format: other.into() };
                info.foreign = Some(Foreign::named(other).ok_or_else(unknown)?);
                return Ok(info);
            }
        }
        let mut first = [0; Foreign::PROBED];
        let have = fill(&opened.file, 0, &mut first).map_err(ImageError::Io)?;
        match Image::open(opened.file) {
            Ok(image) => info.look_into(&image),
            Err(ImageError::Format(error)) if declared.is_none() && is_another(error.kind) => {
                info.foreign = Foreign::probe(first.get(..have).unwrap_or_default());
            }
            Err(error) => return Err(error.into()),
        }
        Ok(info)
    }

    fn look_into(&mut self, image: &Image) {
        self.header = Some(image.header_bytes().to_vec());
        match image.snapshots() {
            Ok(table) => {
                let broken = table.iter().find_map(Result::err);
                self.faults.extend(broken.map(ImageError::from));
                self.snapshots = Some(table);
            }
            Err(error) => self.faults.push(error),
        }
        match image.bitmaps() {
            Ok(Some(directory)) => {
                let broken = directory.iter().find_map(Result::err);
                self.faults.extend(broken.map(ImageError::from));
                self.bitmaps = Some(directory);
            }
            Ok(None) => {}
            Err(error) => self.faults.push(error),
        }
        let mut buffer = Vec::new();
        let at = image.header().ok().and_then(|header| header.luks());
        match image.luks(&mut buffer).map(|found| found.is_some()) {
            Ok(found) => self.luks = at.filter(|_| found).map(|at| (buffer, at.offset)),
            Err(error) => self.faults.push(error),
        }
        // What was torn by a writer is no fault of the image.
        if !self.faults.is_empty() && image.changed().unwrap_or(true) {
            self.faults.clear();
            self.faults.push(ImageError::ChangedDuringRead);
        }
    }

    /// The path, as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the system said of the file.
    #[must_use]
    pub fn stat(&self) -> &Stat {
        &self.stat
    }

    /// The header; `None` of a raw image.
    #[must_use]
    pub fn header(&self) -> Option<Header<'_>> {
        // The same bytes were parsed before.
        Header::parse_prefix(self.header.as_deref()?, self.stat.len).ok()
    }

    /// QEMU's name for its format.
    #[must_use]
    pub fn format(&self) -> &'static str {
        match self.foreign {
            Some(format) => format.name(),
            None if self.header.is_some() => "qcow2",
            None => "raw",
        }
    }

    /// Its format, if it is one that is not read here: what else it says, and what it names, is not known.
    #[must_use]
    pub const fn foreign(&self) -> Option<Foreign> {
        self.foreign
    }

    /// The size in bytes of the disk that the guest sees: of a qcow2 image without a tail of less than a
    /// sector of 512, of a raw one filled up to whole sectors. `None` of a format that is not read here.
    #[must_use]
    pub fn virtual_size(&self) -> Option<u64> {
        match self.header() {
            _ if self.foreign.is_some() => None,
            Some(header) => Some(header.virtual_size() & !511),
            None => Some(self.file_length()),
        }
    }

    /// The file's length as QEMU counts it: in sectors of 512 bytes.
    #[must_use]
    pub fn file_length(&self) -> u64 {
        self.stat.len.checked_next_multiple_of(512).unwrap_or(!511)
    }

    /// The internal snapshots, up to the first that makes no sense.
    pub fn snapshots(&self) -> impl Iterator<Item = Snapshot<'_>> {
        self.snapshots.iter().flat_map(|table| table.iter().map_while(Result::ok))
    }

    /// The persistent bitmaps, up to the first that makes no sense.
    pub fn bitmaps(&self) -> impl Iterator<Item = Bitmap<'_>> {
        self.bitmaps.iter().flat_map(|directory| directory.iter().map_while(Result::ok))
    }

    /// The public part of the LUKS header, if there is one.
    #[must_use]
    pub fn luks(&self) -> Option<LuksHeader<'_>> {
        let (bytes, at) = self.luks.as_ref()?;
        LuksHeader::parse(bytes, *at).ok()
    }

    /// What could not be read of what the header points to. QEMU refuses nearly every such image.
    #[must_use]
    pub fn faults(&self) -> &[ImageError] {
        &self.faults
    }
}

/// Whether the bytes begin like no qcow2 image that there could be.
fn is_another(error: ErrorKind) -> bool {
    matches!(error, ErrorKind::NotQcow2 { .. } | ErrorKind::UnsupportedVersion { found: 1 })
}
