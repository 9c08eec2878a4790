//! Persistent bitmaps: the directory, the tables, the clusters of bits.
#![forbid(unsafe_code)]

use std::vec::Vec;

use super::CheckError;
use super::claims::Claims;
use super::finding::{FindingKind, Findings};
use super::reader::Reader;
use super::spans::{Span, disjoint};
use crate::error::Structure;
use crate::header::Header;
use crate::image::read_directory;
use crate::source::Source;
use crate::table::{Bitmap, BitmapTableEntry, Bitmaps};

/// Claims what the bitmaps claim: QEMU's `qcow2_check_bitmaps_refcounts`.
pub(super) fn gather<S: Source + ?Sized>(
    reader: Reader<'_, S>,
    header: &Header<'_>,
    claims: &mut Claims,
    findings: &mut Findings,
) -> Result<(), CheckError> {
    let Some(pointer) = header.bitmaps() else { return Ok(()) };
    let (at, length) = (pointer.directory.get(), pointer.directory_size);
    claims.claim(Structure::Bitmaps, (at, length), 1, at, findings);
    let broken = |findings: &mut Findings, at| {
        let (kind, about) = (FindingKind::Broken, Structure::Bitmaps);
        findings.add(kind, about, 1, at, (pointer.count.into(), None));
    };
    if at.checked_add(length).is_none_or(|end| end > reader.len()) {
        broken(findings, at);
        return Ok(());
    }
    let geometry = header.geometry();
    let bytes = read_directory(&pointer, &geometry, |at, length| {
        let mut bytes = std::vec![0; usize::try_from(length).unwrap_or_default()];
        reader.read(at, &mut bytes).map(|()| bytes)
    })?;
    let mut tables = Vec::new();
    for bitmap in Bitmaps::new(&bytes, pointer.count, pointer.directory, geometry) {
        match bitmap {
            Ok(bitmap) if covers(&bitmap, header) => {
                let place = (bitmap.table_offset.get(), u64::from(bitmap.table_size) * 8);
                claims.claim(Structure::BitmapTable, place, 1, bitmap.at.get(), findings);
                let (start, end) = (place.0, place.0.saturating_add(place.1));
                tables.push(Span { start, end, active: 0, all: 1 });
            }
            Ok(bitmap) => broken(findings, bitmap.at.get()),
            Err(error) => broken(findings, error.offset),
        }
    }
    for span in disjoint(&tables) {
        reader.each_word(span.start, span.end, |at, entry| {
            match BitmapTableEntry::decode(entry, &geometry) {
                BitmapTableEntry::Zeros | BitmapTableEntry::Ones => {}
                BitmapTableEntry::Bits { offset } => {
                    let place = (offset.get(), geometry.cluster_size());
                    claims.claim(Structure::BitmapData, place, span.all, at, findings);
                }
                BitmapTableEntry::Bad => {
                    let (kind, about) = (FindingKind::ReservedBits, Structure::BitmapTable);
                    findings.add(kind, about, span.all, at, (entry, None));
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Whether a bitmap has enough bits for the disk; one that was not closed need not.
fn covers(bitmap: &Bitmap<'_>, header: &Header<'_>) -> bool {
    let bits = u128::from(bitmap.table_size) * u128::from(header.cluster_size()) * 8;
    bitmap.in_use() || u128::from(header.virtual_size()) <= bits << bitmap.granularity_bits
}
