//! Recognising an overlay: is it ours, is it whole, did anybody write to it?

use std::io;
use std::path::Path;

use diskdag_qcow2::Header;
use diskdag_qcow2::create::Layout;

use crate::catalogue::{OpId, OverlayMember};
use crate::fs::{Access, Fs, FsFile, is_absent, read_up_to};
use crate::marker::Marker;

/// What lies at a place where an overlay may lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nothing.
    Absent,
    /// The overlay, byte for byte as it was written.
    Pristine,
    /// The overlay, and somebody has written to it.
    Used,
    /// A part of the overlay's bytes, and zeros where others should be: a write of ours that was cut off.
    Torn,
    /// Anything else.
    Other,
}

impl Place {
    /// Whether it is the overlay, used or not.
    pub(crate) const fn is_overlay(&self) -> bool {
        matches!(self, Self::Pristine | Self::Used)
    }

    /// Whether it is nothing but what we have written.
    pub(crate) const fn is_nobodys(&self) -> bool {
        matches!(self, Self::Pristine | Self::Torn)
    }
}

/// Looks at `path` for the overlay of `member`.
pub(crate) fn look(
    fs: &dyn Fs,
    path: &Path,
    op: OpId,
    member: &OverlayMember,
) -> io::Result<Place> {
    let file = match fs.open(path, Access::Read) {
        Err(error) if is_absent(&error) => return Ok(Place::Absent),
        // A link, a directory: nothing that was made here.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(Place::Other),
        other => other?,
    };
    let marker = Marker { op, id: member.id };
    let len = file.len()?;
    if let Ok(layout) = member.overlay.layout(marker)
        && len <= layout.len
    {
        match resembles(&*file, len, &layout)? {
            Resemblance::Whole => return Ok(Place::Pristine),
            Resemblance::Part => return Ok(Place::Torn),
            Resemblance::None => {}
        }
    }
    let head = read_up_to(&*file, 0, HEAD)?;
    let is_ours = Header::parse_prefix(&head, len).is_ok_and(|it| Marker::of(&it) == Some(marker));
    Ok(if is_ours { Place::Used } else { Place::Other })
}

/// More than the header of any overlay that is made here.
const HEAD: usize = 4096;

/// A sector is written whole or not at all.
const SECTOR: usize = 512;

enum Resemblance {
    Whole,
    Part,
    None,
}

/// Compares sector by sector. The layouts of overlays are small: a refcount block, an L1 table.
fn resembles(file: &dyn FsFile, len: u64, layout: &Layout) -> io::Result<Resemblance> {
    let mut whole = len == layout.len;
    let mut offset = 0;
    let mut wanted = vec![0; CHUNK];
    while offset < len {
        // Holes read as zeros, and are most of the file.
        let next = file.next_data(offset).min(len);
        let next = next.min(next_piece(layout, offset)) / SECTOR as u64 * SECTOR as u64;
        offset = offset.max(next);
        let found = read_up_to(file, offset, CHUNK)?;
        if found.is_empty() {
            break;
        }
        let wanted = wanted.get_mut(..found.len()).unwrap_or_default();
        expect(layout, offset, wanted);
        for (found, wanted) in found.chunks(SECTOR).zip(wanted.chunks(SECTOR)) {
            if found != wanted {
                whole = false;
                if found.iter().any(|byte| *byte != 0) {
                    return Ok(Resemblance::None);
                }
            }
        }
        offset += found.len() as u64;
    }
    Ok(if whole { Resemblance::Whole } else { Resemblance::Part })
}

const CHUNK: usize = 64 << 10;

/// Where the next bytes lie, from `offset` on, that the layout has.
fn next_piece(layout: &Layout, offset: u64) -> u64 {
    let ahead = layout.pieces.iter().filter(|(at, bytes)| at + bytes.len() as u64 > offset);
    ahead.map(|(at, _)| (*at).max(offset)).min().unwrap_or(u64::MAX)
}

/// The layout's bytes from `offset` on.
fn expect(layout: &Layout, offset: u64, into: &mut [u8]) {
    into.fill(0);
    let end = offset + into.len() as u64;
    for (at, bytes) in &layout.pieces {
        let (from, to) = ((*at).max(offset), (at + bytes.len() as u64).min(end));
        let place =
            |at: u64, base: u64| usize::try_from(at.saturating_sub(base)).unwrap_or(usize::MAX);
        if from < to
            && let Some(target) = into.get_mut(place(from, offset)..place(to, offset))
            && let Some(source) = bytes.get(place(from, *at)..place(to, *at))
        {
            target.copy_from_slice(source);
        }
    }
}
