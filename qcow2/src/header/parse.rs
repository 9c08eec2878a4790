//! The header's validation, in QEMU's order (`qcow2_do_open` and `qcow2_read_extensions` of
//! `block/qcow2.c`) as far as the order decides which of two errors is told.
#![forbid(unsafe_code)]

use core::mem::offset_of;

use super::extensions::{Extensions, Known};
use super::features::Features;
use super::prefix::Prefix;
use super::{Compression, CryptMethod, Header};
use crate::error::{Allowed, Error, ErrorKind, Structure};
use crate::format::{
    BACKING_NAME_MAX, BITMAP_DIRECTORY_MAX, BITMAPS_MAX, CLUSTER_BITS_MAX, CLUSTER_BITS_MIN,
    CLUSTER_BITS_MIN_EXTENDED_L2, COMPRESSION_DEFLATE, COMPRESSION_TYPE_AT, COMPRESSION_ZSTD,
    CRYPT_AES, CRYPT_LUKS, CRYPT_NONE, HEADER_LENGTH_V2, HEADER_LENGTH_V3, L1_ENTRIES_MAX, MAGIC,
    REFCOUNT_ORDER_MAX, REFCOUNT_ORDER_V2, REFCOUNT_TABLE_BYTES_MAX, RawBitmaps, RawHeader,
    RawHeaderV3, RawLuks, SNAPSHOT_ENTRY_MIN, SNAPSHOTS_MAX,
};
use crate::units::ClusterBits;

/// Where a field of the header lies.
macro_rules! at {
    ($field:ident) => {
        offset_of!(RawHeader, $field) as u64
    };
    (v3 $field:ident) => {
        offset_of!(RawHeaderV3, $field) as u64
    };
}
pub(super) use at;

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
        let mut extensions = Extensions::new(prefix, u64::from(header_length), area_end);
        loop {
            match extensions.advance() {
                Ok(Some(extension)) => known.keep(extension)?,
                Ok(None) => break,
                Err(error) => return Err(within(error, raw, cluster_bits)),
            }
        }
        let compression = compression(prefix, header_length, features)?;
        if features.extended_l2() && cluster_bits.get() < CLUSTER_BITS_MIN_EXTENDED_L2 {
            let (min, max) = (CLUSTER_BITS_MIN_EXTENDED_L2.into(), CLUSTER_BITS_MAX.into());
            let found = cluster_bits.get().into();
            let kind = ErrorKind::BadField { found, allowed: Allowed::Range { min, max } };
            return Err(Error::new(Structure::Header, "cluster_bits", at!(cluster_bits), kind));
        }
        let refcount_order = refcount_order(raw_v3)?;
        let crypt_method = crypt_method(raw, &known)?;
        tables(raw, cluster_bits, features)?;
        if features.bitmaps_valid()
            && let Some((offset, bitmaps)) = known.bitmaps
        {
            check_bitmaps(offset, bitmaps, cluster_bits)?;
        }
        if let Some((offset, luks)) = known.luks {
            check_luks(offset, luks, cluster_bits)?;
        }
        if features.has_data_file() && known.data_file_name.is_none() {
            let found = features.incompatible;
            let why = "the data file bit is set, but no data file is named";
            let kind = ErrorKind::Inconsistent { found, why };
            let at = at!(v3 incompatible_features);
            return Err(Error::new(Structure::Header, "incompatible_features", at, kind));
        }
        let backing_name = backing_name(prefix, raw, cluster_bits, header_length)?;
        Ok(Self {
            prefix,
            raw,
            raw_v3,
            cluster_bits,
            compression,
            crypt_method,
            features,
            header_length,
            refcount_order,
            area_end,
            known,
            backing_name,
        })
    }
}

/// What has to make sense before anything else can be found: where the header ends, and the area of
/// the extensions.
pub(super) struct Layout<'a> {
    pub(super) raw: &'a RawHeader,
    pub(super) raw_v3: Option<&'a RawHeaderV3>,
    pub(super) cluster_bits: ClusterBits,
    pub(super) header_length: u32,
    pub(super) area_end: u64,
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
        let area_end = if name_at == 0 { cluster_bits.size() } else { name_at };
        Ok(Self { raw, raw_v3, cluster_bits, header_length, area_end })
    }
}

