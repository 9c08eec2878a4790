//! What a header that cannot be parsed still says about other files.
#![forbid(unsafe_code)]

use super::extensions::Extensions;
use super::layout::Layout;
use super::parse::backing_name;
use super::prefix::Prefix;
use crate::error::{Error, ErrorKind};
use crate::format::{EXTENSION_BACKING_FORMAT, EXTENSION_DATA_FILE};

/// The files that a broken image names.
///
/// A header may be refused for a reason that has nothing to do with its references, an L1 table that is too
/// large, say. Whoever asks what may be deleted has to know them nevertheless: the image may be repaired,
/// and another reader may be laxer. Only the first cluster's layout has to make sense: magic, version,
/// cluster size, header length, the list of extensions, the place of the backing name.
///
/// Of an extension that is there twice the last one counts, as it does for QEMU; the first ones stay
/// reachable only in the bytes, and [`error`](Self::error) says that there were several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Salvage<'a> {
    /// Why the header was refused.
    pub error: Error,
    /// The backing file's name, as stored.
    pub backing_name: Option<&'a [u8]>,
    /// Its declared format, as stored, of any length.
    pub backing_format: Option<&'a [u8]>,
    /// The external data file's name, as stored; `None` if the data file bit is not set.
    pub data_file_name: Option<&'a [u8]>,
    /// The virtual size in bytes, as stored.
    pub virtual_size: u64,
    /// The binary logarithm of the cluster size: 9 to 21.
    pub cluster_bits: u32,
}

impl<'a> Salvage<'a> {
    /// What the first bytes of a file of `file_len` bytes say, after `error` was given for them.
    ///
    /// `None` if they are too broken to say what they name, and also if they don't reach far enough: give
    /// the whole first cluster, as `read_header` leaves it in its buffer.
    #[must_use]
    pub fn of(bytes: &'a [u8], file_len: u64, error: Error) -> Option<Self> {
        let prefix = Prefix::new(bytes, file_len);
        let layout = Layout::of(prefix).ok()?;
        let (mut backing_format, mut data_file_name) = (None, None);
        let mut extensions = Extensions::new(prefix, layout.header_length, layout.area_end);
        while let Some((kind, _, data)) = extensions.advance().ok()? {
            match kind {
                EXTENSION_BACKING_FORMAT => backing_format = Some(data),
                EXTENSION_DATA_FILE => data_file_name = Some(data),
                _ => {}
            }
        }
        let backing_name =
            match backing_name(prefix, layout.raw, layout.cluster_bits, layout.header_length) {
                Ok(name) => name,
                // The bytes are there, and they are what QEMU would take for a name.
                Err(Error { kind: ErrorKind::Overlap { .. }, .. }) => {
                    backing_name(prefix, layout.raw, layout.cluster_bits, 0).ok()?
                }
                Err(_) => return None,
            };
        let features = super::Features::of(layout.raw_v3);
        Some(Self {
            error,
            backing_name: backing_name.data(prefix),
            backing_format,
            data_file_name: data_file_name.filter(|_| features.has_data_file()),
            virtual_size: layout.raw.size.get(),
            cluster_bits: layout.cluster_bits.get(),
        })
    }
}
