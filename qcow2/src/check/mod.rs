//! Checking an image: are its refcounts right, does its metadata make sense? Reads only.
//!
//! [`check`] answers what `qemu-img check` answers, with the same numbers ([`Report`]), and says of each
//! thing that is wrong what it is, how often, and where first ([`Finding`]). Where the numbers are meant
//! to differ is a table in DIFFERENCES.md.
//!
//! # How
//!
//! 1. L1 tables (the active one, the snapshots') and bitmap tables are read, each byte once, and give the
//!    L2 tables, each once, with the number of entries that name it.
//! 2. Every cluster of the file gets a byte: whether its stored refcount is 0, 1 or more, whether
//!    metadata lies there, and a count of references.
//! 3. L2 tables are read in the file's order. An entry costs one access to that byte, which tells all:
//!    a reference more, the copied flag right or not, metadata underneath or not.
//! 4. Counts and stored refcounts are compared, eight clusters at a time.
//!
//! # Cost
//!
//! Time is linear in the bytes of metadata that exist: a table that is named a million times is read once
//! and counts a million times; holes in a sparse file are skipped. Memory is one byte a cluster of the
//! file, twice with a second thread, but at most 16 MiB (32) or as much as the file occupies on its
//! device; beyond that, some 100 bytes for each cluster that something refers to.

mod bitmaps;
mod claims;
mod compare;
mod entries;
mod error;
mod finding;
mod reader;
mod report;
mod snapshots;
mod spans;
mod stored;
mod tables;
mod tally;
mod walk;

pub use error::CheckError;
pub use finding::{Finding, FindingKind, Place, Severity};
pub use report::Report;

use std::vec::Vec;

use claims::{Bounds, Claims, Clusters};
use compare::Compare;
use entries::{Fragmentation, Walk};
use finding::Findings;
use reader::Reader;
use spans::Span;
use stored::Stored;
use tally::Tally;

use crate::control::Control;
use crate::error::Structure;
use crate::header::Header;
use crate::open::read_header;
use crate::source::Source;

/// A LUKS header with all its key material has some 2 MiB; QEMU sets no limit.
const LUKS_MAX: u64 = 16 << 20;
/// So many clusters get a byte each, whatever the file is.
const ARRAY: u64 = 16 << 20;
/// And no more than so many, whatever a source says that it occupies.
const ARRAY_MAX: u64 = 1 << 30;

/// How to check.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Threads that read L2 tables, if there are enough of them. 0 is 1.
    pub threads: usize,
    /// How many places of each finding are told.
    pub places: usize,
    /// Cancel, deadline, and progress in bytes of L2 tables.
    pub control: Control,
}

impl Default for Options {
    fn default() -> Self {
        Self { threads: 1, places: 5, control: Control::none() }
    }
}

/// Checks an image of `len` bytes, which is what `fstat` told when it was opened.
///
/// Nothing that the image names is opened. For the cost see the [module](self).
///
/// # Errors
///
/// [`CheckError`]: the file cannot be read, became shorter meanwhile, its header makes no sense, or
/// [`Options::control`] stopped the check. To know
/// whether it was written to meanwhile ask [`Opened::changed`](crate::open::Opened::changed) afterwards.
pub fn check<S: Source + ?Sized>(
    source: &S,
    len: u64,
    options: &Options,
) -> Result<Report, CheckError> {
    let mut buffer = Vec::new();
    let header = read_header(source, len, &mut buffer)?;
    match header.features().unknown_incompatible() {
        0 => check_image(Reader::new(source, len, &options.control), &header, options),
        bits => Err(CheckError::Unsupported(bits)),
    }
}

