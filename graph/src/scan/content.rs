//! What one file holds, as far as its header says.

use std::borrow::Cow;
use std::fs::File;
use std::path::Path;

use diskdag_qcow2::header::{Header, Salvage};
use diskdag_qcow2::open::{ReadError, read_header};
use diskdag_qcow2::{Error, ErrorKind};

use crate::facts::Finding;

/// What reading the beginning of a file gave.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// Not qcow2: a raw disk if something says so.
    Other,
    /// A qcow2 image, or one whose header is broken elsewhere than where it names others.
    Image(Box<Image>),
    /// The magic of qcow2, and behind it nothing that says what it names.
    Broken(String),
    /// It could not be read.
    Unreadable(String),
}

/// What a header says that matters to others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    pub(crate) virtual_size: u64,
    pub(crate) backing: Option<Box<[u8]>>,
    pub(crate) backing_format: Option<FormatName>,
    pub(crate) data_file: Option<Box<[u8]>>,
    pub(crate) findings: Vec<Finding>,
}

/// The name of a format: nearly always one of two, which then costs no allocation.
pub(crate) type FormatName = Cow<'static, [u8]>;

fn format_name(name: &[u8]) -> FormatName {
    match name {
        b"qcow2" => Cow::Borrowed(b"qcow2"),
        b"raw" => Cow::Borrowed(b"raw"),
        other => Cow::Owned(other.to_vec()),
    }
}

/// Reads the header of an opened file into `buffer`, and says what the file is.
pub(crate) fn read(file: &File, len: u64, buffer: &mut Vec<u8>) -> Content {
    match read_header(file, len, buffer) {
        Ok(header) => Content::Image(Box::new(Image::of(&header, len))),
        Err(ReadError::Format(Error { kind: ErrorKind::NotQcow2 { .. }, .. })) => Content::Other,
        Err(ReadError::Format(error)) => match Salvage::of(buffer, len, error) {
            Some(salvage) => Content::Image(Box::new(Image::salvaged(&salvage))),
            None => Content::Broken(error.to_string()),
        },
        Err(error) => Content::Unreadable(crate::sys::causes(&error)),
    }
}

impl Image {
    fn of(header: &Header<'_>, len: u64) -> Self {
        Self {
            virtual_size: header.virtual_size(),
            backing: header.backing_name().map(Into::into),
            backing_format: header.backing_format().map(format_name),
            data_file: header.data_file_name().map(Into::into),
            findings: header
                .findings(len)
                .map(|finding| Finding {
                    kind: finding.kind.code().into(),
                    detail: finding.to_string(),
                    breaks: false,
                })
                .chain(header.obstacles().map(|obstacle| Finding {
                    kind: obstacle.code().into(),
                    detail: obstacle.to_string(),
                    breaks: false,
                }))
                .collect(),
        }
    }

    fn salvaged(salvage: &Salvage<'_>) -> Self {
        Self {
            virtual_size: salvage.virtual_size,
            backing: salvage.backing_name.map(Into::into),
            backing_format: salvage.backing_format.map(format_name),
            data_file: salvage.data_file_name.map(Into::into),
            findings: vec![Finding {
                kind: salvage.error.code().into(),
                detail: format!("QEMU refuses it: {}", salvage.error),
                breaks: true,
            }],
        }
    }
}

/// Whether the name of a file says that it is a raw disk.
pub(crate) fn is_raw_by_name(name: &[u8]) -> bool {
    let path = Path::new(crate::scan::paths::os_str(name));
    path.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("raw") || extension.eq_ignore_ascii_case("img")
    })
}
