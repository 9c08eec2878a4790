//! What is known of each disk, packed: a record of 24 bytes, and a text of what has no fixed length.
//!
//! A host's disks are much alike: a few paths, one reference, sizes, nothing odd. [`Facts`] have room for
//! everything that may be said of one, in ten boxes; a million of those are half a gigabyte that is hardly
//! ever looked at. So they are taken apart when they are told ([`text`]), and read where they lie
//! ([`Known`]). Records of [`SHEET`] slots share one [`sheet`], which versions share until one writes.
//! What is unusual (a reason, findings, texts of many kilobytes) is put aside in boxes of its own.
//!
//! What a reference leads to is not here: the edges say that, and the record of their target its key.

mod known;
mod pile;
mod plain;
mod sheet;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use known::{Known, Paths, as_path};
pub(crate) use pile::{InPile, Pile};
pub(crate) use plain::Plain;
use sheet::{SHEET, Sheet};
pub(crate) use text::{NameOf, format_of};

use crate::facts::Facts;
use crate::pages::{Paged, Pages};

/// Records by slot.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    sheets: Pages<Sheet, 1>,
    /// Room for the text that is being made. Empty in between.
    room: Vec<u8>,
}

impl Default for Records {
    fn default() -> Self {
        Self { sheets: Pages::of(Sheet::default()), room: Vec::new() }
    }
}

impl Records {
    /// What is known of a slot; nothing of one that is free.
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<Known<'_>> {
        self.sheets.get(slot / SHEET).known(slot % SHEET)
    }

    /// Makes `facts`, told at a time, what is known of a slot. Their references are to become its edges.
    pub(crate) fn put(&mut self, slot: u32, facts: &Facts, at: u64) {
        text::put_facts(&mut self.room, facts, at);
        self.sheets.at(slot / SHEET).put(slot % SHEET, facts, &self.room);
        self.room.clear();
    }

    /// Forgets what is known of a slot.
    pub(crate) fn clear(&mut self, slot: u32) {
        self.sheets.at(slot / SHEET).clear(slot % SHEET);
    }
}

impl Known<'_> {
    /// Whether it was told exactly these facts, but for what their references lead to.
    pub(crate) fn is_as_in(&self, facts: &Facts) -> bool {
        let mut room = Vec::new();
        text::put_facts(&mut room, facts, self.told());
        self.is_of(facts, &room)
    }
}
