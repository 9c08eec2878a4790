//! What is odd about a name, wherever it stands.
#![forbid(unsafe_code)]

use std::format;
use std::string::String;

use super::finding::{Severity, Tally};

/// Bytes of a name that are shown; a path of Linux has at most as many.
pub(super) const SHOWN: usize = 4096;

/// A name in words: escaped, and cut short.
pub(super) fn shown(name: &[u8]) -> String {
    const MOST: usize = 128;
    let more =
        if name.len() > MOST { format!("… ({} bytes)", name.len()) } else { String::new() };
    format!("\"{}\"{more}", name.get(..MOST).unwrap_or(name).escape_ascii())
}

/// Adds what is odd about `name`, which is that of `what`.
pub(super) fn inspect(tally: &mut Tally, what: &str, name: &[u8], severity: Severity) {
    if name.contains(&0) {
        tally.add("nul-in-name", severity, || format!("{what} {}: a NUL", shown(name)));
    }
    let text = core::str::from_utf8(name);
    if text.is_err() {
        tally.warning("not-utf-8", || format!("{what} {} is not UTF-8", shown(name)));
    }
    let is_control = |byte: &u8| *byte != 0 && byte.is_ascii_control();
    let turns = |c: char| matches!(c, '\u{80}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if name.iter().any(is_control) || text.is_ok_and(|text| text.contains(turns)) {
        tally.add("control-characters", severity, || {
            format!("{what} {} holds control characters", shown(name))
        });
    }
    if name.len() >= SHOWN {
        tally.warning("long-name", || format!("{what} has {} bytes", name.len()));
    }
}
