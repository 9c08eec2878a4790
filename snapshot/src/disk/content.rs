//! What a file holds, as far as it matters to whoever puts an overlay on top of it.

use diskdag_qcow2::{CryptMethod, ErrorKind as HeaderError, FindingKind, Foreign, Header};

use crate::fs::{FsFile, read_up_to};

/// The longest part of a file that its header can take: a cluster of the largest size.
const HEADER_MAX: usize = 2 << 20;

/// Enough for the header of nearly every image.
const FIRST_READ: usize = 4096;

/// What it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Plain bytes.
    Raw,
    Qcow2(Shape),
    /// A header that makes no sense.
    Broken(String),
    /// An image in a format that is not read here.
    Foreign(&'static str),
}

/// What a qcow2 header says, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) virtual_size: u64,
    pub(crate) cluster_bits: u32,
    pub(crate) extended_l2: bool,
    pub(super) encrypted: bool,
    pub(super) has_backing: bool,
    pub(super) data_file: Option<Vec<u8>>,
    pub(super) unknown_features: u64,
    pub(super) snapshots: u32,
    pub(super) bitmaps: u32,
    pub(super) odd: Vec<&'static str>,
}

impl Shape {
    fn of(header: &Header<'_>, len: u64) -> Self {
        let matters = |kind: FindingKind| {
            use FindingKind as Odd;
            matches!(
                kind,
                Odd::Dirty | Odd::Corrupt | Odd::Overlap | Odd::OutOfBounds | Odd::NoRefcountTable
            )
        };
        Self {
            virtual_size: header.virtual_size(),
            cluster_bits: header.cluster_bits().get(),
            extended_l2: header.geometry().extended_l2(),
            encrypted: header.crypt_method() != CryptMethod::None,
            has_backing: header.backing_name().is_some(),
            data_file: header.data_file_name().map(<[u8]>::to_vec),
            unknown_features: header.features().unknown_incompatible(),
            snapshots: header.snapshot_count(),
            bitmaps: header.bitmaps().map_or(0, |bitmaps| bitmaps.count),
            odd: header
                .findings(len)
                .filter(|finding| matters(finding.kind))
                .map(|finding| finding.kind.code())
                .collect(),
        }
    }
}

/// As much of a file of `len` bytes as its header takes.
pub(crate) fn head(file: &dyn FsFile, len: u64) -> std::io::Result<Vec<u8>> {
    let bytes = read_up_to(file, 0, FIRST_READ)?;
    match Header::parse_prefix(&bytes, len) {
        Err(error) if matches!(error.kind, HeaderError::NeedMore { .. }) => {
            read_up_to(file, 0, HEADER_MAX)
        }
        _ => Ok(bytes),
    }
}

/// Looks into a file.
pub(super) fn content(file: &dyn FsFile) -> std::io::Result<Content> {
    let len = file.len()?;
    let bytes = head(file, len)?;
    Ok(match Header::parse_prefix(&bytes, len) {
        Ok(header) => Content::Qcow2(Shape::of(&header, len)),
        Err(error) => match Foreign::probe(&bytes) {
            Some(format) => Content::Foreign(format.name()),
            None if matches!(error.kind, HeaderError::NotQcow2 { .. }) => Content::Raw,
            None => Content::Broken(error.to_string()),
        },
    })
}
