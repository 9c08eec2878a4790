//! The header's validation, in QEMU's order (`qcow2_do_open` and `qcow2_read_extensions` of
//! `block/qcow2.c`) as far as the order decides which of two errors is told.
#![forbid(unsafe_code)]

use super::extensions::Extensions;
use super::features::Features;
use super::known::{Known, Span};
use super::layout::{Layout, within};
use super::prefix::Prefix;
use super::tables::{check_bitmaps, check_luks, check_tables};
use super::{Compression, CryptMethod, Header};
use crate::error::{Allowed, Error, ErrorKind, Structure};
use crate::format::{
    BACKING_NAME_MAX, CLUSTER_BITS_MAX, CLUSTER_BITS_MIN_EXTENDED_L2, COMPRESSION_DEFLATE,
    COMPRESSION_TYPE_AT, COMPRESSION_ZSTD, CRYPT_AES, CRYPT_LUKS, CRYPT_NONE, REFCOUNT_ORDER_MAX,
    REFCOUNT_ORDER_V2, RawHeader, RawHeaderV3,
};
use crate::units::ClusterBits;

impl<'a> Header<'a> {
    /// Parses a header out of bytes that are all that the file has.
    ///
    /// Reads nothing beyond the first cluster and allocates nothing; costs some 20 ns for the images that
    /// QEMU makes, and is linear in the area of the extensions.
    ///
    /// # Errors
    ///
    /// Where QEMU would refuse to open the image, and where a name or a table cannot be told. It is
    /// stricter than QEMU in that a header cut short by the end of the file is `Truncated` (QEMU reads
    /// zeros), that a known extension may be there only once, and that a backing name may not lie in the
    /// header. It is laxer in that unknown incompatible features, an empty refcount table and an unused
    /// but odd `snapshots_offset` are no errors: see [`obstacles`](Self::obstacles) and
    /// [`findings`](Self::findings).
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        Self::parse_prefix(bytes, bytes.len() as u64)
    }

    /// Parses a header out of the first bytes of a file of `file_len` bytes.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and [`ErrorKind::NeedMore`] where the file goes on and the bytes given
    /// don't reach far enough. 1 KiB is enough for what QEMU makes, the first cluster for everything.
    #[inline]
    pub fn parse_prefix(bytes: &'a [u8], file_len: u64) -> Result<Self, Error> {
        let prefix = Prefix::new(bytes, file_len);
        let Layout { raw, raw_v3, cluster_bits, header_length, area_end } = Layout::of(prefix)?;
        let features = Features::of(raw_v3);

        let mut known = Known::default();
        let mut extensions = Extensions::new(prefix, header_length, area_end);
        loop {
            match extensions.advance() {
                Ok(Some((kind, at, data))) => known.keep(kind, at, data)?,
                Ok(None) => break,
                Err(error) => return Err(within(error, raw, cluster_bits)),
            }
        }
        let compression = compression(prefix, header_length, features)?;
        if features.extended_l2() && cluster_bits.get() < CLUSTER_BITS_MIN_EXTENDED_L2 {
            return Err(small_subclusters(cluster_bits));
        }
        let refcount_order = refcount_order(raw_v3)?;
        let crypt_method = crypt_method(raw, &known)?;
        check_tables(raw, cluster_bits, features)?;
        if features.bitmaps_valid()
            && let Some(bitmaps) = known.bitmaps.view(prefix)
        {
            check_bitmaps(known.bitmaps.offset(), bitmaps, cluster_bits)?;
        }
        if let Some(luks) = known.luks.view(prefix) {
            check_luks(known.luks.offset(), luks, cluster_bits)?;
        }
        if features.has_data_file() && !known.data_file_name.is_some() {
            return Err(no_data_file(features));
        }
        let backing_name = backing_name(prefix, raw, cluster_bits, header_length)?;
        Ok(Self {
            prefix,
            raw,
            raw_v3,
            cluster_bits,
            known,
            backing_name,
            header_length,
            compression,
            crypt_method,
            refcount_order,
        })
    }
}

#[cold]
fn small_subclusters(cluster_bits: ClusterBits) -> Error {
    let (min, max) = (CLUSTER_BITS_MIN_EXTENDED_L2.into(), CLUSTER_BITS_MAX.into());
    let found = cluster_bits.get().into();
    let kind = ErrorKind::BadField { found, allowed: Allowed::Range { min, max } };
    Error::new(Structure::Header, "cluster_bits", at!(cluster_bits), kind)
}

