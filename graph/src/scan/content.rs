//! What one file holds, as far as its header says.

use std::fs::File;
use std::mem::discriminant;
use std::path::Path;

use diskdag_qcow2::header::{Header, Salvage};
use diskdag_qcow2::open::{ReadError, read_header};
use diskdag_qcow2::{Error, ErrorKind, Foreign};

use crate::facts::Finding;
use crate::scan::text::{Span, Text};

/// What reading the beginning of a file gave. Small and without allocations for a plain image:
/// there may be a million of them.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// Not qcow2, maybe another format that QEMU would find: else a raw disk if something says so.
    Other(Option<Foreign>),
    /// A qcow2 image, or one whose header is broken elsewhere than where it names others.
    Image(Image),
    /// The magic of qcow2, and behind it nothing that says what it names.
    Broken(Box<str>),
    /// It could not be read.
    Unreadable(Box<str>),
    /// No file to be read here: a symbolic link to a directory, to nothing, to a device, or a file
    /// of a file system that is not searched. Kept because it has to be asked every time.
    Elsewhere,
}

impl Content {
    /// The same, with its names in another text.
    pub(crate) fn moved(&self, from: &Text, to: &mut Text) -> Self {
        let Self::Image(image) = self else { return self.clone() };
        let mut moved = |span: Span| to.add(from.get(span));
        let backing = image.backing.map(&mut moved);
        let data_file = image.data_file.map(&mut moved);
        let backing_format = image.backing_format.map(|format| match format {
            FormatName::Other(span) => FormatName::Other(moved(span)),
            known => known,
        });
        Self::Image(Image { backing, backing_format, data_file, ..image.clone() })
    }
}

impl Content {
    /// Whether both are the same kind of thing for those who refer to them.
    pub(crate) fn is_alike(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Other(one), Self::Other(other)) => one == other,
            _ => discriminant(self) == discriminant(other),
        }
    }

    /// Whether both say the same, each with its names in its own text.
    pub(crate) fn is_same(&self, text: &Text, other: &Self, others: &Text) -> bool {
        match (self, other) {
            (Self::Elsewhere, Self::Elsewhere) => true,
            (Self::Other(one), Self::Other(other)) => one == other,
            (Self::Broken(one), Self::Broken(other))
            | (Self::Unreadable(one), Self::Unreadable(other)) => one == other,
            (Self::Image(one), Self::Image(other)) => {
                let name = |span: Option<Span>, text| span.map(|span| Text::get(text, span));
                let format = |image: &Image, text| image.backing_format.map(|it| it.bytes(text));
                one.virtual_size == other.virtual_size
                    && name(one.backing, text) == name(other.backing, others)
                    && name(one.data_file, text) == name(other.data_file, others)
                    && format(one, text) == format(other, others)
                    && one.findings == other.findings
            }
            _ => false,
        }
    }
}

/// What a header says that matters to others.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) virtual_size: u64,
    pub(crate) backing: Option<Span>,
    pub(crate) backing_format: Option<FormatName>,
    pub(crate) data_file: Option<Span>,
    pub(crate) findings: Option<Box<[Finding]>>,
}

/// The name of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FormatName {
    Qcow2,
    Raw,
    Other(Span),
}

impl FormatName {
    pub(crate) fn of(name: &[u8], text: &mut Text) -> Self {
        match name {
            b"qcow2" => Self::Qcow2,
            b"raw" => Self::Raw,
            other => Self::Other(text.add(other)),
        }
    }

    pub(crate) fn bytes(self, text: &Text) -> &[u8] {
        match self {
            Self::Qcow2 => b"qcow2",
            Self::Raw => b"raw",
            Self::Other(span) => text.get(span),
        }
    }
}

/// Reads the header of an opened file into `buffer`, and says what the file is. Names go into
/// `text`.
pub(crate) fn read(file: &File, len: u64, buffer: &mut Vec<u8>, text: &mut Text) -> Content {
    match read_header(file, len, buffer) {
        Ok(header) => Content::Image(Image::of(&header, len, text)),
        Err(ReadError::Format(Error { kind: ErrorKind::NotQcow2 { .. }, .. })) => {
            Content::Other(Foreign::probe(buffer))
        }
        Err(ReadError::Format(error)) => match Salvage::of(buffer, len, error) {
            Some(salvage) => Content::Image(Image::salvaged(&salvage, text)),
            None => Content::Broken(error.to_string().into()),
        },
        Err(error) => Content::Unreadable(crate::sys::causes(&error).into()),
    }
}

impl Image {
    fn of(header: &Header<'_>, len: u64, text: &mut Text) -> Self {
        let findings = if is_plain(header, len) { None } else { Some(findings(header, len)) };
        Self {
            virtual_size: header.virtual_size(),
            backing: header.backing_name().map(|name| text.add(name)),
            backing_format: header.backing_format().map(|name| FormatName::of(name, text)),
            data_file: header.data_file_name().map(|name| text.add(name)),
            findings,
        }
    }

    fn salvaged(salvage: &Salvage<'_>, text: &mut Text) -> Self {
        Self {
            virtual_size: salvage.virtual_size,
            backing: salvage.backing_name.map(|name| text.add(name)),
            backing_format: salvage.backing_format.map(|name| FormatName::of(name, text)),
            data_file: salvage.data_file_name.map(|name| text.add(name)),
            findings: Some(Box::new([Finding {
                kind: salvage.error.code().into(),
                detail: format!("QEMU refuses it: {}", salvage.error),
                breaks: true,
            }])),
        }
    }
}

/// Whether there is nothing to be said about a header: so of nearly all, and asked of a million of them.
fn is_plain(header: &Header<'_>, len: u64) -> bool {
    header.snapshot_count() == 0
        && header.obstacles().next().is_none()
        && header.findings(len).next().is_none()
}

fn findings(header: &Header<'_>, len: u64) -> Box<[Finding]> {
    let findings = header.findings(len).map(|finding| (finding.kind.code(), finding.to_string()));
    let obstacles = header.obstacles().map(|obstacle| (obstacle.code(), obstacle.to_string()));
    let all = findings.chain(obstacles).chain(snapshots(header));
    all.map(|(kind, detail)| Finding { kind: kind.into(), detail, breaks: false }).collect()
}

/// Whoever gives the image another backing file has to know of them: they read through to it as well.
fn snapshots(header: &Header<'_>) -> Option<(&'static str, String)> {
    match header.snapshot_count() {
        0 => None,
        1 => Some(("internal-snapshots", "1 internal snapshot".to_owned())),
        many => Some(("internal-snapshots", format!("{many} internal snapshots"))),
    }
}

/// Whether the name of a file says that it is a raw disk.
pub(crate) fn is_raw_by_name(name: &[u8]) -> bool {
    let path = Path::new(crate::scan::paths::os_str(name));
    path.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("raw") || extension.eq_ignore_ascii_case("img")
    })
}
