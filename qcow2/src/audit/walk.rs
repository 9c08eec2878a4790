//! A walk over all structures of one image.
#![forbid(unsafe_code)]

use std::format;
use std::vec::Vec;

use super::bytes::Stop;
use super::claims::{Claims, Role};
use super::finding::{Severity, Tally};
use super::{names, polyglot};
use crate::control::Control;
use crate::error::Error;
use crate::header::{ExtensionKind, FindingKind, Header, Obstacle};
use crate::source::Source;
use crate::table::{Geometry, Oddities};

/// Bytes of a region that are claimed at most: more than any that makes sense.
const REGION_MAX: u64 = 64 << 20;

/// Who tells what is wrong with a region.
#[derive(Clone, Copy)]
pub(super) enum Told {
    /// The header's findings have told it.
    Before,
    /// To be told here; whose region it is.
    Here(&'static str),
}

/// What the walk over one image carries along.
pub(super) struct Walk<'w> {
    pub(super) source: &'w dyn Source,
    pub(super) control: &'w Control,
    pub(super) len: u64,
    pub(super) header: Header<'w>,
    pub(super) geometry: Geometry,
    pub(super) claims: Claims,
    pub(super) tally: &'w mut Tally,
    /// Nothing has been met that keeps the guest's data from being read.
    pub(super) readable: bool,
}

impl<'w> Walk<'w> {
    pub(super) fn new(
        source: &'w dyn Source,
        control: &'w Control,
        len: u64,
        header: Header<'w>,
        tally: &'w mut Tally,
    ) -> Self {
        let geometry = header.geometry();
        let mut claims = Claims::new(geometry.cluster_bits());
        claims.claim_region(0, geometry.cluster_size(), Role::Header);
        Self { source, control, len, header, geometry, claims, tally, readable: true }
    }

    /// All of it. Tables claim what they occupy before what they point to does.
    pub(super) fn run(&mut self) -> Result<(), Stop> {
        self.header();
        let refcount_blocks = self.refcount_table()?;
        let (l1, l1_size) = (self.header.l1_table_offset().get(), self.header.l1_size());
        let active = self.l1_table(l1, l1_size.into(), Told::Before)?;
        self.readable &= active.is_some();
        let mut snapshots = Vec::new();
        for (offset, entries) in self.snapshots()? {
            snapshots.extend(self.l1_table(offset, entries, Told::Here("a snapshot"))?);
        }
        let mut bitmaps = self.bitmaps()?;
        bitmaps.retain(|(start, entries)| {
            self.region(*start, entries * 8, Role::BitmapTable, Told::Here("a bitmap"))
        });
        self.luks()?;
        self.refcount_blocks(&refcount_blocks)?;
        self.view(active.unwrap_or_default(), true)?;
        for tables in snapshots {
            self.view(tables, false)?;
        }
        self.bitmap_tables(&bitmaps)?;
        polyglot::inspect(self.source, self.len, &self.claims, self.tally)
    }

    /// What the header says of itself.
    fn header(&mut self) {
        let header = self.header;
        for finding in header.findings(self.len) {
            self.tally.add(finding.kind.code(), severity(finding.kind), || format!("{finding}"));
        }
        for obstacle in header.obstacles() {
            self.readable = false;
            let severity = match obstacle {
                Obstacle::UnknownIncompatible(_) => Severity::Unknown,
                _ => Severity::Note,
            };
            self.tally.add(obstacle.code(), severity, || format!("{obstacle}"));
        }
        for name in header.feature_names() {
            names::inspect(self.tally, "the name of a feature", name.name, Severity::Warning);
        }
        let unknown = |extension: &crate::header::Extension<'_>| {
            matches!(extension.kind, ExtensionKind::Unknown(_))
        };
        for extension in header.extensions().filter(unknown) {
            self.tally.add("unknown-extension", Severity::Note, || {
                format!("type {:#010x}, {} bytes", extension.kind.get(), extension.data.len())
            });
        }
    }

    /// Claims a region for a structure, if it lies inside the file and behind the header; `false` if it can't be
    /// read as what it claims to be.
    pub(super) fn region(&mut self, start: u64, length: u64, role: Role, told: Told) -> bool {
        let end = start.saturating_add(length);
        let len = self.len;
        let found = if end > len {
            let detail = format!("reaches to byte {end}, the file to {len}");
            Some(("out-of-bounds", detail))
        } else {
            let before = self.claims.claim_region(start, length, role);
            before.map(|(at, other)| ("overlap", format!("shares byte {at} with {other}")))
        };
        if let (Some((kind, detail)), Told::Here(of)) = (&found, told) {
            self.tally.danger(kind, || format!("{role} of {of} {detail}"));
        }
        found.is_none()
    }

    /// What is odd about an entry of a table, which lies at the byte `at`.
    pub(super) fn oddities(&mut self, table: &'static str, at: u64, entry: u64, odd: Oddities) {
        for one in odd.iter() {
            let severity = if harmless(one) { Severity::Warning } else { Severity::Danger };
            let Some(code) = one.codes().next() else { continue };
            self.tally
                .add(code, severity, || format!("{table}: entry at byte {at} is {entry:#018x}"));
        }
    }

    pub(super) fn error(&mut self, error: &Error) {
        self.tally.danger(error.code(), || format!("{error}"));
    }

    /// Reads a structure's bytes, which lie inside the file.
    pub(super) fn read(&self, start: u64, length: u64) -> Result<Vec<u8>, Stop> {
        let length = usize::try_from(length.min(REGION_MAX)).unwrap_or_default();
        let bytes = super::bytes::peek(self.source, start, length)?;
        if bytes.len() < length { Err(Stop::Changed) } else { Ok(bytes) }
    }
}

/// Entries that everybody reads alike.
fn harmless(odd: Oddities) -> bool {
    [
        Oddities::RESERVED_BITS,
        Oddities::COPIED_NOTHING,
        Oddities::COPIED_COMPRESSED,
        Oddities::COMPRESSED_SUBCLUSTERS,
        Oddities::ZERO_IN_EXTENDED,
    ]
    .contains(&odd)
}

fn severity(kind: FindingKind) -> Severity {
    match kind {
        FindingKind::OutOfBounds
        | FindingKind::Overlap
        | FindingKind::ShortHeader
        | FindingKind::NoRefcountTable
        | FindingKind::UndeclaredBackingFormat
        | FindingKind::NulInName => Severity::Danger,
        FindingKind::UnknownIncompatible => Severity::Unknown,
        FindingKind::Dirty | FindingKind::StaleBitmaps => Severity::Note,
        _ => Severity::Warning,
    }
}
