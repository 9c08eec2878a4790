//! What the file system said last.
#![forbid(unsafe_code)]

use std::io;

use super::{Source, Span};

/// Asks a source where data and holes are, and remembers its last answer: for readers from front to back.
#[derive(Debug, Default)]
pub(crate) struct Spans(Option<(u64, Span)>);

impl Spans {
    /// The span at `offset`; always of the same source.
    pub(crate) fn at(&mut self, source: &dyn Source, offset: u64) -> io::Result<Span> {
        if let Some((from, span)) = self.0
            && (from..span.end()).contains(&offset)
        {
            return Ok(span);
        }
        let span = source.span(offset)?;
        self.0 = Some((offset, span));
        Ok(span)
    }
}
