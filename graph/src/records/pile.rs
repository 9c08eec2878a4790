//! Records of disks that have no slots yet.

use triomphe::Arc as Shared;

use super::Records;
use super::sheet::{Aside, LONG, Record, SHEET, Sheet, UNKNOWN_NEEDS, aside_of};
use super::text;
use crate::facts::Facts;
use crate::pages::Paged;

/// Records one behind the other, and one text for all of them.
#[derive(Debug, Default)]
pub(crate) struct Pile {
    all: Vec<Packed>,
    text: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Packed {
    record: Record,
    aside: Option<Shared<Aside>>,
    /// Where its text begins. It ends where the next one's does.
    start: usize,
}

impl Pile {
    pub(crate) fn with_capacity(disks: usize) -> Self {
        Self { all: Vec::with_capacity(disks), text: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Adds a record of `facts`, told at a time.
    pub(crate) fn push(&mut self, facts: &Facts, at: u64) {
        let start = self.text.len();
        text::put_facts(&mut self.text, facts, at);
        let text = self.text.get(start..).unwrap_or_default();
        let aside = aside_of(facts, text).map(Shared::new);
        if text.len() > LONG {
            self.text.truncate(start);
        }
        self.all.push(Packed { record: Record::of(facts, aside.is_some()), aside, start });
    }

    /// Adds a record of another pile.
    pub(crate) fn copy(&mut self, from: &Self, at: usize) {
        let Some(packed) = from.all.get(at) else { return };
        self.all.push(Packed { start: self.text.len(), ..packed.clone() });
        self.text.extend_from_slice(from.text(at));
    }

    fn text(&self, at: usize) -> &[u8] {
        let start = |at: usize| self.all.get(at).map(|packed| packed.start);
        let end = start(at + 1).unwrap_or(self.text.len());
        start(at).and_then(|start| self.text.get(start..end)).unwrap_or_default()
    }

    /// The references of this one are all that it needs, whatever was said before.
    pub(crate) fn complete(&mut self, at: usize) {
        if let Some(packed) = self.all.get_mut(at) {
            packed.record.bits &= !UNKNOWN_NEEDS;
        }
    }
}

impl Records {
    /// The records of slots from 0 on, in the order of these piles.
    pub(crate) fn of(piles: &[Pile]) -> Self {
        let all = piles.iter().flat_map(|pile| (0..pile.len()).map(move |at| (pile, at)));
        let mut all = all.peekable();
        let mut records = Self::default();
        let mut sheet = 0;
        while all.peek().is_some() {
            let some: Vec<_> = all.by_ref().take(SHEET as usize).collect();
            let packed = some.iter().filter_map(|(pile, at)| {
                let Packed { record, aside, .. } = pile.all.get(*at)?;
                Some((record, aside, pile.text(*at)))
            });
            *records.sheets.at(sheet) = Sheet::of(packed);
            sheet += 1;
        }
        records
    }
}
