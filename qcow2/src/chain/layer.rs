//! One layer of a chain.
#![forbid(unsafe_code)]

use std::boxed::Box;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use core::fmt;

use crate::image::{Image, ImageError, View};
use crate::source::{Source, Stamp, fill};
use crate::table::{Run, RunKind};
use crate::units::{GuestOffset, HostOffset};

/// One layer of a chain: a disk of a qcow2 image, or a raw disk. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Layer {
    kind: Kind,
    place: Option<Arc<Place>>,
}

/// Where a layer was opened.
#[derive(Debug)]
struct Place {
    /// The file that holds the data, by the name that it was opened by.
    data_path: PathBuf,
    /// Device and inode of the image.
    identity: (u64, u64),
}

#[derive(Clone)]
pub(super) enum Kind {
    View(View),
    Raw(Arc<Raw>),
}

/// A raw disk.
pub(super) struct Raw {
    source: Box<dyn Source>,
    stamp: Stamp,
}

impl Layer {
    /// The active disk of an image, or that of an internal snapshot.
    #[must_use]
    pub fn image(view: View) -> Self {
        Self { kind: Kind::View(view), place: None }
    }

    /// A raw disk. Its length is asked for once.
    ///
    /// # Errors
    ///
    /// Whatever the source answers.
    pub fn raw(source: impl Source + 'static) -> std::io::Result<Self> {
        let stamp = source.stamp()?;
        let raw = Raw { source: Box::new(source), stamp };
        Ok(Self { kind: Kind::Raw(Arc::new(raw)), place: None })
    }

    /// The disk's size in bytes, a multiple of 512: QEMU fills up a raw file with zeros, and drops the tail
    /// of a qcow2 disk.
    #[inline]
    #[must_use]
    pub fn size(&self) -> u64 {
        match &self.kind {
            Kind::View(view) => view.size(),
            Kind::Raw(raw) => raw.stamp.len.checked_next_multiple_of(512).unwrap_or(!511),
        }
    }

    /// The disk of a qcow2 image; `None` for a raw one.
    #[inline]
    #[must_use]
    pub fn view(&self) -> Option<&View> {
        match &self.kind {
            Kind::View(view) => Some(view),
            Kind::Raw(_) => None,
        }
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The file that holds its data, by the name that it was opened by: the image, or its external data
    /// file. `None` if the layer was not opened by [`Chain::open`](super::Chain::open).
    #[must_use]
    pub fn data_path(&self) -> Option<&Path> {
        self.place.as_ref().map(|place| &*place.data_path)
    }

    /// Remembers where it was opened: the file that holds the data, and the image's device and inode.
    pub(super) fn placed(mut self, data_path: PathBuf, identity: (u64, u64)) -> Self {
        self.place = Some(Arc::new(Place { data_path, identity }));
        self
    }

    /// Whether both are the same disk of the same file, as far as is known.
    pub(crate) fn is_same_disk(&self, other: &Self) -> bool {
        match (&self.place, &other.place) {
            (Some(a), Some(b)) => {
                a.identity == b.identity && self.view().is_some() == other.view().is_some()
            }
            _ => false,
        }
    }

    pub(super) fn unchanged(&self) -> Result<(), ImageError> {
        let changed = match &self.kind {
            Kind::View(view) => view.image().changed()?,
            Kind::Raw(raw) => raw.source.stamp()? != raw.stamp,
        };
        if changed { Err(ImageError::ChangedDuringRead) } else { Ok(()) }
    }

    /// What guest bytes are mapped to, for as many of the next `max` as one look tells.
    #[inline]
    pub(super) fn run(&self, guest: u64, max: u64) -> Result<Run, ImageError> {
        match &self.kind {
            Kind::View(view) => view.run(GuestOffset(guest), max),
            Kind::Raw(_) => Ok(Run { kind: RunKind::Data { offset: HostOffset(guest) }, len: max }),
        }
    }

    /// Reads a part of a run.
    #[inline]
    pub(super) fn read_run(
        &self,
        kind: RunKind,
        guest: u64,
        part: &mut [u8],
    ) -> Result<(), ImageError> {
        match &self.kind {
            Kind::View(view) => view.read_run(kind, GuestOffset(guest), part),
            Kind::Raw(raw) => raw.read(guest, part),
        }
    }
}

impl Raw {
    fn read(&self, offset: u64, part: &mut [u8]) -> Result<(), ImageError> {
        let there = usize::try_from(self.stamp.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (inside, beyond) = part.split_at_mut(there.min(part.len()));
        // The rest of the last sector.
        beyond.fill(0);
        if fill(&*self.source, offset, inside)? < inside.len() {
            return Err(ImageError::ChangedDuringRead);
        }
        Ok(())
    }

    pub(super) fn source(&self) -> &dyn Source {
        &*self.source
    }
}

impl From<View> for Layer {
    fn from(view: View) -> Self {
        Self::image(view)
    }
}

impl TryFrom<&Image> for Layer {
    type Error = ImageError;

    /// The active disk.
    fn try_from(image: &Image) -> Result<Self, ImageError> {
        image.active().map(Self::image)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::View(view) => view.fmt(f),
            Self::Raw(raw) => {
                f.debug_struct("Raw").field("stamp", &raw.stamp).finish_non_exhaustive()
            }
        }
    }
}
