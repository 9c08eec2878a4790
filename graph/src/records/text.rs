//! The text of a record: what of the facts has no fixed length, one piece behind the other.
//!
//! | piece | |
//! |---|---|
//! | the name that is the key, or a device number of more than 32 bits | where the record says so |
//! | when it was told | number |
//! | virtual size, allocated bytes, length, reflinked bytes | numbers, turned round by 9 bits, those that the record says are there |
//! | unseen links | number, if the record says so |
//! | paths | their number, then each |
//! | references | their number; where there are several the offset of each, 4 bytes little-endian; then each: a byte of [`traits`](put_reference), the format, the name |
//!
//! A number is written in groups of seven bits, the lowest first, each but the last with its high bit set
//! (LEB128). Bytes follow their number. The same facts always make the same text.

use std::borrow::Cow;

use diskdag_qcow2::reference::Rule;

use super::plain::Plain;
use crate::facts::{Certainty, EdgeFacts, EdgeKind, Facts, Key};
use crate::graph::bytes;

const DATA_FILE: u8 = 1;
const POSSIBLE: u8 = 2;
const ENDS: u8 = 4;
/// Four bits.
const RULE: u32 = 3;
const FORMAT: u8 = 128;

const RULES: [Rule; 9] = [
    Rule::Relative,
    Rule::Absolute,
    Rule::File,
    Rule::Json,
    Rule::Remote,
    Rule::Opaque,
    Rule::UnknownProtocol,
    Rule::Bad,
    Rule::DataFile,
];

/// The formats that nearly every reference declares, which take one byte; any other takes one more.
const USUAL: [&[u8]; 2] = [b"qcow2", b"raw"];

/// Writes the text of `facts`, told at a time.
pub(super) fn put_facts(out: &mut Vec<u8>, facts: &Facts, at: u64) {
    match &facts.key {
        Key::Name(name) => put_bytes(out, name),
        Key::File { device, .. } if u32::try_from(*device).is_err() => {
            out.extend_from_slice(&device.to_le_bytes());
        }
        Key::File { .. } => {}
    }
    let sizes = [facts.virtual_size, facts.actual_size, facts.length, some(facts.reflinked)];
    put_numbers(out, at, sizes, facts.unseen_links);
    put_count(out, facts.paths.len());
    facts.paths.iter().for_each(|path| put_bytes(out, bytes(path)));
    put_count(out, facts.references.len());
    let table = out.len();
    if facts.references.len() > 1 {
        out.resize(table + 4 * facts.references.len(), 0);
    }
    for (at, edge) in facts.references.iter().enumerate() {
        if facts.references.len() > 1 {
            let offset = u32::try_from(out.len() - table).unwrap_or(u32::MAX);
            out[table + 4 * at..][..4].copy_from_slice(&offset.to_le_bytes());
        }
        put_reference(out, &NameOf::of(edge));
    }
}

/// Writes the text that the facts of a plain disk would have, told at a time.
pub(super) fn put_plain(out: &mut Vec<u8>, plain: &Plain<'_>, at: u64) {
    if u32::try_from(plain.device).is_err() {
        out.extend_from_slice(&plain.device.to_le_bytes());
    }
    let sizes = [plain.virtual_size, plain.actual_size, plain.length];
    put_numbers(out, at, sizes.map(Some), plain.unseen_links);
    put_count(out, 1);
    let slash: &[u8] = if plain.directory.last() == Some(&b'/') { b"" } else { b"/" };
    put_count(out, plain.directory.len() + slash.len() + plain.name.len());
    for piece in [plain.directory, slash, plain.name] {
        out.extend_from_slice(piece);
    }
    put_count(out, plain.reference.is_some().into());
    if let Some(reference) = &plain.reference {
        put_reference(out, reference);
    }
}

/// When it was told, sizes, unseen links.
fn put_numbers<const N: usize>(
    out: &mut Vec<u8>,
    at: u64,
    sizes: [Option<u64>; N],
    unseen_links: u64,
) {
    put_number(out, at);
    for size in sizes.into_iter().flatten() {
        put_number(out, size.rotate_right(SECTOR));
    }
    some(unseen_links).into_iter().for_each(|links| put_number(out, links));
}

/// Sizes are nearly always whole sectors of 2^9 bytes: turned round by as much, they are small numbers.
const SECTOR: u32 = 9;

/// A number that is nearly always zero, where it is not.
pub(super) fn some(number: u64) -> Option<u64> {
    Some(number).filter(|number| *number > 0)
}

