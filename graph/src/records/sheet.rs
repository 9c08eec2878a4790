//! The records of some slots that follow each other, and one text for all of them.

use diskdag_qcow2::Foreign;
use triomphe::Arc as Shared;

use super::known::Known;
use super::pile::Packed;
use super::plain::Plain;
use super::text;
use crate::facts::{DependencyKnowledge, Facts, Finding, Format, Key, State};

/// Slots of one sheet.
pub(super) const SHEET: u32 = 64;
/// Texts of more bytes lie by themselves, so that a sheet is cheap to copy.
pub(super) const LONG: usize = 4096;
/// By how much the text of a sheet grows at least.
const ROOM: usize = 64;

/// What is known of one slot, but for its text. 24 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Record {
    pub(super) inode: u64,
    pub(super) device: u32,
    pub(super) bits: u32,
    /// Where its part of the text begins, and the room that it has there.
    pub(super) start: u32,
    pub(super) room: u32,
}

/// From the lowest bit: format (5), state (3), and these.
pub(super) const FORMAT: u32 = 31;
const QCOW2: u32 = 1;
pub(super) const STATE: u32 = 5;
pub(super) const KNOWN: u32 = 1 << 8;
pub(super) const UNKNOWN_NEEDS: u32 = 1 << 9;
pub(super) const IN_SCOPE: u32 = 1 << 10;
/// The key is a name.
pub(super) const NAME: u32 = 1 << 11;
/// The device number stands in the text.
pub(super) const WIDE: u32 = 1 << 12;
pub(super) const VIRTUAL: u32 = 1 << 13;
pub(super) const ACTUAL: u32 = 1 << 14;
pub(super) const LENGTH: u32 = 1 << 15;
pub(super) const UNSEEN: u32 = 1 << 16;
pub(super) const REFLINKED: u32 = 1 << 17;
/// There is something unusual.
const ASIDE: u32 = 1 << 18;

pub(super) const STATES: [State; 7] = [
    State::Ok,
    State::Missing,
    State::Unreadable,
    State::Refused,
    State::Remote,
    State::Opaque,
    State::NotAFile,
];

/// What few disks have.
#[derive(Debug, Default)]
pub(super) struct Aside {
    pub(super) reason: Option<Box<str>>,
    pub(super) findings: Vec<Finding>,
    /// The whole text, where it is long.
    pub(super) text: Option<Box<[u8]>>,
}

/// The records of [`SHEET`] slots.
#[derive(Clone, Debug)]
pub(super) struct Sheet {
    records: [Record; SHEET as usize],
    text: Vec<u8>,
    /// Bytes of `text` that are nobody's, or a free slot's.
    waste: usize,
    aside: Vec<(u32, Shared<Aside>)>,
}

impl Default for Sheet {
    fn default() -> Self {
        let records = [Record::default(); SHEET as usize];
        Self { records, text: Vec::new(), waste: 0, aside: Vec::new() }
    }
}

impl Sheet {
    #[inline]
    pub(super) fn known(&self, at: u32) -> Option<Known<'_>> {
        let record = &self.records[at as usize];
        if record.bits & KNOWN == 0 {
            return None;
        }
        let aside = if record.has_aside() { self.aside(at) } else { None };
        let text = &self.text[record.start as usize..][..record.room as usize];
        Some(Known::of(record, text, aside))
    }

    fn aside(&self, at: u32) -> Option<&Aside> {
        self.aside.iter().find(|(of, _)| *of == at).map(|(_, aside)| &**aside)
    }

    /// Makes `facts`, whose text this is, what is known.
    pub(super) fn put(&mut self, at: u32, facts: &Facts, text: &[u8]) {
        self.drop_aside(at);
        let record = &mut self.records[at as usize];
        if record.bits & KNOWN == 0 {
            self.waste -= record.room as usize;
        }
        let aside = aside_of(facts, text);
        *record =
            Record { start: record.start, room: record.room, ..Record::of(facts, aside.is_some()) };
        self.aside.extend(aside.map(|aside| (at, Shared::new(aside))));
        self.write(at, if text.len() > LONG { &[] } else { text });
    }

    /// These records, one behind the other.
    pub(super) fn of(all: &[Packed<'_>]) -> Self {
        let mut sheet = Self::default();
        sheet.text.reserve_exact(all.iter().map(|packed| packed.text.len()).sum());
        for (Packed { record, aside, text }, at) in all.iter().zip(0..) {
            let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
            let (start, room) = (number(sheet.text.len()), number(text.len()));
            sheet.records[at as usize] = Record { start, room, ..**record };
            sheet.text.extend_from_slice(text);
            sheet.aside.extend(aside.map(|aside| (at, Shared::clone(aside))));
        }
        sheet
    }

    pub(super) fn clear(&mut self, at: u32) {
        self.drop_aside(at);
        let record = &mut self.records[at as usize];
        if record.bits & KNOWN == 0 {
            return;
        }
        // Its room stays: the slot is the next to be taken again.
        self.waste += record.room as usize;
        record.bits = 0;
        let is_known = |record: &Record| record.bits & KNOWN != 0;
        if self.waste == self.text.len() && !self.records.iter().any(is_known) {
            self.records = [Record::default(); SHEET as usize];
            self.waste = 0;
            self.text.clear();
            self.text.shrink_to(4 * ROOM);
        }
    }

    fn drop_aside(&mut self, at: u32) {
        if self.records[at as usize].has_aside() {
            self.aside.retain(|(of, _)| *of != at);
        }
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.text.capacity()
    }

    /// Writes a text into the room that is there, or behind all others.
    fn write(&mut self, at: u32, text: &[u8]) {
        let record = &mut self.records[at as usize];
        if text.len() > record.room as usize {
            self.waste += record.room as usize;
            record.room = 0;
            if self.waste > self.text.len() / 2 {
                self.compact();
            }
            if self.text.capacity() - self.text.len() < text.len() {
                // Doubled, half of it would stay empty for long.
                self.text.reserve_exact(text.len().max(ROOM).max(self.text.len() / 16));
            }
            let record = &mut self.records[at as usize];
            // No text is longer than LONG, and half of all is wasted at most.
            record.start = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
            record.room = u32::try_from(text.len()).unwrap_or(0);
            self.text.extend_from_slice(text);
        } else {
            self.text[record.start as usize..][..text.len()].copy_from_slice(text);
        }
    }

    /// Moves all texts together, without what is wasted and without the room of free slots.
    fn compact(&mut self) {
        let mut text = Vec::with_capacity(self.text.len() - self.waste + ROOM);
        for record in &mut self.records {
            let own = &self.text[record.start as usize..][..record.room as usize];
            if record.bits & KNOWN == 0 {
                (record.start, record.room) = (0, 0);
            } else {
                record.start = u32::try_from(text.len()).unwrap_or(u32::MAX);
                text.extend_from_slice(own);
            }
        }
        self.text = text;
        self.waste = 0;
    }
}