fn check_image<S: Source + ?Sized>(
    reader: Reader<'_, S>,
    header: &Header<'_>,
    options: &Options,
) -> Result<Report, CheckError> {
    let geometry = header.geometry();
    let bits = geometry.cluster_bits();
    let clusters = bits.clusters(reader.len());
    let bounds = Bounds::new(&geometry, reader.sectors_len());
    let mut findings = Findings::new(options.places);
    let mut claims = Claims::new(bounds);
    claims.claim(Structure::Header, (0, bits.size()), 1, 0, &mut findings);

    let table_at = header.refcount_table_offset().get();
    let table_bytes = u64::from(header.refcount_table_clusters()) * bits.size();
    let table_bytes =
        placed(Structure::RefcountTable, table_at, table_bytes, bits.size(), &mut findings);
    claims.claim(Structure::RefcountTable, (table_at, table_bytes), 1, table_at, &mut findings);
    let mut stored = Stored::read(reader, geometry, table_at, table_bytes)?;

    let l1_at = header.l1_table_offset().get();
    let l1_bytes = u64::from(header.l1_size()) * 8;
    let l1_bytes = placed(Structure::L1Table, l1_at, l1_bytes, bits.size(), &mut findings);
    claims.claim(Structure::L1Table, (l1_at, l1_bytes), 1, l1_at, &mut findings);
    let end = l1_at.saturating_add(l1_bytes);
    let mut l1_tables = std::vec![Span { start: l1_at, end, active: 1, all: 1 }];
    snapshots::gather(reader, header, &mut l1_tables, &mut claims, &mut findings)?;
    let tables = tables::gather(
        reader,
        &geometry,
        &l1_tables,
        l1_at,
        &mut stored,
        &mut claims,
        &mut findings,
    )?;
    drop(l1_tables);
    luks(header, &mut claims, &mut findings);
    bitmaps::gather(reader, header, &mut claims, &mut findings)?;

    // One more than the file has: a table may end in the cluster that follows its last.
    let allocated = reader.allocated()?.min(ARRAY_MAX);
    let mut tally = Tally::new(clusters + 1, clusters < ARRAY.max(allocated));
    if tally.is_array() {
        stored.classify(&mut tally)?;
    }
    claims.count(allocated / bits.size(), &mut tally, &mut findings);
    stored.blocks(clusters).for_each(|cluster| tally.mark(cluster));
    let mut overlapped = Clusters::default();
    claims.overlaps(stored.blocks(clusters), &mut overlapped, &mut findings);

    let fragmentation = Fragmentation::default();
    let mut whole =
        Walk { geometry, bounds, tally, stored, findings, fragmentation, overlapped, reader };
    walk::walk(&tables, options.threads, &mut whole)?;
    let Walk { mut tally, mut stored, mut findings, fragmentation, overlapped, .. } = whole;

    stored.count_blocks(table_at, clusters, &mut tally, &mut findings);
    // As QEMU does, with the cluster behind the file's last if something reaches into it.
    let known = clusters + u64::from(tally.count(clusters) > 0);
    stored.inspect(table_at, known, &mut findings);
    let (tally, findings_now) = (&tally, &mut findings);
    let mut compare =
        Compare { bits, clusters, tally, stored: &mut stored, findings: findings_now };
    let last = compare.run()?;
    compare.overlaps(&overlapped)?;
    Ok(Report {
        cluster_size: bits.size(),
        image_end_offset: (last + 1).saturating_mul(bits.size()),
        total_clusters: bits.clusters(header.virtual_size() / 512 * 512),
        allocated_clusters: fragmentation.allocated,
        fragmented_clusters: fragmentation.fragmented,
        compressed_clusters: fragmentation.compressed,
        check_errors: findings.total(Severity::Error),
        corruptions: findings.total(Severity::Corruption),
        leaks: findings.total(Severity::Leak),
        findings: findings.finish(),
        header: header.findings(reader.len()).collect(),
    })
}

/// How many bytes of a table that the header places may be read: none where it would be the header, which
/// is told. QEMU takes the header for the table.
fn placed(
    structure: Structure,
    start: u64,
    length: u64,
    cluster_size: u64,
    findings: &mut Findings,
) -> u64 {
    if length > 0 && start < cluster_size {
        findings.add(FindingKind::Overlap, structure, 1, start, (start, None));
        return 0;
    }
    length
}

fn luks(header: &Header<'_>, claims: &mut Claims, findings: &mut Findings) {
    let Some(pointer) = header.luks() else { return };
    let (start, length) = (pointer.offset.get(), pointer.length);
    if length > LUKS_MAX {
        let values = (length, Some(LUKS_MAX));
        findings.add(FindingKind::TooLarge, Structure::Luks, 1, start, values);
    } else {
        claims.claim(Structure::Luks, (start, length), 1, start, findings);
    }
}