#[cold]
fn no_data_file(features: Features) -> Error {
    let why = "the data file bit is set, but no data file is named";
    let kind = ErrorKind::Inconsistent { found: features.incompatible, why };
    let at = at!(v3 incompatible_features);
    Error::new(Structure::Header, "incompatible_features", at, kind)
}

#[inline]
fn compression(
    prefix: Prefix<'_>,
    header_length: u32,
    features: Features,
) -> Result<Compression, Error> {
    let stored = u64::from(header_length) > COMPRESSION_TYPE_AT;
    let found = if stored && prefix.file_len > COMPRESSION_TYPE_AT {
        prefix.get(Structure::Header, "compression_type", COMPRESSION_TYPE_AT, 1)?.first().copied()
    } else {
        None
    };
    let found = found.unwrap_or(COMPRESSION_DEFLATE);
    let bad = |kind| Error::new(Structure::Header, "compression_type", COMPRESSION_TYPE_AT, kind);
    if features.compression_bit() != (found != COMPRESSION_DEFLATE) {
        let why = "contradicts the compression type bit of incompatible_features";
        return Err(bad(ErrorKind::Inconsistent { found: found.into(), why }));
    }
    match found {
        COMPRESSION_DEFLATE => Ok(Compression::Deflate),
        COMPRESSION_ZSTD => Ok(Compression::Zstd),
        _ => Err(bad(ErrorKind::Unsupported { found: found.into() })),
    }
}

#[inline]
fn refcount_order(raw_v3: Option<&RawHeaderV3>) -> Result<u8, Error> {
    let found = raw_v3.map_or(REFCOUNT_ORDER_V2, |v3| v3.refcount_order.get());
    match u8::try_from(found) {
        Ok(order) if found <= REFCOUNT_ORDER_MAX => Ok(order),
        _ => {
            let allowed = Allowed::Range { min: 0, max: REFCOUNT_ORDER_MAX.into() };
            let kind = ErrorKind::BadField { found: found.into(), allowed };
            let at = at!(v3 refcount_order);
            Err(Error::new(Structure::Header, "refcount_order", at, kind))
        }
    }
}

#[inline]
fn crypt_method(raw: &RawHeader, known: &Known) -> Result<CryptMethod, Error> {
    let found = raw.crypt_method.get();
    let bad = |kind| Error::new(Structure::Header, "crypt_method", at!(crypt_method), kind);
    let method = match found {
        CRYPT_NONE => CryptMethod::None,
        CRYPT_AES => CryptMethod::Aes,
        CRYPT_LUKS => CryptMethod::Luks,
        _ => return Err(bad(ErrorKind::Unsupported { found: found.into() })),
    };
    match (method, known.luks.is_some()) {
        (CryptMethod::Luks, false) => {
            let why = "encrypted with LUKS, but no extension says where its header is";
            Err(bad(ErrorKind::Inconsistent { found: found.into(), why }))
        }
        (CryptMethod::None | CryptMethod::Aes, true) => {
            let why = "not encrypted with LUKS, but an extension says where its header is";
            Err(bad(ErrorKind::Inconsistent { found: found.into(), why }))
        }
        _ => Ok(method),
    }
}

/// The name, in the first cluster and behind the header. A size without an offset means nothing, an
/// offset without a size no name.
#[inline]
pub(super) fn backing_name(
    prefix: Prefix<'_>,
    raw: &RawHeader,
    bits: ClusterBits,
    header_length: u32,
) -> Result<Span, Error> {
    let (offset, length) = (raw.backing_file_offset.get(), raw.backing_file_size.get());
    if offset == 0 || length == 0 {
        return Ok(Span::default());
    }
    let bad = |field, at, kind| Err(Error::new(Structure::BackingName, field, at, kind));
    if length > BACKING_NAME_MAX {
        let kind = ErrorKind::TooLarge { found: length.into(), max: BACKING_NAME_MAX.into() };
        return bad("backing_file_size", at!(backing_file_size), kind);
    }
    let end = offset.saturating_add(u64::from(length));
    if end > bits.size() {
        let kind = ErrorKind::OutOfBounds { found: end, limit: bits.size() };
        return bad("backing_file_size", at!(backing_file_size), kind);
    }
    if offset < u64::from(header_length) {
        let kind = ErrorKind::Overlap { with: Structure::Header };
        return bad("backing_file_offset", at!(backing_file_offset), kind);
    }
    if end > prefix.bytes.len() as u64 {
        return Err(prefix.short(Structure::BackingName, "name", offset, end));
    }
    Ok(Span::new(u32::try_from(offset).unwrap_or_default(), length))
}
