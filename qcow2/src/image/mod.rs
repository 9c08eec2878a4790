//! An image over a [`Source`]: its tables, and the guest data that it holds itself.
//!
//! Opened once: the header is read and validated, the length taken, and from then on every structure has
//! to lie inside the file as it was, before a byte is allocated for it. Memory is bounded by the bytes that
//! exist and by the caches' limits ([`Caches`]), work by what is asked for.
//!
//! [`Image`] gives the tables: snapshots, bitmaps, the LUKS header. [`View`] gives a disk: the
//! [active](Image::active) one, or an internal snapshot's, read-only. It knows this image alone; what the
//! backing file has is for [`Chain`](crate::chain::Chain).
//!
//! A source may change under us. What is seen of that is
//! [`ChangedDuringRead`](ImageError::ChangedDuringRead): bytes that were there and are gone are noticed when they
//! are read, and an error in the metadata is told as a change if there was one. Whether anything was
//! rewritten [`Image::changed`] says: ask it last.

mod caches;
mod clusters;
mod directory;
mod error;
mod l1;
mod map;
mod part;
mod pieces;
mod plain;
mod read;
mod slices;
mod tables;
mod view;
mod walk;
mod window;

pub use caches::Caches;
pub(crate) use directory::read_directory;
pub use error::ImageError;
pub use map::{ImageExtent, Map};
pub(crate) use pieces::{
    BEYOND_END, Batch, COMPRESSED, DATA, NOWHERE, PRESENT, Piece, Pieces, ZERO,
};
pub(crate) use plain::PlainData;
pub(crate) use read::split;
pub use tables::{BitmapDirectory, SnapshotTable};
pub use view::View;
pub(crate) use walk::{Known, Level, Stop, Walk};

use std::boxed::Box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::vec::Vec;

use core::fmt;

use crate::error::Error;
use crate::header::{Compression, Header, Obstacle};
use crate::open::read_header;
use crate::source::{Source, Stamp, fill};
use crate::table::Geometry;

/// A qcow2 image. Cheap to clone; all clones share source and caches.
#[derive(Clone)]
pub struct Image(Arc<Inner>);

struct Inner {
    source: Box<dyn Source>,
    stamp: Stamp,
    data_file: Option<DataFile>,
    /// What the header was parsed from.
    header: Vec<u8>,
    geometry: Geometry,
    compression: Compression,
    obstacle: Option<Obstacle>,
    virtual_size: u64,
    caches: Caches,
    /// Tells this image from the others that share its caches.
    id: u32,
    /// How often something beyond the end of the file was read, as zeros.
    beyond_end: AtomicU64,
}

struct DataFile {
    source: Box<dyn Source>,
    stamp: Stamp,
}

impl Image {
    /// How its compressed clusters are compressed.
    pub(crate) fn compression(&self) -> Compression {
        self.0.compression
    }

    /// Reads and validates the header; nothing else is read, and nothing else is opened.
    ///
    /// # Errors
    ///
    /// [`ImageError`]: whatever keeps the header from being parsed. Images that can be described but not read
    /// (encrypted ones, say) are opened; see [`active`](Self::active).
    pub fn open(source: impl Source + 'static) -> Result<Self, ImageError> {
        Self::open_with(Box::new(source), None, &Caches::default())
    }

