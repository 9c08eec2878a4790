//! Times and durations as people type them.

use std::time::Duration;

use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use jiff::{Span, Timestamp};

/// How long to wait for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// As long as it takes.
    Forever,
    /// This long.
    For(Duration),
}

impl Wait {
    /// As a duration.
    pub(crate) fn duration(self) -> Duration {
        match self {
            Self::Forever => Duration::MAX,
            Self::For(duration) => duration,
        }
    }
}

/// `--wait`, `--wait=5`, `--wait=0.5`.
pub(crate) fn wait(text: &str) -> Result<Wait, String> {
    if text.is_empty() {
        return Ok(Wait::Forever);
    }
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.map(Wait::For).ok_or_else(|| format!("{text:?} is no number of seconds"))
}

/// `7d`, `12h`, `1w 2d`: so long ago. `2026-11-01`, `2026-11-01T12:00:00Z`: then. A date is its midnight, UTC.
pub(crate) fn before(text: &str) -> Result<Timestamp, String> {
    before_now(text, Timestamp::now())
}

fn before_now(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let wrong = || {
        format!(
            "{text:?} is no time: give how long ago (7d, 12h, 30m), a date, or an RFC 3339 time"
        )
    };
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    // A date and nothing else: a civil time without an offset could mean any of two dozen.
    if let Ok(date) = Date::strptime("%Y-%m-%d", text) {
        return Offset::UTC.to_timestamp(date.to_datetime(Time::midnight())).map_err(|_| wrong());
    }
    let span: Span = text.parse().map_err(|_| wrong())?;
    if span.is_negative() {
        return Err(wrong());
    }
    let then = Offset::UTC.to_datetime(now).checked_sub(span);
    then.and_then(|then| Offset::UTC.to_timestamp(then)).map_err(|_| wrong())
}

/// For a table: to the second, UTC.
pub(crate) fn shown(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::{Wait, before_now, shown, wait};

    fn before(text: &str) -> Result<String, String> {
        let now: Timestamp = "2026-03-10T12:00:00Z".parse().unwrap();
        before_now(text, now).map(shown)
    }

    #[test]
    fn ages_count_back_from_now() {
        for (text, then) in [
            ("7d", "2026-03-03 12:00:00Z"),
            ("12h", "2026-03-10 00:00:00Z"),
            ("30m", "2026-03-10 11:30:00Z"),
            ("90s", "2026-03-10 11:58:30Z"),
            ("1w 1d", "2026-03-02 12:00:00Z"),
            ("0s", "2026-03-10 12:00:00Z"),
        ] {
            assert_eq!(before(text).as_deref(), Ok(then), "{text}");
        }
    }

    #[test]
    fn times_stand_for_themselves() {
        for (text, then) in [
            ("2026-01-02T03:04:05Z", "2026-01-02 03:04:05Z"),
            ("2026-01-02T03:04:05+02:00", "2026-01-02 01:04:05Z"),
            ("2026-01-02", "2026-01-02 00:00:00Z"),
        ] {
            assert_eq!(before(text).as_deref(), Ok(then), "{text}");
        }
    }

    #[test]
    fn what_could_mean_two_things_is_refused() {
        for text in ["", "7", "d", "-7d", "7d ago", "2026-01-02T03:04:05", "yesterday", "99999999y"]
        {
            assert!(before(text).is_err(), "{text}");
        }
    }

    #[test]
    fn waiting() {
        assert_eq!(wait(""), Ok(Wait::Forever));
        assert_eq!(wait("2"), Ok(Wait::For(Duration::from_secs(2))));
        assert_eq!(wait("0.25"), Ok(Wait::For(Duration::from_millis(250))));
        for text in ["-1", "x", "inf", "nan"] {
            assert!(wait(text).is_err(), "{text}");
        }
    }
}
