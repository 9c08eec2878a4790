//! What a record looks like as bytes; [`crate::scan::decode`] is its mirror.
//!
//! A length comes before everything that has one. A part's text is stored as it is, so a name is
//! where it lies in that.

use crate::facts::Finding;
use crate::graph::bytes;
use crate::scan::content::{Content, FormatName, Image};
use crate::scan::part::{Entry, Part};
use crate::scan::record::Inner;
use crate::scan::text::Span;
use crate::sys::Measures;

/// What an entry is, in one byte.
pub(super) mod flag {
    pub(in crate::scan) const SYMLINK: u8 = 1;
    pub(in crate::scan) const SETTLED: u8 = 2;
    pub(in crate::scan) const MEASURED: u8 = 4;
}

/// What a content is, in one byte.
pub(super) mod tag {
    pub(in crate::scan) const OTHER: u8 = 0;
    pub(in crate::scan) const IMAGE: u8 = 1;
    pub(in crate::scan) const BROKEN: u8 = 2;
    pub(in crate::scan) const UNREADABLE: u8 = 3;
    pub(in crate::scan) const ELSEWHERE: u8 = 4;
    pub(in crate::scan) const FOREIGN: u8 = 5;
}

/// What is known of the format of a backing file, in one byte.
pub(super) mod format {
    pub(in crate::scan) const NONE: u8 = 0;
    pub(in crate::scan) const QCOW2: u8 = 1;
    pub(in crate::scan) const RAW: u8 = 2;
    pub(in crate::scan) const OTHER: u8 = 3;
}

/// Appends a record to `out`.
pub(super) fn encode(record: &Inner, out: &mut Vec<u8>) {
    number(record.generation, out);
    number(record.folders.len() as u64, out);
    for folder in &record.folders {
        string(bytes(&folder.path), out);
        measures(&folder.measures, out);
        out.push(folder.is_settled.into());
        string(&folder.folders, out);
    }
    number(record.parts.len() as u64, out);
    for (folder, entries) in &record.parts {
        out.extend_from_slice(&folder.to_le_bytes());
        part(entries, out);
    }
    let mut outside: Vec<_> = record.outside.iter().collect();
    outside.sort_unstable_by_key(|(path, _)| *path);
    number(outside.len() as u64, out);
    for (path, entries) in outside {
        string(path, out);
        part(entries, out);
    }
}

fn part(part: &Part, out: &mut Vec<u8>) {
    string(part.text.bytes(), out);
    number(part.entries.len() as u64, out);
    for entry in &part.entries {
        self::entry(entry, out);
    }
}

fn entry(entry: &Entry, out: &mut Vec<u8>) {
    span(entry.name, out);
    let set = |flag: u8, is_set: bool| if is_set { flag } else { 0 };
    out.push(
        set(flag::SYMLINK, entry.is_symlink)
            | set(flag::SETTLED, entry.is_settled)
            | set(flag::MEASURED, entry.measures.is_some()),
    );
    if let Some(known) = &entry.measures {
        measures(known, out);
    }
    match &entry.content {
        Content::Other(None) => out.push(tag::OTHER),
        Content::Other(Some(format)) => {
            out.push(tag::FOREIGN);
            string(format.name().as_bytes(), out);
        }
        Content::Image(content) => {
            out.push(tag::IMAGE);
            image(content, out);
        }
        Content::Broken(reason) => {
            out.push(tag::BROKEN);
            string(reason.as_bytes(), out);
        }
        Content::Unreadable(reason) => {
            out.push(tag::UNREADABLE);
            string(reason.as_bytes(), out);
        }
        Content::Elsewhere => out.push(tag::ELSEWHERE),
    }
}

fn image(image: &Image, out: &mut Vec<u8>) {
    number(image.virtual_size, out);
    optional(image.backing, out);
    optional(image.data_file, out);
    match image.backing_format {
        None => out.push(format::NONE),
        Some(FormatName::Qcow2) => out.push(format::QCOW2),
        Some(FormatName::Raw) => out.push(format::RAW),
        Some(FormatName::Other(name)) => {
            out.push(format::OTHER);
            span(name, out);
        }
    }
    let findings = image.findings.as_deref().unwrap_or_default();
    number(findings.len() as u64, out);
    for Finding { kind, detail, breaks } in findings {
        string(kind.as_bytes(), out);
        string(detail.as_bytes(), out);
        out.push((*breaks).into());
    }
}

fn measures(measures: &Measures, out: &mut Vec<u8>) {
    let Measures { device, inode, len, allocated, links, modified, changed } = *measures;
    for value in [device, inode, len, allocated, links] {
        number(value, out);
    }
    for time in [modified, changed] {
        out.extend_from_slice(&time.to_le_bytes());
    }
}

fn optional(name: Option<Span>, out: &mut Vec<u8>) {
    out.push(name.is_some().into());
    if let Some(name) = name {
        span(name, out);
    }
}

fn span(span: Span, out: &mut Vec<u8>) {
    let (at, len) = span.parts();
    out.extend_from_slice(&at.to_le_bytes());
    out.extend_from_slice(&len.to_le_bytes());
}

fn string(bytes: &[u8], out: &mut Vec<u8>) {
    number(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn number(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_le_bytes());
}