/// An extension that would fit into the cluster, but for the backing file's name, overlaps that name.
#[cold]
fn within(error: Error, raw: &RawHeader, cluster_bits: ClusterBits) -> Error {
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
    let need = u64::from(HEADER_LENGTH_V2);
    let short = prefix.short(Structure::Header, "header", 0, need);
    if matches!(short.kind, ErrorKind::NeedMore { .. }) { short } else { unidentified(prefix) }
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
fn crypt_method(raw: &RawHeader, known: &Known<'_>) -> Result<CryptMethod, Error> {
    let found = raw.crypt_method.get();
    let bad = |kind| Error::new(Structure::Header, "crypt_method", at!(crypt_method), kind);
    let method = match found {
        CRYPT_NONE => CryptMethod::None,
        CRYPT_AES => CryptMethod::Aes,
        CRYPT_LUKS => CryptMethod::Luks,
        _ => return Err(bad(ErrorKind::Unsupported { found: found.into() })),
    };
    match (method, known.luks) {
        (CryptMethod::Luks, None) => {
            let why = "encrypted with LUKS, but no extension says where its header is";
            Err(bad(ErrorKind::Inconsistent { found: found.into(), why }))
        }
        (CryptMethod::None | CryptMethod::Aes, Some(_)) => {
            let why = "not encrypted with LUKS, but an extension says where its header is";
            Err(bad(ErrorKind::Inconsistent { found: found.into(), why }))
        }
        _ => Ok(method),
    }
}

/// Limits and alignment of the tables. Whether they lie inside the file is a finding.
#[inline]
fn tables(raw: &RawHeader, bits: ClusterBits, features: Features) -> Result<(), Error> {
    let clusters = u64::from(raw.refcount_table_clusters.get());
    let max = REFCOUNT_TABLE_BYTES_MAX / bits.size();
    if clusters > max {
        let kind = ErrorKind::TooLarge { found: clusters, max };
        let at = at!(refcount_table_clusters);
        return Err(Error::new(Structure::RefcountTable, "refcount_table_clusters", at, kind));
    }
    let table = Table {
        structure: Structure::RefcountTable,
        field: "refcount_table_offset",
        at: at!(refcount_table_offset),
    };
    table.check(raw.refcount_table_offset.get(), clusters * bits.size(), bits)?;

    let snapshots = raw.nb_snapshots.get();
    if snapshots > SNAPSHOTS_MAX {
        let kind = ErrorKind::TooLarge { found: snapshots.into(), max: SNAPSHOTS_MAX.into() };
        return Err(Error::new(Structure::SnapshotTable, "nb_snapshots", at!(nb_snapshots), kind));
    }
    if snapshots > 0 {
        let table = Table {
            structure: Structure::SnapshotTable,
            field: "snapshots_offset",
            at: at!(snapshots_offset),
        };
        let length = u64::from(snapshots) * SNAPSHOT_ENTRY_MIN;
        table.check(raw.snapshots_offset.get(), length, bits)?;
    }

    let entries = raw.l1_size.get();
    if entries > L1_ENTRIES_MAX {
        let kind = ErrorKind::TooLarge { found: entries.into(), max: L1_ENTRIES_MAX.into() };
        return Err(Error::new(Structure::L1Table, "l1_size", at!(l1_size), kind));
    }
    let table =
        Table { structure: Structure::L1Table, field: "l1_table_offset", at: at!(l1_table_offset) };
    table.check(raw.l1_table_offset.get(), u64::from(entries) * 8, bits)?;

    let size = raw.size.get();
    // An L1 entry stands for one L2 table, of 8-byte entries or, extended, of 16-byte ones.
    let shift = 2 * bits.get() - if features.extended_l2() { 4 } else { 3 };
    let needed = (size >> shift) + u64::from(size & ((1 << shift) - 1) != 0);
    if size > i64::MAX.unsigned_abs() || needed > i32::MAX.unsigned_abs().into() {
        let max = i64::MAX.unsigned_abs().min(u64::from(L1_ENTRIES_MAX) << shift);
        let kind = ErrorKind::TooLarge { found: size, max };
        return Err(Error::new(Structure::Header, "size", at!(size), kind));
    }
    if u64::from(entries) < needed {
        let why = "the L1 table is too small for the virtual size";
        let kind = ErrorKind::Inconsistent { found: entries.into(), why };
        return Err(Error::new(Structure::L1Table, "l1_size", at!(l1_size), kind));
    }
    Ok(())
}

/// A table whose place a header field names.
struct Table {
    structure: Structure,
    field: &'static str,
    at: u64,
}

impl Table {
    /// QEMU's `qcow2_validate_table`: at a cluster's start, and its end an offset that a signed 64-bit
    /// integer can hold.
    #[inline]
    fn check(&self, offset: u64, length: u64, bits: ClusterBits) -> Result<(), Error> {
        let limit = i64::MAX.unsigned_abs();
        if offset <= limit - length && bits.is_aligned(offset) {
            return Ok(());
        }
        let kind = if bits.is_aligned(offset) {
            ErrorKind::OutOfBounds { found: offset.saturating_add(length), limit }
        } else {
            ErrorKind::Misaligned { found: offset, alignment: bits.size() }
        };
        Err(Error::new(self.structure, self.field, self.at, kind))
    }
}

fn check_bitmaps(offset: u64, raw: &RawBitmaps, bits: ClusterBits) -> Result<(), Error> {
    let bad = |field, at, kind| Error::new(Structure::Bitmaps, field, offset + at, kind);
    let reserved = raw.reserved.get();
    if reserved != 0 {
        let kind = ErrorKind::BadField { found: reserved.into(), allowed: Allowed::Exactly(0) };
        return Err(bad("reserved", offset_of!(RawBitmaps, reserved) as u64, kind));
    }
    let count = raw.nb_bitmaps.get();
    if count == 0 {
        let allowed = Allowed::Range { min: 1, max: BITMAPS_MAX.into() };
        return Err(bad("nb_bitmaps", 0, ErrorKind::BadField { found: 0, allowed }));
    }
    if count > BITMAPS_MAX {
        let kind = ErrorKind::TooLarge { found: count.into(), max: BITMAPS_MAX.into() };
        return Err(bad("nb_bitmaps", 0, kind));
    }
    let found = raw.bitmap_directory_offset.get();
    if !bits.is_aligned(found) {
        let at = offset_of!(RawBitmaps, bitmap_directory_offset) as u64;
        let kind = ErrorKind::Misaligned { found, alignment: bits.size() };
        return Err(bad("bitmap_directory_offset", at, kind));
    }
    let size = raw.bitmap_directory_size.get();
    if size > BITMAP_DIRECTORY_MAX {
        let at = offset_of!(RawBitmaps, bitmap_directory_size) as u64;
        let kind = ErrorKind::TooLarge { found: size, max: BITMAP_DIRECTORY_MAX };
        return Err(bad("bitmap_directory_size", at, kind));
    }
    Ok(())
}

fn check_luks(offset: u64, raw: &RawLuks, bits: ClusterBits) -> Result<(), Error> {
    let found = raw.offset.get();
    if bits.is_aligned(found) {
        return Ok(());
    }
    let kind = ErrorKind::Misaligned { found, alignment: bits.size() };
    Err(Error::new(Structure::Luks, "offset", offset, kind))
}

/// The name, in the first cluster and behind the header. A size without an offset means nothing, an
/// offset without a size no name.
#[inline]
pub(super) fn backing_name<'a>(
    prefix: Prefix<'a>,
    raw: &RawHeader,
    bits: ClusterBits,
    header_length: u32,
) -> Result<Option<&'a [u8]>, Error> {
    let (offset, length) = (raw.backing_file_offset.get(), raw.backing_file_size.get());
    if offset == 0 || length == 0 {
        return Ok(None);
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
    prefix.get(Structure::BackingName, "name", offset, length.into()).map(Some)
}
