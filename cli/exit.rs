//! Exit codes, and which of several wins: the one place that knows.

use std::process::ExitCode;

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Yes, or done.
    Ok,
    /// It failed.
    Failed,
    /// Corruption was found.
    Corrupt,
    /// Leaks were found, and nothing worse.
    Leaking,
    /// Refused, or the answer is no.
    Refused,
    /// What was asked about is not there.
    NotFound,
    /// A broken chain or a cycle was found.
    Broken,
    /// The answer is not known, because it would be incomplete.
    Unknown,
    /// A person must decide.
    Undecided,
    /// Not supported.
    Unsupported,
    /// The command was not understood.
    Usage,
    /// Locked or in use.
    Busy,
    /// A code to which a verb that stands in for qemu-img's gives qemu-img's own meaning.
    Qemu(u8),
}

/// Every code in ascending order, as the help prints them.
pub(crate) const TABLE: &[(Exit, &str)] = &[
    (Exit::Ok, "yes, or done"),
    (Exit::Failed, "failed"),
    (Exit::Corrupt, "check found corruption"),
    (Exit::Leaking, "check found leaks, nothing worse"),
    (Exit::Refused, "no, or refused: every blocker is named"),
    (Exit::NotFound, "an image or directory that was named is not there"),
    (Exit::Broken, "a broken chain or a cycle was found"),
    (Exit::Unknown, "unknown: something could not be asked, and is named"),
    (Exit::Undecided, "a person must decide"),
    (Exit::Unsupported, "not supported"),
    (Exit::Usage, "usage"),
    (Exit::Busy, "locked or in use, try again"),
];

/// If several hold, the first of these is reported.
const PRECEDENCE: &[Exit] = &[
    Exit::Usage,
    Exit::Busy,
    Exit::Undecided,
    Exit::Failed,
    Exit::Corrupt,
    Exit::Leaking,
    Exit::Unsupported,
    Exit::NotFound,
    Exit::Refused,
    Exit::Unknown,
    Exit::Broken,
    Exit::Ok,
];

impl Exit {
    /// The number that the shell sees.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Corrupt => 2,
            Self::Leaking => 3,
            Self::Refused => 4,
            Self::NotFound => 5,
            Self::Broken => 6,
            Self::Unknown => 7,
            Self::Undecided => 8,
            Self::Unsupported => 63,
            Self::Usage => 64,
            Self::Busy => 75,
            Self::Qemu(code) => code,
        }
    }

    /// The one of the two that is reported.
    #[must_use]
    pub(crate) fn or(self, other: Self) -> Self {
        PRECEDENCE.iter().copied().find(|exit| *exit == self || *exit == other).unwrap_or(self)
    }

    /// `self`, if it holds.
    #[must_use]
    pub(crate) fn when(self, holds: bool) -> Self {
        if holds { self } else { Self::Ok }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::{Exit, PRECEDENCE, TABLE};

    #[test]
    fn the_order_is_the_documented_one() {
        let codes: Vec<u8> = PRECEDENCE.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [64, 75, 8, 1, 2, 3, 63, 5, 4, 7, 6, 0]);
    }

    #[test]
    fn unknown_outranks_broken_and_no_outranks_unknown() {
        assert_eq!(Exit::Broken.or(Exit::Unknown), Exit::Unknown);
        assert_eq!(Exit::Refused.or(Exit::Unknown), Exit::Refused);
        assert_eq!(Exit::Ok.or(Exit::Broken), Exit::Broken);
        assert_eq!(Exit::NotFound.or(Exit::Refused), Exit::NotFound);
    }

    #[test]
    fn the_table_ascends_and_lacks_nothing() {
        assert!(TABLE.is_sorted_by_key(|(exit, _)| exit.code()));
        assert_eq!(TABLE.len(), PRECEDENCE.len());
    }
}
