//! One file of a chain: is it an image, and what does it name?
#![forbid(unsafe_code)]

use std::format;
use std::vec::Vec;

use super::bytes::Stop;
use super::finding::{Severity, Tally};
use super::polyglot::other_format;
use super::walk::Walk;
use crate::control::{self, Control};
use crate::error::{Error, ErrorKind};
use crate::header::{Header, Salvage};
use crate::open::{ReadError, read_header};
use crate::source::Source;

/// What a file was found to be.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) readable: bool,
    /// Whether the bytes begin like a qcow2 image.
    pub(super) qcow2: bool,
    pub(super) backing: Option<Vec<u8>>,
    pub(super) backing_format: Option<Vec<u8>>,
    pub(super) data_file: Option<Vec<u8>>,
}

/// Audits one file. Whatever keeps it from being read is a finding, too.
///
/// # Errors
///
/// Only that `control` stopped it.
pub(super) fn audit(
    source: &dyn Source,
    control: &Control,
    tally: &mut Tally,
) -> Result<Layer, control::Stop> {
    let mut layer = Layer::default();
    let ended = match source.stamp() {
        Ok(stamp) => {
            let ended = structures(source, control, stamp.len, tally, &mut layer);
            match (ended, source.stamp()) {
                (Ok(()) | Err(Stop::Changed), Ok(now)) if now != stamp => Err(Stop::Changed),
                (Ok(()), Err(error)) => Err(Stop::Io(error)),
                (ended, _) => ended,
            }
        }
        Err(error) => Err(Stop::Io(error)),
    };
    match ended {
        Ok(()) => {}
        Err(Stop::Told(stop)) => return Err(stop),
        Err(Stop::Changed) => {
            layer.readable = false;
            let detail = || "it changed while it was being read".into();
            tally.add("changed-during-read", Severity::Unknown, detail);
        }
        Err(Stop::Io(error)) => {
            layer.readable = false;
            tally.add("unreadable", Severity::Unknown, || format!("{error}"));
        }
    }
    Ok(layer)
}

/// What one file names, and nothing else: nothing of it is read but its header.
pub(super) fn names_of(source: &dyn Source) -> Layer {
    let (mut layer, mut buffer) = (Layer::default(), Vec::new());
    let Ok(stamp) = source.stamp() else { return layer };
    match read_header(source, stamp.len, &mut buffer) {
        Ok(header) => layer.name(&header),
        Err(ReadError::Format(error)) => layer.name_salvaged(&buffer, stamp.len, error),
        Err(_) => {}
    }
    layer
}

impl Layer {
    fn name(&mut self, header: &Header<'_>) {
        let owned = |name: Option<&[u8]>| name.map(<[u8]>::to_vec);
        self.qcow2 = true;
        self.backing = owned(header.backing_name());
        self.backing_format = owned(header.backing_format());
        self.data_file = owned(header.data_file_name());
    }

    fn name_salvaged(&mut self, first: &[u8], len: u64, error: Error) {
        let owned = |name: Option<&[u8]>| name.map(<[u8]>::to_vec);
        self.qcow2 = !matches!(error.kind, ErrorKind::NotQcow2 { .. });
        if let Some(salvage) = Salvage::of(first, len, error) {
            self.backing = owned(salvage.backing_name);
            self.backing_format = owned(salvage.backing_format);
            self.data_file = owned(salvage.data_file_name);
        }
    }
}

fn structures(
    source: &dyn Source,
    control: &Control,
    len: u64,
    tally: &mut Tally,
    layer: &mut Layer,
) -> Result<(), Stop> {
    let mut buffer = Vec::new();
    let error = match read_header(source, len, &mut buffer) {
        Ok(header) => {
            layer.name(&header);
            let mut walk = Walk::new(source, control, len, header, tally);
            walk.run()?;
            layer.readable = walk.readable;
            return Ok(());
        }
        Err(ReadError::Io(error)) => return Err(Stop::Io(error)),
        Err(ReadError::ChangedDuringRead { .. }) => return Err(Stop::Changed),
        Err(ReadError::Format(error)) => error,
    };
    layer.name_salvaged(&buffer, len, error);
    refused(&error, &buffer, tally);
    Ok(())
}

/// There is no header, or one that makes no sense.
fn refused(error: &Error, first: &[u8], tally: &mut Tally) {
    match (error.kind, other_format(first)) {
        (_, Some(format)) => tally.danger("other-format", || format!("it begins like {format}")),
        (ErrorKind::NotQcow2 { .. } | ErrorKind::UnsupportedVersion { .. }, None) => {
            tally.add(error.code(), Severity::Unknown, || format!("{error}"));
        }
        (_, None) => tally.danger(error.code(), || format!("{error}")),
    }
}
