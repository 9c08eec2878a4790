//! Records of disks that have no slots yet.

use triomphe::Arc as Shared;

use super::Records;
use super::known::Known;
use super::sheet::{Aside, LONG, Record, SHEET, Sheet, UNKNOWN_NEEDS, aside_of};
use super::text;
use crate::facts::Facts;
use crate::pages::Paged;

/// Records one behind the other, each with its place in a text.
#[derive(Debug, Default)]
pub(crate) struct Pile {
    pub(super) records: Vec<Record>,
    /// One for so many records that each has its place in 4 GiB.
    texts: Vec<Vec<u8>>,
    /// What is unusual, by the position of its record.
    aside: Vec<(usize, Shared<Aside>)>,
}

/// Records that share a text, each of which takes [`LONG`] bytes of it at most.
const SHARE: usize = 1 << 16;
const _: () = assert!(SHARE * LONG <= u32::MAX as usize, "each place is a number of 32 bits");

/// Where a record is: in which pile, and its position there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InPile {
    pub(crate) pile: u32,
    pub(crate) at: u32,
}

/// A record on its way into a sheet.
pub(super) struct Packed<'p> {
    pub(super) record: &'p Record,
    pub(super) aside: Option<&'p Shared<Aside>>,
    /// Empty where it lies aside.
    pub(super) text: &'p [u8],
}

impl Pile {
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Adds a record of `facts`, told at a time.
    pub(crate) fn push(&mut self, facts: &Facts, at: u64) {
        let position = self.records.len();
        let all = self.room();
        let start = all.len();
        text::put_facts(all, facts, at);
        let aside = aside_of(facts, &all[start..]);
        if all.len() - start > LONG {
            all.truncate(start);
        }
        let (start, room) = (number(start), number(all.len() - start));
        self.records.push(Record { start, room, ..Record::of(facts, aside.is_some()) });
        self.aside.extend(aside.map(|aside| (position, Shared::new(aside))));
    }

    /// The text that the next record shares.
    pub(super) fn room(&mut self) -> &mut Vec<u8> {
        let share = self.records.len() / SHARE;
        if self.texts.len() <= share {
            self.texts.push(Vec::new());
        }
        &mut self.texts[share]
    }

    fn packed(&self, at: usize) -> Option<Packed<'_>> {
        let record = self.records.get(at)?;
        let aside = match record.has_aside() {
            true => self.aside.binary_search_by_key(&at, |(of, _)| *of).ok(),
            false => None,
        };
        let aside = aside.map(|at| &self.aside[at].1);
        let text = &self.texts[at / SHARE][record.start as usize..][..record.room as usize];
        Some(Packed { record, aside, text })
    }

    /// What is known of the disk at a position.
    pub(crate) fn known(&self, at: usize) -> Option<Known<'_>> {
        let Packed { record, aside, text } = self.packed(at)?;
        Some(Known::of(record, text, aside.map(|aside| &**aside)))
    }

    /// The references of this one are all that it needs, whatever was said before.
    pub(crate) fn complete(&mut self, at: usize) {
        if let Some(record) = self.records.get_mut(at) {
            record.bits &= !UNKNOWN_NEEDS;
        }
    }
}

/// A place in a text, or a length there.
pub(super) fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Records {
    /// The records of slots from 0 on, from where they are in these piles. O(records).
    pub(crate) fn of(piles: &[Pile], places: &[InPile]) -> Self {
        let mut records = Self::default();
        let packed = |place: &InPile| piles.get(place.pile as usize)?.packed(place.at as usize);
        for (places, sheet) in places.chunks(SHEET as usize).zip(0..) {
            let packed: Vec<Packed<'_>> = places.iter().filter_map(packed).collect();
            *records.sheets.at(sheet) = Sheet::of(&packed);
        }
        records
    }
}