fn put_reference(out: &mut Vec<u8>, edge: &NameOf<'_>) {
    let rule = RULES.iter().position(|rule| *rule == edge.rule).unwrap_or(0);
    let flag = |wanted: bool, flag: u8| if wanted { flag } else { 0 };
    let traits = flag(edge.kind == EdgeKind::DataFile, DATA_FILE)
        | flag(edge.certainty == Certainty::Possible, POSSIBLE)
        | flag(edge.ends_chain, ENDS)
        | flag(edge.format.is_some(), FORMAT);
    out.push(traits | u8::try_from(rule << RULE).unwrap_or(0));
    if let Some(format) = edge.format {
        match (0..).zip(USUAL).find(|(_, usual)| *usual == format) {
            Some((code, _)) => out.push(code),
            None => {
                out.push(u8::MAX);
                put_bytes(out, format);
            }
        }
    }
    put_bytes(out, edge.name);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_count(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    put_number(out, count as u64);
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(low(number) | 0x80);
        number >>= 7;
    }
    out.push(low(number));
}

fn low(number: u64) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or(0)
}

/// Reads a text from the front. What is asked of it beyond its end is nothing, or zero: no text that was
/// written here ends early.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'t>(pub(super) &'t [u8]);

impl<'t> Reader<'t> {
    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    #[inline]
    pub(super) fn number(&mut self) -> u64 {
        let mut number = 0;
        let mut bits = 0;
        loop {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f).checked_shl(bits).unwrap_or(0);
            bits += 7;
            if byte & 0x80 == 0 {
                return number;
            }
        }
    }

    pub(super) fn size(&mut self) -> u64 {
        self.number().rotate_left(SECTOR)
    }

    pub(super) fn count(&mut self) -> usize {
        usize::try_from(self.number()).unwrap_or(0)
    }

    #[inline]
    pub(super) fn bytes(&mut self) -> &'t [u8] {
        let count = self.count().min(self.0.len());
        let (bytes, rest) = self.0.split_at(count);
        self.0 = rest;
        bytes
    }

    pub(super) fn device(&mut self) -> u64 {
        let Some((device, rest)) = self.0.split_first_chunk() else { return 0 };
        self.0 = rest;
        u64::from_le_bytes(*device)
    }

    /// The references, read up to where their number stands.
    pub(super) fn references(mut self) -> Named<'t> {
        let count = self.count();
        Named { count, rest: self.0 }
    }
}

/// The references of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'t> {
    pub(super) count: usize,
    rest: &'t [u8],
}

/// One reference, without what it leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NameOf<'t> {
    pub(crate) kind: EdgeKind,
    pub(crate) certainty: Certainty,
    pub(crate) ends_chain: bool,
    pub(crate) rule: Rule,
    pub(crate) format: Option<&'t [u8]>,
    pub(crate) name: &'t [u8],
}

impl<'t> NameOf<'t> {
    pub(super) fn of(edge: &'t EdgeFacts) -> Self {
        let EdgeFacts { kind, target: _, name, format, rule, certainty, ends_chain } = edge;
        let (kind, certainty, ends_chain, rule) = (*kind, *certainty, *ends_chain, *rule);
        Self { kind, certainty, ends_chain, rule, format: format.as_deref(), name }
    }
}

impl<'t> Named<'t> {
    /// The one at a position. O(1).
    pub(super) fn at(&self, position: usize) -> Option<NameOf<'t>> {
        if position >= self.count {
            return None;
        }
        let offset = match self.count {
            1 => 0,
            _ => u32::from_le_bytes(*self.rest.get(4 * position..)?.first_chunk()?),
        };
        let mut reader = Reader(self.rest.get(usize::try_from(offset).ok()?..)?);
        let traits = reader.byte();
        let format = (traits & FORMAT != 0).then(|| match reader.byte() {
            u8::MAX => reader.bytes(),
            code => USUAL.get(usize::from(code)).copied().unwrap_or_default(),
        });
        Some(NameOf {
            kind: if traits & DATA_FILE == 0 { EdgeKind::Backing } else { EdgeKind::DataFile },
            certainty: match traits & POSSIBLE {
                0 => Certainty::Certain,
                _ => Certainty::Possible,
            },
            ends_chain: traits & ENDS != 0,
            rule: RULES[usize::from((traits & !FORMAT) >> RULE).min(RULES.len() - 1)],
            format,
            name: reader.bytes(),
        })
    }
}

/// A format as facts hold it: the usual ones ask for no room.
pub(crate) fn format_of(format: &[u8]) -> Cow<'static, [u8]> {
    match USUAL.into_iter().find(|usual| *usual == format) {
        Some(usual) => Cow::Borrowed(usual),
        None => Cow::Owned(format.to_vec()),
    }
}
