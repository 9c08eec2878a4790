//! L1 tables: which L2 tables there are, and how often each is named.
#![forbid(unsafe_code)]

use std::vec::Vec;

use super::CheckError;
use super::claims::Claims;
use super::finding::{FindingKind, Findings};
use super::reader::Reader;
use super::spans::{Span, disjoint};
use super::stored::Stored;
use crate::error::Structure;
use crate::format::{ENTRY_COPIED, ENTRY_OFFSET, L1_RESERVED};
use crate::source::Source;
use crate::table::Geometry;

/// An L2 table to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Table {
    /// Where it lies.
    pub(super) offset: u64,
    /// Which entry of the active L1 table names it; the first if several do.
    pub(super) index: u32,
    /// Entries of the active L1 table that name it.
    pub(super) active: u32,
    /// Entries of all L1 tables that name it.
    pub(super) all: u64,
    /// The byte of the file where one of them lies.
    named_at: u64,
}

impl Table {
    /// Takes in what names the same table; whether it does.
    fn merge(&mut self, other: &Self) -> bool {
        let same = other.offset == self.offset;
        if same {
            self.index = match (self.active, other.active) {
                (0, _) => other.index,
                (_, 0) => self.index,
                _ => self.index.min(other.index),
            };
            self.active = self.active.saturating_add(other.active);
            self.all = self.all.saturating_add(other.all);
        }
        same
    }
}

/// Reads the L1 tables, each byte of them once, and gives the L2 tables that lie in the file, each once
/// and in the file's order.
pub(super) fn gather<S: Source + ?Sized>(
    reader: Reader<'_, S>,
    geometry: &Geometry,
    l1_tables: &[Span],
    active_at: u64,
    stored: &mut Stored<'_, S>,
    claims: &mut Claims,
    findings: &mut Findings,
) -> Result<Vec<Table>, CheckError> {
    let bits = geometry.cluster_bits();
    let mut tables: Vec<Table> = Vec::new();
    for span in disjoint(l1_tables) {
        reader.each_word(span.start, span.end, |at, entry| {
            let mut tell = |kind, about, times| findings.add(kind, about, times, at, (entry, None));
            if entry & L1_RESERVED != 0 {
                tell(FindingKind::ReservedBits, Structure::L1Table, span.all);
            }
            let offset = entry & ENTRY_OFFSET;
            if offset == 0 {
                // QEMU takes the header for an L2 table.
                tell(FindingKind::NamesNothing, Structure::L1Table, span.all);
                return Ok(());
            }
            if !bits.is_aligned(offset) {
                tell(FindingKind::Misaligned, Structure::L2Table, span.all);
            }
            if span.active > 0
                && let Some(count) = stored.get(offset >> bits.get())?
                && (count == 1) != (entry & ENTRY_COPIED != 0)
            {
                let times = u64::from(span.active);
                let (kind, about) = (FindingKind::CopiedFlag, Structure::L2Table);
                findings.add(kind, about, times, at, (entry, Some(count)));
            }
            let index = u32::try_from(at.saturating_sub(active_at) / 8).unwrap_or(u32::MAX);
            let Span { active, all, .. } = span;
            let table = Table { offset, index, active, all, named_at: at };
            // Millions of entries that name one table, one after the other, are one.
            if !tables.last_mut().is_some_and(|last| last.merge(&table)) {
                tables.push(table);
            }
            Ok(())
        })?;
    }
    tables.sort_unstable();
    tables.dedup_by(|next, kept| kept.merge(next));
    tables.retain(|table| {
        let place = (table.offset, geometry.cluster_size());
        let inside = claims.claim(Structure::L2Table, place, table.all, table.named_at, findings);
        // QEMU's check reads on from the midst of a cluster; nobody reads guest data there.
        inside && bits.is_aligned(table.offset)
    });
    Ok(tables)
}