/// What is unusual about a disk, and its text if that is long.
pub(super) fn aside_of(facts: &Facts, text: &[u8]) -> Option<Aside> {
    let is_long = text.len() > LONG;
    let is_odd = facts.reason.is_some() || !facts.findings.is_empty();
    (is_long || is_odd).then(|| Aside {
        reason: facts.reason.clone(),
        findings: facts.findings.clone(),
        text: is_long.then(|| text.into()),
    })
}

fn bits(facts: &Facts) -> u32 {
    let flag = |wanted: bool, flag: u32| if wanted { flag } else { 0 };
    let state = (0..).zip(STATES).find(|(_, state)| *state == facts.state);
    let is_wide = matches!(facts.key, Key::File { device, .. } if u32::try_from(device).is_err());
    KNOWN
        | format_code(facts.format)
        | state.map_or(0, |(code, _)| code) << STATE
        | flag(facts.dependencies == DependencyKnowledge::Unknown, UNKNOWN_NEEDS)
        | flag(facts.in_scope, IN_SCOPE)
        | flag(matches!(facts.key, Key::Name(_)), NAME)
        | flag(is_wide, WIDE)
        | flag(facts.virtual_size.is_some(), VIRTUAL)
        | flag(facts.actual_size.is_some(), ACTUAL)
        | flag(facts.length.is_some(), LENGTH)
        | flag(text::some(facts.unseen_links).is_some(), UNSEEN)
        | flag(text::some(facts.reflinked).is_some(), REFLINKED)
}

fn format_code(format: Format) -> u32 {
    match format {
        Format::Unknown => 0,
        Format::Qcow2 => QCOW2,
        Format::Raw => 2,
        Format::Other => 3,
        Format::Foreign(foreign) => {
            let code = (4..).zip(Foreign::ALL).find(|(_, one)| *one == foreign);
            code.map_or(3, |(code, _)| code)
        }
    }
}

impl Record {
    /// Of these facts, without a place for their text.
    pub(super) fn of(facts: &Facts, has_aside: bool) -> Self {
        let (device, inode) = match facts.key {
            Key::File { device, inode } => (u32::try_from(device).unwrap_or(0), inode),
            Key::Name(_) => (0, 0),
        };
        let aside = if has_aside { ASIDE } else { 0 };
        Self { inode, device, bits: bits(facts) | aside, start: 0, room: 0 }
    }

    /// Of a plain disk, without a place for its text.
    pub(super) fn plain(plain: &Plain<'_>) -> Self {
        let flag = |wanted: bool, flag: u32| if wanted { flag } else { 0 };
        let device = u32::try_from(plain.device);
        let bits = KNOWN
            | QCOW2
            | VIRTUAL
            | ACTUAL
            | LENGTH
            | flag(plain.in_scope, IN_SCOPE)
            | flag(device.is_err(), WIDE)
            | flag(plain.unseen_links > 0, UNSEEN);
        Self { inode: plain.inode, device: device.unwrap_or(0), bits, start: 0, room: 0 }
    }

    pub(super) fn has_aside(&self) -> bool {
        self.bits & ASIDE != 0
    }

    pub(super) fn format(&self) -> Format {
        match self.bits & FORMAT {
            0 => Format::Unknown,
            QCOW2 => Format::Qcow2,
            2 => Format::Raw,
            3 => Format::Other,
            code => {
                let foreign = Foreign::ALL.get(code as usize - 4).copied();
                foreign.map_or(Format::Other, Format::Foreign)
            }
        }
    }

    pub(super) fn state(&self) -> State {
        STATES[(self.bits >> STATE & 7) as usize % STATES.len()]
    }

    /// Whether the bits say the same as these facts would.
    pub(super) fn has_bits_of(&self, facts: &Facts) -> bool {
        self.bits & !ASIDE == bits(facts)
    }
}
