//! Zero-copy, bounded reader of qcow2 images: headers, tables, references, and the data that guests see.
//!
//! An image is untrusted: a guest can write a qcow2 header into its own raw disk. So the parse core
//! ([`Header`], [`Reference`], [`create`]) knows no file system and no path. Bytes go in, views of the
//! same bytes come out; nothing is allocated, and nothing that an image names is ever opened.
//! It builds without `std`. The feature `std` (on by default) adds `source`, from which an image is
//! read, `open`, which opens a path without blocking and without touching special files, and, on top of
//! them, `image` and `chain`, which read guest data.
//!
//! * [`format`](mod@format) holds the definitions alone: structures, constants and limits, in the
//!   specification's order and under its names.
//! * [`Header::parse`] validates every field once; afterwards accessors are plain. Whatever
//!   `qemu-img info` can describe is described, encrypted images and unknown features included;
//!   [`Header::obstacles`] says what keeps the guest's data from being read, [`Header::findings`]
//!   what is odd, [`Salvage`] what a broken header still says about other files.
//! * [`table`] decodes what the header points to: L1 and L2 entries, refcounts, internal snapshots,
//!   persistent bitmaps, the LUKS header.
//! * [`chain`] reads and maps what the guest sees through all layers; [`info`], [`measure`] and [`compare`]
//!   answer what qemu-img's verbs of these names do. These need `std`.
//! * `check` (with `std`) says whether the metadata makes sense, as `qemu-img check` does.
//! * [`Reference::classify`] takes a backing name apart as QEMU would; it is pure.
//! * `Image` reads the tables of an image, `Chain` guest bytes and extents through all its layers, from
//!   files, from memory, from any source. It opens what a `Policy` allows: unless told otherwise, nothing.
//!
//! ```
//! use diskdag_qcow2::{Header, Reference, create::{Backing, Create}};
//!
//! let image = Create {
//!     virtual_size: 1 << 30,
//!     backing: Some(Backing { name: b"base.qcow2", format: Some(b"qcow2") }),
//!     ..Create::default()
//! }
//! .build()?;
//! let header = Header::parse_prefix(image.header(), image.len)?;
//! assert_eq!(header.virtual_size(), 1 << 30);
//! let name = header.backing_name().unwrap();
//! assert_eq!(Reference::classify(name), Reference::Relative(b"base.qcow2"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "std")]
pub mod audit;
#[cfg(feature = "std")]
pub mod chain;
#[cfg(feature = "std")]
pub mod check;
#[cfg(feature = "std")]
mod codec;
#[cfg(feature = "std")]
pub mod compare;
#[cfg(feature = "std")]
mod control;
pub mod create;
mod error;
mod foreign;
pub mod format;
pub mod header;
#[cfg(feature = "std")]
pub mod image;
#[cfg(feature = "std")]
pub mod info;
#[cfg(feature = "std")]
pub mod measure;
#[cfg(feature = "std")]
pub mod open;
pub mod reference;
#[cfg(feature = "std")]
pub mod source;
#[cfg(feature = "std")]
mod sys;
pub mod table;
mod units;

#[cfg(feature = "std")]
pub use audit::{Audit, Verdict};
#[cfg(feature = "std")]
pub use chain::{Chain, ChainError, Layer, Policy};
#[cfg(feature = "std")]
pub use codec::DecodeFault;
#[cfg(feature = "std")]
pub use control::{Control, Progress, Stop};
pub use error::{Allowed, Error, ErrorKind, Structure};
pub use foreign::Foreign;
pub use header::{
    BitmapsPointer, Compression, CryptMethod, Extension, ExtensionKind, Extensions, FeatureKind,
    FeatureName, FeatureNames, Features, Finding, FindingKind, Findings, Header, LuksPointer,
    Obstacle, Obstacles, Salvage,
};
#[cfg(feature = "std")]
pub use image::{Image, ImageError, View};
pub use reference::{Base, JsonReference, Reference, Rule, Target};
pub use table::Geometry;
pub use units::{ClusterBits, GuestOffset, HostOffset};
