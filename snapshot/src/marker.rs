//! The header extension by which our overlays are told from others'.
//!
//! Device and inode change when a pool is copied, and names can be anybody's; the header travels with
//! the file. QEMU keeps extensions that it does not know when it rewrites a header.

use crate::catalogue::OpId;
use crate::name::Id;

/// Which operation made an overlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The operation.
    pub op: OpId,
    /// The number of the overlay in it.
    pub id: Id,
}

/// The layout's version; other versions are not read.
const VERSION: u8 = 1;

impl Marker {
    /// The extension's type: `DDAG`, with the top bit of each of the outer letters as in no type that the
    /// format or QEMU define.
    pub const EXTENSION: u32 = 0xC444_41C7;

    /// The extension's length in bytes.
    pub const LEN: usize = 32;

    /// Version (1 byte), seven zeros, the operation (16), the number (8, big-endian).
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let (head, rest) = bytes.split_at_mut(8);
        let (op, id) = rest.split_at_mut(16);
        head[0] = VERSION;
        op.copy_from_slice(&self.op.0);
        id.copy_from_slice(&self.id.0.to_be_bytes());
        bytes
    }

    /// Reads an extension's data; `None` if it is not one of these.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        let (head, rest) = bytes.split_at(8);
        let (op, id) = rest.split_at(16);
        let is_known = head == [VERSION, 0, 0, 0, 0, 0, 0, 0];
        is_known.then_some(())?;
        Some(Self {
            op: OpId(op.try_into().ok()?),
            id: Id(u64::from_be_bytes(id.try_into().ok()?)),
        })
    }

    /// The marker of an image, if its header has one.
    #[must_use]
    pub fn of(header: &diskdag_qcow2::Header<'_>) -> Option<Self> {
        header
            .extensions()
            .find(|extension| extension.kind.get() == Self::EXTENSION)
            .and_then(|extension| Self::from_bytes(extension.data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_read_as_it_was_written() {
        let marker = Marker { op: OpId(*b"0123456789abcdef"), id: Id(0x0102_0304) };
        let bytes = marker.to_bytes();
        assert_eq!(Marker::from_bytes(&bytes), Some(marker));
        assert_eq!(Marker::from_bytes(&bytes[1..]), None);
        let mut other = bytes;
        other[0] = 2;
        assert_eq!(Marker::from_bytes(&other), None, "another version is not ours to read");
    }
}
