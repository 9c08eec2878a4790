//! A header that was parsed, without the bytes: for as long as they may be moved or read on.
#![forbid(unsafe_code)]

use super::Header;
use super::known::{Known, Span};
use super::prefix::Prefix;
use super::{Compression, CryptMethod};
use crate::format::{RawHeader, RawHeaderV3};
use crate::units::ClusterBits;

/// What [`Header::detach`] leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Detached {
    has_v3: bool,
    known: Known,
    backing_name: Span,
    header_length: u32,
    cluster_bits: ClusterBits,
    compression: Compression,
    crypt_method: CryptMethod,
    refcount_order: u8,
}

impl Header<'_> {
    /// All that was found out, without the bytes.
    #[inline]
    pub(crate) fn detach(&self) -> Detached {
        let Self { known, backing_name, header_length, cluster_bits, .. } = *self;
        let Self { compression, crypt_method, refcount_order, .. } = *self;
        let has_v3 = self.raw_v3.is_some();
        Detached {
            has_v3,
            known,
            backing_name,
            header_length,
            cluster_bits,
            compression,
            crypt_method,
            refcount_order,
        }
    }
}

impl Detached {
    /// The header again, over the very bytes that it was parsed from; `None` over others that are too few.
    #[inline]
    pub(crate) fn attach(self, bytes: &[u8], file_len: u64) -> Option<Header<'_>> {
        let prefix = Prefix::new(bytes, file_len);
        let Self { known, backing_name, header_length, cluster_bits, .. } = self;
        let Self { compression, crypt_method, refcount_order, .. } = self;
        let raw = RawHeader::view(prefix.bytes)?;
        let raw_v3 = if self.has_v3 { Some(RawHeaderV3::view(prefix.bytes)?) } else { None };
        Some(Header {
            prefix,
            raw,
            raw_v3,
            known,
            backing_name,
            header_length,
            cluster_bits,
            compression,
            crypt_method,
            refcount_order,
        })
    }
}
