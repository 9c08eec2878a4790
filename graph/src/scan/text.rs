//! Names in one long buffer, so that a name costs no allocation of its own.

use std::ffi::CStr;

/// Where a name lies in a [`Text`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    at: u32,
    len: u32,
}

impl Span {
    pub(crate) fn new(at: u32, len: u32) -> Self {
        Self { at, len }
    }

    pub(crate) fn parts(self) -> (u32, u32) {
        (self.at, self.len)
    }
}

/// The buffer, for less than 4 GiB: a few hundred names, and what as many headers hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    bytes: Vec<u8>,
}

impl Text {
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn add(&mut self, name: &[u8]) -> Span {
        let number = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        let span = Span { at: number(self.bytes.len()), len: number(name.len()) };
        self.bytes.extend_from_slice(name);
        span
    }

    /// The same with a NUL behind the name, which is not counted.
    pub(crate) fn add_with_nul(&mut self, name: &CStr) -> Span {
        let span = self.add(name.to_bytes());
        self.bytes.push(0);
        span
    }

    #[inline]
    pub(crate) fn get(&self, span: Span) -> &[u8] {
        let at = span.at as usize;
        self.bytes.get(at..at + span.len as usize).unwrap_or_default()
    }

    /// A name that was added with a NUL.
    pub(crate) fn get_with_nul(&self, span: Span) -> Option<&CStr> {
        CStr::from_bytes_with_nul(self.get_and_next(span)?).ok()
    }

    /// A name and the byte behind it.
    pub(crate) fn get_and_next(&self, span: Span) -> Option<&[u8]> {
        let at = span.at as usize;
        self.bytes.get(at..at + span.len as usize + 1)
    }
}

/// Bytes from an image or a directory as text that no terminal takes for anything else.
pub(crate) fn printable(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                '"' | '\'' => text.push(character),
                other => text.extend(other.escape_debug()),
            }
        }
        for byte in chunk.invalid() {
            // Writing to a String does not fail.
            write!(text, "\\x{byte:02x}").unwrap_or_default();
        }
    }
    text
}
