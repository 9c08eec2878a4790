//! What has to make sense before anything else can be found.
#![forbid(unsafe_code)]

use super::prefix::Prefix;
use crate::error::{Allowed, Error, ErrorKind, Structure};
use crate::format::{
    CLUSTER_BITS_MAX, CLUSTER_BITS_MIN, HEADER_LENGTH_V2, HEADER_LENGTH_V3, MAGIC, RawHeader,
    RawHeaderV3,
};
use crate::units::ClusterBits;

/// Where the header ends, and the area of the extensions.
pub(super) struct Layout<'a> {
    pub(super) raw: &'a RawHeader,
    pub(super) raw_v3: Option<&'a RawHeaderV3>,
    pub(super) cluster_bits: ClusterBits,
    pub(super) header_length: u32,
    pub(super) area_end: u32,
}

impl<'a> Layout<'a> {
    #[inline]
    pub(super) fn of(prefix: Prefix<'a>) -> Result<Self, Error> {
        let Some(raw) = RawHeader::view(prefix.bytes) else {
            return Err(too_short(prefix));
        };
        if raw.magic.get() != MAGIC || !matches!(raw.version.get(), 2 | 3) {
            return Err(unidentified(prefix));
        }
        let bits = raw.cluster_bits.get();
        let Some(cluster_bits) = ClusterBits::new(bits) else {
            let (min, max) = (CLUSTER_BITS_MIN.into(), CLUSTER_BITS_MAX.into());
            let allowed = Allowed::Range { min, max };
            let kind = ErrorKind::BadField { found: bits.into(), allowed };
            return Err(Error::new(Structure::Header, "cluster_bits", at!(cluster_bits), kind));
        };
        let (raw_v3, header_length) = if raw.version.get() == 2 {
            (None, HEADER_LENGTH_V2)
        } else {
            let Some(v3) = RawHeaderV3::view(prefix.bytes) else {
                let need = u64::from(HEADER_LENGTH_V3);
                return Err(prefix.short(Structure::Header, "version 3 header", 0, need));
            };
            let length = v3.header_length.get();
            if length < HEADER_LENGTH_V3 || u64::from(length) > cluster_bits.size() {
                let allowed =
                    Allowed::Range { min: HEADER_LENGTH_V3.into(), max: cluster_bits.size() };
                let kind = ErrorKind::BadField { found: length.into(), allowed };
                let at = at!(v3 header_length);
                return Err(Error::new(Structure::Header, "header_length", at, kind));
            }
            (Some(v3), length)
        };
        let name_at = raw.backing_file_offset.get();
        if name_at > cluster_bits.size() {
            let kind = ErrorKind::OutOfBounds { found: name_at, limit: cluster_bits.size() };
            let at = at!(backing_file_offset);
            return Err(Error::new(Structure::BackingName, "backing_file_offset", at, kind));
        }
        let area_end = area_end(raw, cluster_bits);
        Ok(Self { raw, raw_v3, cluster_bits, header_length, area_end })
    }
}

/// The extensions end where the backing file's name begins, or with the first cluster.
#[inline]
pub(super) fn area_end(raw: &RawHeader, cluster_bits: ClusterBits) -> u32 {
    let end = match raw.backing_file_offset.get() {
        0 => cluster_bits.size(),
        name_at => name_at,
    };
    u32::try_from(end).unwrap_or(u32::MAX)
}

/// An extension that would fit into the cluster, but for the backing file's name, overlaps that name.
#[cold]
pub(super) fn within(error: Error, raw: &RawHeader, cluster_bits: ClusterBits) -> Error {
    match error.kind {
        ErrorKind::OutOfBounds { found, .. }
            if raw.backing_file_offset.get() != 0 && found <= cluster_bits.size() =>
        {
            Error { kind: ErrorKind::Overlap { with: Structure::BackingName }, ..error }
        }
        _ => error,
    }
}

/// Fewer bytes than a version 2 header.
#[cold]
fn too_short(prefix: Prefix<'_>) -> Error {
    let need = u64::from(HEADER_LENGTH_V2).min(prefix.file_len);
    if (prefix.bytes.len() as u64) < need {
        return prefix.short(Structure::Header, "header", 0, need);
    }
    unidentified(prefix)
}

/// What is known of bytes that don't begin like a header: no magic, another version, or cut short.
#[cold]
fn unidentified(prefix: Prefix<'_>) -> Error {
    let word = |at: usize| {
        let word = prefix.bytes.get(at..at + 4)?;
        word.try_into().ok().map(u32::from_be_bytes)
    };
    match (word(0), word(4)) {
        (Some(MAGIC), None | Some(2 | 3)) => {
            prefix.short(Structure::Header, "header", 0, HEADER_LENGTH_V2.into())
        }
        (Some(MAGIC), Some(found)) => {
            let kind = ErrorKind::UnsupportedVersion { found };
            Error::new(Structure::Header, "version", at!(version), kind)
        }
        (found, _) => {
            let kind =
                ErrorKind::NotQcow2 { found: found.unwrap_or_default(), len: prefix.file_len };
            Error::new(Structure::Header, "magic", at!(magic), kind)
        }
    }
}
