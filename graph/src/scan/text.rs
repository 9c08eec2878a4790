//! Names in one long buffer, so that a name costs no allocation of its own.

/// Where a name lies in a [`Text`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    at: usize,
    len: usize,
}

impl Span {
    pub(crate) fn shifted(self, offset: usize) -> Self {
        Self { at: self.at + offset, ..self }
    }
}

/// The buffer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    bytes: Vec<u8>,
}

impl Text {
    pub(crate) fn add(&mut self, name: &[u8]) -> Span {
        let span = Span { at: self.bytes.len(), len: name.len() };
        self.bytes.extend_from_slice(name);
        span
    }

    pub(crate) fn get(&self, span: Span) -> &[u8] {
        self.bytes.get(span.at..span.at + span.len).unwrap_or_default()
    }

    /// Puts `other` behind this one, and says by how much that shifts its spans.
    pub(crate) fn append(&mut self, other: &Self) -> usize {
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        offset
    }
}
