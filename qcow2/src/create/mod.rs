//! Creating an image is a pure function: options in, a sparse list of bytes and a length out.
//!
//! The layout is the one of `qemu-img create`: header, refcount table, refcount blocks, L1 table, in this
//! order, and the file ends with the L1 table's last entry. All guest data is unallocated.

mod header;
mod layout;
#[cfg(feature = "std")]
mod write;

pub use layout::Layout;

use crate::error::Error;
use crate::header::Compression;
use crate::units::ClusterBits;

/// What image to create. [`Default`] is what `qemu-img create -f qcow2` makes: version 3, 64 KiB
/// clusters, 16-bit refcounts, no backing file; of no size.
#[derive(Clone, Debug)]
pub struct Create<'a> {
    /// 2 or 3. Version 2 has none of the features below, and 16-bit refcounts.
    pub version: u32,
    /// The cluster size.
    pub cluster_bits: ClusterBits,
    /// The size in bytes of the disk that the guest sees: a multiple of 512.
    pub virtual_size: u64,
    /// The backing file. It is not looked at; not even whether it is there.
    pub backing: Option<Backing<'a>>,
    /// The name of the external data file, which is not made. QEMU takes it literally, and a relative one
    /// from its own working directory.
    pub data_file: Option<&'a [u8]>,
    /// A refcount is 2 to the power of this many bits wide: 0 to 6.
    pub refcount_order: u8,
    /// Whether QEMU may update refcounts lazily.
    pub lazy_refcounts: bool,
    /// Subclusters; needs clusters of 16 KiB or more.
    pub extended_l2: bool,
    /// How clusters will be compressed, should any.
    pub compression: Compression,
    /// More header extensions: type and data.
    pub extensions: &'a [(u32, &'a [u8])],
}

/// A backing file as an image names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backing<'a> {
    /// Its name, 1 to 1023 bytes, which mean what [`Reference::classify`](crate::Reference::classify) says.
    pub name: &'a [u8],
    /// Its format, at most 15 bytes. Leave it out only for tests: QEMU probes a file whose format is not
    /// declared, and `qemu-img create` refuses to make such an image.
    pub format: Option<&'a [u8]>,
}

impl Default for Create<'_> {
    fn default() -> Self {
        Self {
            version: 3,
            cluster_bits: ClusterBits::DEFAULT,
            virtual_size: 0,
            backing: None,
            data_file: None,
            refcount_order: 4,
            lazy_refcounts: false,
            extended_l2: false,
            compression: Compression::Deflate,
            extensions: &[],
        }
    }
}

/// Why an image can't be created as asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// Version 2 has no such thing.
    #[error("{field} needs version 3")]
    NeedsVersion3 {
        /// The option.
        field: &'static str,
    },
    /// The virtual size is not a multiple of 512.
    #[error("virtual size {found} is not a multiple of 512")]
    UnalignedSize {
        /// The size in bytes.
        found: u64,
    },
    /// The virtual size needs an L1 table above QEMU's limit of 32 MiB.
    #[error("virtual size {found} is more than {max}, which clusters of this size allow")]
    TooLarge {
        /// The size in bytes.
        found: u64,
        /// The largest size in bytes.
        max: u64,
    },
    /// A name is empty, too long, or holds a NUL.
    #[error("{field} {why}")]
    BadName {
        /// The option.
        field: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Header, extensions and backing name have to fit into the first cluster.
    #[error("the header needs {need} bytes, a cluster has {max}")]
    DoesNotFit {
        /// What they need, in bytes.
        need: u64,
        /// The cluster size in bytes.
        max: u64,
    },
    /// The header would be one that this crate refuses to read.
    #[error(transparent)]
    Invalid(#[from] Error),
}
