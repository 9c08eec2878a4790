//! What is known of names: entries, in parts that belong to one directory each.

use std::ffi::CStr;
use std::sync::OnceLock;

use crate::scan::content::Content;
use crate::scan::text::{Span, Text};
use crate::sys::Measures;

/// Some entries of one directory, with a text of their own: what one worker reads at a time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    /// The names of the files, and the names that they hold.
    pub(crate) text: Text,
    pub(crate) entries: Vec<Entry>,
    /// Made when it is first asked for; nothing is added to a part after that.
    tally: OnceLock<Tally>,
}

/// What is in a part, counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) files: u64,
    pub(crate) images: u64,
    /// Entries that may change without being told.
    pub(crate) untold: u64,
}

/// One name of one regular file, or a symbolic link.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// With a NUL behind it, which is not counted.
    pub(crate) name: Span,
    pub(crate) is_symlink: bool,
    /// A change after it was read would show in its measures.
    pub(crate) is_settled: bool,
    /// Of what a symbolic link leads to. Nothing where not even that could be learned.
    pub(crate) measures: Option<Measures>,
    pub(crate) content: Content,
}

impl Part {
    pub(crate) fn new(text: Text, entries: Vec<Entry>) -> Self {
        Self { text, entries, tally: OnceLock::new() }
    }

    pub(crate) fn tally(&self) -> Tally {
        *self.tally.get_or_init(|| {
            let mut tally = Tally::default();
            for entry in &self.entries {
                tally.files += u64::from(!matches!(entry.content, Content::Elsewhere));
                tally.images += u64::from(matches!(entry.content, Content::Image(_)));
                tally.untold += u64::from(!entry.is_told());
            }
            tally
        })
    }

    pub(crate) fn name(&self, entry: &Entry) -> &[u8] {
        self.text.get(entry.name)
    }

    /// The name as the system wants it.
    pub(crate) fn c_name(&self, entry: &Entry) -> Option<&CStr> {
        self.text.get_with_nul(entry.name)
    }

    /// Adds an entry; the spans in `content` are of this part already.
    pub(crate) fn push(
        &mut self,
        name: &CStr,
        is_symlink: bool,
        measures: Option<Measures>,
        is_settled: bool,
        content: Content,
    ) {
        let name = self.text.add_with_nul(name);
        self.entries.push(Entry { name, is_symlink, is_settled, measures, content });
    }

    /// Takes over an entry of another part.
    pub(crate) fn keep(&mut self, from: &Self, entry: &Entry, measures: Measures) {
        let Some(name) = from.c_name(entry) else { return };
        let content = entry.content.moved(&from.text, &mut self.text);
        self.push(name, entry.is_symlink, Some(measures), entry.is_settled, content);
    }

    /// Takes over an entry of another part as it is.
    pub(crate) fn copy(&mut self, from: &Self, entry: &Entry) {
        let Some(name) = from.c_name(entry) else { return };
        let content = entry.content.moved(&from.text, &mut self.text);
        self.push(name, entry.is_symlink, entry.measures, entry.is_settled, content);
    }

    /// The same without one of the entries.
    pub(crate) fn without(&self, position: usize) -> Self {
        let mut entries = self.entries.clone();
        if position < entries.len() {
            entries.remove(position);
        }
        Self::new(self.text.clone(), entries)
    }
}

impl Entry {
    /// Whether no change of it can go untold while its directory is watched: not so what a symbolic
    /// link leads to, nor a file that can be written to under another name.
    pub(crate) fn is_told(&self) -> bool {
        let is_known =
            matches!(self.content, Content::Image(_) | Content::Other(_) | Content::Broken(_));
        is_known && !self.is_symlink && self.measures.is_some_and(|measures| measures.links == 1)
    }

    /// Whether what is known of it holds for a file with these measures.
    pub(crate) fn holds_for(&self, now: &Measures) -> bool {
        let is_known =
            matches!(self.content, Content::Image(_) | Content::Other(_) | Content::Broken(_));
        let before = self.measures.as_ref();
        self.is_settled && is_known && before.is_some_and(|before| now.is_unchanged_since(before))
    }
}
