//! What is known of one disk, read where it lies.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::sheet::{
    ACTUAL, Aside, IN_SCOPE, LENGTH, NAME, REFLINKED, Record, UNKNOWN_NEEDS, UNSEEN, VIRTUAL, WIDE,
};
use super::text::{NameOf, Named, Reader};
use crate::facts::{DependencyKnowledge, EdgeFacts, Facts, Finding, Format, KeyRef, State};

/// What is known of one disk. Reading a piece of the text passes over those before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'g> {
    record: &'g Record,
    text: &'g [u8],
    aside: Option<&'g Aside>,
}

/// The numbers of a text, and what stands behind them.
#[derive(Clone, Copy)]
struct Numbers<'g> {
    told: u64,
    virtual_size: Option<u64>,
    actual_size: Option<u64>,
    length: Option<u64>,
    unseen: u64,
    reflinked: u64,
    paths: Paths<'g>,
}

/// The paths of a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paths<'g> {
    left: usize,
    rest: Reader<'g>,
}

impl<'g> Iterator for Paths<'g> {
    type Item = &'g Path;

    fn next(&mut self) -> Option<&'g Path> {
        self.left = self.left.checked_sub(1)?;
        Some(as_path(self.rest.bytes()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Paths<'_> {}

/// The bytes of a path as a path.
pub(crate) fn as_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

impl<'g> Known<'g> {
    /// A long text lies aside.
    #[inline]
    pub(super) fn of(record: &'g Record, text: &'g [u8], aside: Option<&'g Aside>) -> Self {
        let text = aside.and_then(|aside| aside.text.as_deref()).unwrap_or(text);
        Self { record, text, aside }
    }

    fn has(&self, bit: u32) -> bool {
        self.record.bits & bit != 0
    }

    #[inline]
    fn key_and_rest(&self) -> (KeyRef<'g>, Reader<'g>) {
        let mut rest = Reader(self.text);
        let Record { inode, device, .. } = *self.record;
        let key = match self.record.bits & (NAME | WIDE) {
            0 => KeyRef::File { device: device.into(), inode },
            WIDE => KeyRef::File { device: rest.device(), inode },
            _ => KeyRef::Name(rest.bytes()),
        };
        (key, rest)
    }

    fn numbers(&self) -> Numbers<'g> {
        let (_, mut rest) = self.key_and_rest();
        let told = rest.number();
        let mut size = |bit| self.has(bit).then(|| rest.size());
        let (virtual_size, actual_size) = (size(VIRTUAL), size(ACTUAL));
        let (length, reflinked) = (size(LENGTH), size(REFLINKED).unwrap_or(0));
        let unseen = if self.has(UNSEEN) { rest.number() } else { 0 };
        let paths = Paths { left: rest.count(), rest };
        Numbers { told, virtual_size, actual_size, length, unseen, reflinked, paths }
    }

    fn references(&self) -> Named<'g> {
        let mut paths = self.paths();
        while paths.next().is_some() {}
        paths.rest.references()
    }

    #[inline]
    pub(crate) fn key(&self) -> KeyRef<'g> {
        self.key_and_rest().0
    }

    /// When it was told: of several disks that claim one path the last that was told is found.
    pub(crate) fn told(&self) -> u64 {
        self.numbers().told
    }

    pub(crate) fn paths(&self) -> Paths<'g> {
        self.numbers().paths
    }

    pub(crate) fn format(&self) -> Format {
        self.record.format()
    }

    #[inline]
    pub(crate) fn state(&self) -> State {
        self.record.state()
    }

    /// Whether it may need what nobody could name.
    #[inline]
    pub(crate) fn is_doubtful(&self) -> bool {
        self.has(UNKNOWN_NEEDS)
    }

    pub(crate) fn reason(&self) -> Option<&'g str> {
        self.aside?.reason.as_deref()
    }

    pub(crate) fn virtual_size(&self) -> Option<u64> {
        self.numbers().virtual_size
    }

    pub(crate) fn actual_size(&self) -> Option<u64> {
        self.numbers().actual_size
    }

    pub(crate) fn length(&self) -> Option<u64> {
        self.numbers().length
    }

    pub(crate) fn reflinked(&self) -> u64 {
        self.numbers().reflinked
    }

    /// Allocated bytes that go with all known paths: none while there are others.
    pub(crate) fn exclusive_bytes(&self) -> u64 {
        let Numbers { actual_size, unseen, reflinked, .. } = self.numbers();
        let own = actual_size.unwrap_or(0);
        if unseen > 0 { 0 } else { own.saturating_sub(reflinked) }
    }

    pub(crate) fn in_scope(&self) -> bool {
        self.has(IN_SCOPE)
    }

    /// Whether it is a file that lies out of the scope. Of what is no file, or cannot be looked at, the path says
    /// nothing of where it lies.
    #[inline]
    pub(crate) fn lies_outside(&self) -> bool {
        let is_file = match self.state() {
            State::Ok => true,
            State::Unreadable => !self.has(NAME),
            _ => false,
        };
        is_file && !self.in_scope()
    }

    pub(crate) fn findings(&self) -> &'g [Finding] {
        self.aside.map_or(&[], |aside| &aside.findings)
    }

    /// A reference by its position, without what it leads to.
    pub(crate) fn reference(&self, position: usize) -> Option<NameOf<'g>> {
        self.references().at(position)
    }

    /// The references in their order, each with what it leads to.
    pub(crate) fn references_to<T>(
        &self,
        targets: impl IntoIterator<Item = T>,
    ) -> impl Iterator<Item = (NameOf<'g>, T)> {
        let references = self.references();
        targets.into_iter().enumerate().filter_map(move |(at, to)| Some((references.at(at)?, to)))
    }

    /// All of it as it was told; with these references.
    pub(crate) fn facts(&self, references: Vec<EdgeFacts>) -> Facts {
        let Numbers { virtual_size, actual_size, length, unseen, reflinked, paths, .. } =
            self.numbers();
        Facts {
            key: self.key().to_key(),
            paths: paths.map(Into::into).collect(),
            format: self.format(),
            state: self.state(),
            reason: self.reason().map(Into::into),
            virtual_size,
            actual_size,
            length,
            unseen_links: unseen,
            reflinked,
            references,
            dependencies: match self.has(UNKNOWN_NEEDS) {
                true => DependencyKnowledge::Unknown,
                false => DependencyKnowledge::Complete,
            },
            findings: self.findings().to_vec(),
            in_scope: self.in_scope(),
        }
    }

    /// Whether it is of these facts, whose text this is.
    pub(super) fn is_of(&self, facts: &Facts, text: &[u8]) -> bool {
        self.record.has_bits_of(facts)
            && self.key() == facts.key.as_ref()
            && self.reason() == facts.reason.as_deref()
            && self.findings() == facts.findings
            // One text never begins with another.
            && self.text.starts_with(text)
    }
}
