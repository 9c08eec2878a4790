//! The table of internal snapshots: what it claims, and which L1 tables it names.
#![forbid(unsafe_code)]

use std::collections::HashSet;
use std::vec::Vec;

use super::CheckError;
use super::claims::Claims;
use super::finding::{FindingKind, Findings};
use super::reader::Reader;
use super::spans::Span;
use crate::error::{ErrorKind, Structure};
use crate::format::{L1_ENTRIES_MAX, SNAPSHOT_EXTRA_MIN_V3, SNAPSHOT_TABLE_MAX};
use crate::header::Header;
use crate::source::Source;
use crate::table::{Snapshot, Snapshots};

/// How much of the table is read at first, in bytes.
const FIRST_READ: u64 = 64 << 10;

/// Walks the table, and adds the L1 tables of the snapshots to `l1_tables`.
pub(super) fn gather<S: Source + ?Sized>(
    reader: Reader<'_, S>,
    header: &Header<'_>,
    l1_tables: &mut Vec<Span>,
    claims: &mut Claims,
    findings: &mut Findings,
) -> Result<(), CheckError> {
    let (count, table) = (header.snapshot_count(), header.snapshots_offset());
    if count == 0 {
        return Ok(());
    }
    let about = Structure::SnapshotTable;
    if header.features().has_data_file() {
        let kind = FindingKind::SnapshotsWithDataFile;
        findings.add(kind, about, 1, table.get(), (count.into(), Some(0)));
    }
    if table.get() < header.cluster_size() {
        // The header would be taken for snapshots.
        findings.add(FindingKind::Broken, about, 1, table.get(), (table.get(), None));
        return Ok(());
    }
    let most = reader.len().saturating_sub(table.get()).min(SNAPSHOT_TABLE_MAX);
    let mut want = FIRST_READ;
    let mut bytes = Vec::new();
    loop {
        bytes.resize(usize::try_from(want.min(most)).unwrap_or_default(), 0);
        reader.read(table.get(), &mut bytes)?;
        let snapshots = Snapshots::new(&bytes, count, table, reader.len());
        match snapshots.filter_map(Result::err).next().map(|error| error.kind) {
            Some(ErrorKind::NeedMore { need }) if want < most => want = need.max(want * 4),
            _ => break,
        }
    }
    let mut snapshots = Snapshots::new(&bytes, count, table, reader.len());
    let mut names = HashSet::new();
    for snapshot in &mut snapshots {
        match snapshot {
            Ok(snapshot) => {
                one(&snapshot, header, l1_tables, claims, findings);
                if !names.insert((snapshot.id, snapshot.name)) {
                    let kind = FindingKind::DuplicateSnapshot;
                    findings.add(kind, about, 1, snapshot.at.get(), (0, None));
                }
            }
            Err(error) => {
                findings.add(FindingKind::Broken, about, 1, error.offset, (count.into(), None));
            }
        }
    }
    let place = (table.get(), snapshots.position());
    claims.claim(about, place, 1, table.get(), findings);
    Ok(())
}

fn one(
    snapshot: &Snapshot<'_>,
    header: &Header<'_>,
    l1_tables: &mut Vec<Span>,
    claims: &mut Claims,
    findings: &mut Findings,
) {
    let (at, start, entries) =
        (snapshot.at.get(), snapshot.l1_table_offset.get(), snapshot.l1_size);
    if header.version() >= 3 && snapshot.extra_data_size < SNAPSHOT_EXTRA_MIN_V3 {
        let values = (snapshot.extra_data_size.into(), Some(SNAPSHOT_EXTRA_MIN_V3.into()));
        findings.add(FindingKind::IncompleteSnapshot, Structure::SnapshotTable, 1, at, values);
    }
    if !header.cluster_bits().is_aligned(start) {
        findings.add(FindingKind::Misaligned, Structure::L1Table, 1, at, (start, None));
        return;
    }
    if entries > L1_ENTRIES_MAX {
        let values = (entries.into(), Some(L1_ENTRIES_MAX.into()));
        findings.add(FindingKind::TooLarge, Structure::L1Table, 1, at, values);
        return;
    }
    if start < header.cluster_size() && entries > 0 {
        findings.add(FindingKind::Overlap, Structure::L1Table, 1, at, (start, None));
        return;
    }
    let length = u64::from(entries) * 8;
    claims.claim(Structure::L1Table, (start, length), 1, at, findings);
    l1_tables.push(Span { start, end: start.saturating_add(length), active: 0, all: 1 });
}