    /// As [`open`](Self::open), with an external data file and with caches that other images share.
    ///
    /// A data file is used only if the header says that guest data lies in one. Whether it is the one that
    /// the header names is the caller's to know.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_with(
        source: Box<dyn Source>,
        data_file: Option<Box<dyn Source>>,
        caches: &Caches,
    ) -> Result<Self, ImageError> {
        let stamp = source.stamp()?;
        let mut bytes = Vec::new();
        let header = read_header(&*source, stamp.len, &mut bytes)?;
        let (geometry, compression) = (header.geometry(), header.compression());
        let (virtual_size, obstacle) = (header.virtual_size(), header.obstacles().next());
        let data_file = data_file
            .filter(|_| geometry.data_file())
            .map(|source| source.stamp().map(|stamp| DataFile { source, stamp }))
            .transpose()?;
        Ok(Self(Arc::new(Inner {
            source,
            stamp,
            data_file,
            header: bytes,
            geometry,
            compression,
            obstacle,
            virtual_size,
            caches: caches.clone(),
            id: caches.next_id(),
            beyond_end: AtomicU64::new(0),
        })))
    }

    /// The header. Parsed anew from the bytes that were read when the image was opened; some 20 ns.
    ///
    /// # Errors
    ///
    /// None in practice: the same bytes were parsed when the image was opened.
    pub fn header(&self) -> Result<Header<'_>, Error> {
        Header::parse_prefix(&self.0.header, self.0.stamp.len)
    }

    /// The bytes that the header was parsed from.
    pub(crate) fn header_bytes(&self) -> &[u8] {
        &self.0.header
    }

    /// The form of the tables.
    #[inline]
    #[must_use]
    pub fn geometry(&self) -> &Geometry {
        &self.0.geometry
    }

    /// The file's length in bytes, as it was when the image was opened.
    #[inline]
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an image is never empty: it has a header")]
    pub fn len(&self) -> u64 {
        self.0.stamp.len
    }

    /// The size in bytes of the disk that the guest sees: QEMU drops a tail of less than a sector of 512.
    #[inline]
    #[must_use]
    pub fn virtual_size(&self) -> u64 {
        self.0.virtual_size & !511
    }

    /// The source that the image is read from.
    #[inline]
    #[must_use]
    pub fn source(&self) -> &dyn Source {
        &*self.0.source
    }

    /// The external data file, if there is one and it was given.
    #[inline]
    #[must_use]
    pub fn data_file(&self) -> Option<&dyn Source> {
        self.0.data_file.as_ref().map(|file| &*file.source)
    }

    /// How often something was read that would lie beyond the end of the file: L2 tables and data clusters,
    /// which then read as zeros, as they do for QEMU. Not 0: the image was cut short, or forged.
    #[must_use]
    pub fn reads_beyond_end(&self) -> u64 {
        self.0.beyond_end.load(Ordering::Relaxed)
    }

    /// Whether the file, or its external data file, is another than when it was opened: longer, shorter, or
    /// written to.
    ///
    /// # Errors
    ///
    /// Whatever the system answers.
    pub fn changed(&self) -> std::io::Result<bool> {
        if self.0.source.stamp()? != self.0.stamp {
            return Ok(true);
        }
        match &self.0.data_file {
            Some(file) => Ok(file.source.stamp()? != file.stamp),
            None => Ok(false),
        }
    }

    /// Reads bytes that were found to lie inside the file.
    fn read_metadata(&self, offset: u64, bytes: &mut [u8]) -> Result<(), ImageError> {
        let found = fill(&*self.0.source, offset, bytes)?;
        if found < bytes.len() { Err(ImageError::ChangedDuringRead) } else { Ok(()) }
    }

    /// Reads `length` bytes that a structure claims to have, if they lie inside the file.
    fn read_owned(&self, offset: u64, length: u64) -> Result<Vec<u8>, ImageError> {
        let Ok(length) = usize::try_from(length) else {
            return Err(ImageError::Io(std::io::ErrorKind::OutOfMemory.into()));
        };
        let mut bytes = std::vec![0; length];
        self.read_metadata(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// Something lies beyond the end of a source that was `stamp`. If it has grown since, that is why.
    #[cold]
    fn beyond_end(&self, source: &dyn Source, stamp: &Stamp) -> Result<(), ImageError> {
        if source.stamp()?.len != stamp.len {
            return Err(ImageError::ChangedDuringRead);
        }
        self.0.beyond_end.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// An error in what was read, or the change that explains it.
    #[cold]
    fn explain(&self, error: ImageError) -> ImageError {
        match self.changed() {
            Ok(true) => ImageError::ChangedDuringRead,
            _ => error,
        }
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("len", &self.len())
            .field("virtual_size", &self.virtual_size())
            .field("geometry", self.geometry())
            .finish_non_exhaustive()
    }
}
