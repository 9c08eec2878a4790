//! Where answers go: standard output, buffered, where a reader that has gone away is no error;
//! and what is said beside them, on standard error.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use anstream::ColorChoice;

use crate::args::Color;
use crate::escape;
use crate::text::Styles;

/// Standard output, and the notices that follow on standard error.
pub(crate) struct Output {
    stream: BufWriter<Forgiving<StdoutLock<'static>>>,
    notices: Vec<String>,
    /// Something was said.
    has_begun: bool,
    /// Print JSON.
    pub(crate) json: bool,
    /// How text on standard output looks.
    pub(crate) style: Styles,
}

impl Output {
    /// Standard output, in colour if `color` or the terminal says so.
    pub(crate) fn new(json: bool, color: Color) -> Self {
        let stdout = io::stdout();
        let style =
            Styles::new(!json && is_coloured(color, || anstream::AutoStream::choice(&stdout)));
        let stream = BufWriter::with_capacity(1 << 16, Forgiving::new(stdout.lock()));
        Self { stream, notices: Vec::new(), has_begun: false, json, style }
    }

    /// Has `text` said on standard error when the answer is out.
    pub(crate) fn notice(&mut self, text: impl Into<String>) {
        self.notices.push(text.into());
    }

    /// Parts what follows from what was said: an empty line, unless nothing was.
    pub(crate) fn part(&mut self) -> io::Result<()> {
        if self.has_begun { writeln!(self) } else { Ok(()) }
    }

    /// Whether nobody reads any more what is written.
    pub(crate) fn is_gone(&self) -> bool {
        self.stream.get_ref().is_gone
    }

    /// Writes out what is buffered, then the notices.
    pub(crate) fn finish(mut self, color: Color) -> io::Result<()> {
        self.stream.flush()?;
        let style = stderr_style(color);
        for notice in &self.notices {
            say(&format!("{}: {notice}", style.unknown("note")));
        }
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.has_begun = true;
        match self.json.then(|| escape::json(bytes)).flatten() {
            Some(escaped) => self.stream.write_all(escaped.as_bytes()).map(|()| bytes.len()),
            None => self.stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// One line on standard error. If nobody listens there, there is nobody to tell.
pub(crate) fn say(line: &str) {
    writeln!(io::stderr().lock(), "{line}").ok();
}

/// How text on standard error looks.
pub(crate) fn stderr_style(color: Color) -> Styles {
    Styles::new(is_coloured(color, || anstream::AutoStream::choice(&io::stderr())))
}

/// Whether somebody watches standard error.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

fn is_coloured(color: Color, automatic: impl Fn() -> ColorChoice) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => automatic() != ColorChoice::Never,
    }
}

/// A stream whose reader may leave. The answer, and with it the exit code, does not change by that:
/// `diskdag can-rm … | head -1` must not turn a no into a yes.
struct Forgiving<W> {
    inner: W,
    is_gone: bool,
}

impl<W: Write> Forgiving<W> {
    fn new(inner: W) -> Self {
        Self { inner, is_gone: false }
    }

    fn forgive<T>(&mut self, result: io::Result<T>, instead: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_gone = true;
                Ok(instead)
            }
            other => other,
        }
    }
}

impl<W: Write> Write for Forgiving<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_gone {
            return Ok(bytes.len());
        }
        let result = self.inner.write(bytes);
        self.forgive(result, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.is_gone {
            return Ok(());
        }
        let result = self.inner.flush();
        self.forgive(result, ())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use super::Forgiving;

    struct Gone(io::ErrorKind);

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_reader_that_left_is_no_error() {
        let mut stream = Forgiving::new(Gone(io::ErrorKind::BrokenPipe));
        assert_eq!(stream.write(b"abc").unwrap(), 3);
        stream.flush().unwrap();
    }

    #[test]
    fn a_full_disk_is() {
        let mut stream = Forgiving::new(Gone(io::ErrorKind::StorageFull));
        assert!(stream.write(b"abc").is_err());
    }
}
