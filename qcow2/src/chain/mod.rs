//! A chain of images: what the guest sees.
//!
//! [`Chain::new`] takes layers, top first, that the caller has opened: [`Layer::image`] over a
//! [`View`] of a qcow2 image, [`Layer::raw`] over a raw one, from files, from memory, or from anything else
//! that is a [`Source`](crate::source::Source). Nothing is opened by it. [`Chain::open`] opens what a path leads to, and what that
//! names as far as a [`Policy`] allows.
//!
//! What the guest reads is what QEMU would give it:
//!
//! * what a layer has not allocated is in the layer below;
//! * a layer below that is shorter reads as zeros from its end on, whatever lies further below;
//! * host bytes beyond the end of a file are zeros;
//! * a disk's last sector is whole: a raw file is filled up with zeros, of a qcow2 disk the tail is dropped;
//! * where QEMU refuses to read through an entry, so do we.
//!
//! ```
//! use diskdag_qcow2::{Chain, GuestOffset, Image, Layer, create::Create, source::MemorySource};
//!
//! // An empty overlay of 1 MiB above a raw disk of 512 bytes.
//! let layout = Create { virtual_size: 1 << 20, ..Create::default() }.build()?;
//! let mut overlay = vec![0; usize::try_from(layout.len)?];
//! for (offset, bytes) in &layout.pieces {
//!     let at = usize::try_from(*offset)?;
//!     overlay[at..at + bytes.len()].copy_from_slice(bytes);
//! }
//! let overlay = Image::open(MemorySource(overlay))?;
//! let chain = Chain::new(vec![
//!     Layer::image(overlay.active()?),
//!     Layer::raw(MemorySource(vec![7; 512]))?,
//! ]);
//! let mut bytes = [1; 4];
//! chain.read_at(GuestOffset(510), &mut bytes)?;
//! assert_eq!(bytes, [7, 7, 0, 0]);
//!
//! let depths: Vec<_> = chain.extents().map(|extent| extent.map(|e| (e.depth, e.present))).collect();
//! assert_eq!(depths.len(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod descent;
mod error;
mod extents;
mod files;
mod layer;
mod open;
mod policy;
mod preallocation;
mod read;

pub(crate) use descent::Descent;
pub use error::{ChainError, OpenChainError};
pub use extents::{Extent, Extents};
pub(crate) use files::{directory, open_named};

pub use layer::Layer;
pub use policy::{Follow, Policy, Undeclared};

use std::sync::Arc;
use std::vec::Vec;

use crate::image::View;

/// A disk, through all layers. Cheap to clone; read by any number of threads.
#[derive(Clone, Debug)]
pub struct Chain(Arc<[Layer]>);

impl Chain {
    /// Of layers that are open, top first. Without a layer the disk is empty.
    #[must_use]
    pub fn new(layers: Vec<Layer>) -> Self {
        Self(layers.into())
    }

    /// The layers, top first.
    #[inline]
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.0
    }

    /// The size in bytes of the disk that the guest sees: that of the top layer.
    #[inline]
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.first().map_or(0, Layer::size)
    }

    /// Whether the file of a layer is another than when it was opened: longer, shorter, or written to. What
    /// was read since may then never have been on the disk, so ask this last.
    ///
    /// # Errors
    ///
    /// [`ChainError`], with the layer that can't be asked, or with
    /// [`ChangedDuringRead`](crate::ImageError::ChangedDuringRead) and the layer that has changed.
    pub fn unchanged(&self) -> Result<(), ChainError> {
        for (depth, layer) in self.0.iter().enumerate() {
            layer.unchanged().map_err(|error| ChainError { depth, error })?;
        }
        Ok(())
    }
}

const _: () = {
    const fn shared<T: Clone + Send + Sync + 'static>() {}
    shared::<Chain>();
    shared::<View>();
    shared::<crate::Image>();
};
