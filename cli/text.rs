//! Pieces of text: sizes, counts, colours.

use std::fmt::Display;
use std::time::SystemTime;

use anstyle::{AnsiColor, Style};
use diskdag_graph::{ScopeSource, State};

/// A size as qemu-img writes it: three digits, binary units.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    // As in QEMU: 1000 KiB is written 0.977 MiB, so that three digits suffice.
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let decimals = match value {
        v if v >= 100.0 || unit == 0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    let digits = format!("{value:.decimals$}");
    let digits = match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => &digits,
    };
    format!("{digits} {}", UNITS.get(unit).copied().unwrap_or("B"))
}

/// Seconds since 1970 as a date and a time of day, UTC.
pub(crate) fn time(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Counted from 1 March of the year 0, a leap day is the last of its year.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..=9 => (year + era * 400, month + 3),
        _ => (year + era * 400 + 1, month - 9),
    };
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
}

/// A time in RFC 3339, UTC; empty for one that no calendar has.
pub(crate) fn instant(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map(|time| format!("{time:.6}")).unwrap_or_default()
}

/// A size that may not be known.
pub(crate) fn size_or_dash(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), size)
}

/// `1 disk`, `2 disks`.
pub(crate) fn count<N: Display + From<u8> + PartialEq>(number: N, one: &str, many: &str) -> String {
    format!("{number} {}", if number == N::from(1) { one } else { many })
}

/// Where a scope was declared, for people.
pub(crate) fn declared_by(source: ScopeSource) -> &'static str {
    match source {
        ScopeSource::Flag => "--root",
        ScopeSource::Environment => "DISKDAG_ROOTS",
        ScopeSource::Pool => "the pool",
        ScopeSource::Config => "diskdag roots",
        ScopeSource::Assumed => "assumed",
        ScopeSource::Records => "no directory was searched",
    }
}

/// A state, for people.
pub(crate) fn state(state: State) -> &'static str {
    match state {
        State::NotAFile => "not a file",
        other => other.name(),
    }
}

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Styles {
    is_coloured: bool,
}

impl Styles {
    pub(crate) fn new(is_coloured: bool) -> Self {
        Self { is_coloured }
    }

    /// Something is as it should be.
    pub(crate) fn good(self, text: impl Display) -> String {
        self.paint(AnsiColor::Green.on_default(), text)
    }

    /// Something is broken, or the answer is no.
    pub(crate) fn bad(self, text: impl Display) -> String {
        self.paint(AnsiColor::Red.on_default().bold(), text)
    }

    /// Something is not known.
    pub(crate) fn unknown(self, text: impl Display) -> String {
        self.paint(AnsiColor::Yellow.on_default(), text)
    }

    /// A heading.
    pub(crate) fn strong(self, text: impl Display) -> String {
        self.paint(Style::new().bold(), text)
    }

    /// What matters less.
    pub(crate) fn faint(self, text: impl Display) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    fn paint(self, style: Style, text: impl Display) -> String {
        match self.is_coloured {
            true => format!("{style}{text}{style:#}"),
            false => text.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn dates() {
        assert_eq!(super::time(0), "1970-01-01 00:00:00Z");
        assert_eq!(super::time(951_782_399), "2000-02-28 23:59:59Z");
        assert_eq!(super::time(951_782_400), "2000-02-29 00:00:00Z");
        assert_eq!(super::time(4_294_967_295), "2106-02-07 06:28:15Z");
    }

    use super::{Styles, count, size};

    #[test]
    fn sizes_are_those_of_qemu_img() {
        // Each as `qemu-img info` prints it.
        assert_eq!(size(0), "0 B");
        assert_eq!(size(512), "512 B");
        assert_eq!(size(1000), "0.977 KiB");
        assert_eq!(size(200_704), "196 KiB");
        assert_eq!(size(197_120), "192 KiB");
        assert_eq!(size(5 << 20), "5 MiB");
        assert_eq!(size(1 << 30), "1 GiB");
        assert_eq!(size(3 << 29), "1.5 GiB");
        assert_eq!(size(u64::MAX), "16 EiB");
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(count(1, "disk", "disks"), "1 disk");
        assert_eq!(count(0, "disk", "disks"), "0 disks");
    }

    #[test]
    fn without_colour_there_is_no_escape() {
        assert_eq!(Styles::new(false).bad("no"), "no");
        assert!(Styles::new(true).bad("no").contains('\u{1b}'));
    }
}
