//! The questions that one or two fields answer.
#![forbid(unsafe_code)]

use super::{Finding, FindingKind};
use crate::error::Structure;
use crate::format::{AUTOCLEAR_BITMAPS, AUTOCLEAR_RAW_EXTERNAL, RawBitmaps};
use crate::header::Header;

/// More extensions than this are a finding; QEMU writes at most six.
const MANY_EXTENSIONS: u32 = 1024;

type Check = fn(&Header<'_>, u64) -> Option<Finding>;

/// The questions that one or two fields answer.
pub(super) const FIELDS: [Check; 19] = [
    |header, file_len| {
        let length = u64::from(header.header_length);
        let kind = FindingKind::ShortHeader;
        (length > file_len).then(|| header_field(kind, HEADER_LENGTH, length))
    },
    |header, _| {
        let length = u64::from(header.header_length);
        let kind = FindingKind::UnalignedHeaderLength;
        (length % 8 != 0).then(|| header_field(kind, HEADER_LENGTH, length))
    },
    |header, _| {
        let size = header.virtual_size();
        let kind = FindingKind::UnalignedSize;
        (size % 512 != 0).then(|| header_field(kind, ("size", at!(size)), size))
    },
    |header, _| {
        let field = ("refcount_table_clusters", at!(refcount_table_clusters));
        let found = header_field(FindingKind::NoRefcountTable, field, 0);
        (header.refcount_table_clusters() == 0)
            .then_some(Finding { structure: Structure::RefcountTable, ..found })
    },
    |header, _| {
        let offset = header.snapshots_offset().get();
        let refused = !header.cluster_bits.is_aligned(offset) || offset > i64::MAX.unsigned_abs();
        let odd = header.snapshot_count() == 0 && refused;
        let field = ("snapshots_offset", at!(snapshots_offset));
        let found = header_field(FindingKind::UnusedSnapshotsOffset, field, offset);
        odd.then_some(Finding { structure: Structure::SnapshotTable, ..found })
    },
    |header, _| {
        let offset = header.raw.backing_file_offset.get();
        let empty = offset != 0 && header.backing_name().is_none();
        empty.then(|| name(FindingKind::EmptyBackingName, BACKING_OFFSET, offset))
    },
    |header, _| {
        let offset = header.raw.backing_file_offset.get();
        let undeclared =
            header.backing_name().is_some() && header.backing_format().is_none_or(<[u8]>::is_empty);
        undeclared.then(|| name(FindingKind::UndeclaredBackingFormat, BACKING_OFFSET, offset))
    },
    |header, _| {
        let offset = header.raw.backing_file_offset.get();
        nul(header.backing_name()).then(|| name(FindingKind::NulInName, BACKING_OFFSET, offset))
    },
    |header, _| {
        let span = header.known.backing_format;
        let kind = FindingKind::NulInName;
        nul(span.data(header.prefix))
            .then(|| extension_field(kind, "backing_format", span.offset(), span.length()))
    },
    |header, _| {
        let span = header.known.data_file_name;
        let kind = FindingKind::NulInName;
        nul(span.data(header.prefix))
            .then(|| extension_field(kind, "data_file_name", span.offset(), span.length()))
    },
    |header, _| {
        let span = header.known.data_file_name;
        let unused = span.is_some() && !header.features().has_data_file();
        let kind = FindingKind::UnusedDataFileName;
        unused.then(|| extension_field(kind, "data_file_name", span.offset(), span.length()))
    },
    |header, _| {
        let bits = header.features().unknown_incompatible();
        let kind = FindingKind::UnknownIncompatible;
        (bits != 0).then(|| header_field(kind, INCOMPATIBLE, bits))
    },
    |header, _| {
        let bits = header.features().incompatible;
        (header.features().is_dirty()).then(|| header_field(FindingKind::Dirty, INCOMPATIBLE, bits))
    },
    |header, _| {
        let bits = header.features().incompatible;
        (header.features().is_corrupt())
            .then(|| header_field(FindingKind::Corrupt, INCOMPATIBLE, bits))
    },
    |header, _| {
        let span = header.known.bitmaps;
        let raw: &RawBitmaps = span.view(header.prefix)?;
        let (kind, count) = (FindingKind::StaleBitmaps, raw.nb_bitmaps.get().into());
        (!header.features().bitmaps_valid())
            .then(|| extension_field(kind, "nb_bitmaps", span.offset(), count))
    },
    |header, _| {
        let missing = header.features().bitmaps_valid() && !header.known.bitmaps.is_some();
        missing.then(|| header_field(FindingKind::MissingBitmaps, AUTOCLEAR, AUTOCLEAR_BITMAPS))
    },
    |header, _| {
        let odd = header.features().raw_external_data() && !header.features().has_data_file();
        let kind = FindingKind::RawWithoutDataFile;
        odd.then(|| header_field(kind, AUTOCLEAR, AUTOCLEAR_RAW_EXTERNAL))
    },
    |header, _| {
        let span = header.known.feature_names;
        let odd = !span.length().is_multiple_of(48);
        let kind = FindingKind::PartialFeatureName;
        odd.then(|| extension_field(kind, "length", span.offset(), span.length()))
    },
    |header, _| {
        let count = header.known.count;
        let at = u64::from(header.header_length);
        (count > MANY_EXTENSIONS)
            .then(|| extension_field(FindingKind::ManyExtensions, "count", at, count.into()))
    },
];

const HEADER_LENGTH: (&str, u64) = ("header_length", at!(v3 header_length));
const INCOMPATIBLE: (&str, u64) = ("incompatible_features", at!(v3 incompatible_features));
const AUTOCLEAR: (&str, u64) = ("autoclear_features", at!(v3 autoclear_features));
const BACKING_OFFSET: (&str, u64) = ("backing_file_offset", at!(backing_file_offset));

fn header_field(kind: FindingKind, (field, offset): (&'static str, u64), found: u64) -> Finding {
    Finding { kind, structure: Structure::Header, field, offset, found }
}

fn name(kind: FindingKind, field: (&'static str, u64), found: u64) -> Finding {
    Finding { structure: Structure::BackingName, ..header_field(kind, field, found) }
}

fn extension_field(kind: FindingKind, field: &'static str, offset: u64, found: u64) -> Finding {
    Finding { kind, structure: Structure::Extension, field, offset, found }
}

fn nul(name: Option<&[u8]>) -> bool {
    name.is_some_and(|name| name.contains(&0))
}
