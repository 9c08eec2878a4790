//! What an audit finds, counted by kind.
#![forbid(unsafe_code)]

use std::string::String;
use std::vec::Vec;

use super::words;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Good to know.
    Note,
    /// Odd, and harmless to a reader that is careful.
    Warning,
    /// Because of it nothing can be said for certain.
    Unknown,
    /// The image must not be opened.
    Danger,
}

impl Severity {
    /// A stable word for it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Danger => "danger",
        }
    }
}

/// All findings of one kind about one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// A stable word in kebab-case: that of an error, of a header's finding, of an entry's oddity, or one of
    /// the audit's own, such as `refused-reference`, `shared-table`, `polyglot`.
    pub kind: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// About which layer of the chain; 0 is the image itself.
    pub depth: usize,
    /// How often it was found.
    pub count: u64,
    /// The first few of them, in words. Bytes from the image are escaped.
    pub details: Vec<String>,
}

impl Finding {
    /// How many are described; the others are only counted.
    pub const SHOWN: usize = 3;

    /// What the kind means to who opens such an image, in a sentence.
    #[must_use]
    pub fn meaning(&self) -> &'static str {
        words::meaning(self.kind)
    }
}

/// Findings in the order in which their kinds were first met.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) findings: Vec<Finding>,
    pub(super) depth: usize,
}

impl Tally {
    /// One more. Its description is made only if it is one of the first of its kind. A kind is as severe as
    /// the worst of it.
    pub(super) fn add(
        &mut self,
        kind: &'static str,
        severity: Severity,
        detail: impl FnOnce() -> String,
    ) {
        let depth = self.depth;
        let mut all = self.findings.iter_mut().rev();
        let found = match all.find(|found| found.kind == kind && found.depth == depth) {
            Some(found) => found,
            None => {
                let (count, details) = (0, Vec::new());
                self.findings.push(Finding { kind, severity, depth, count, details });
                let Some(found) = self.findings.last_mut() else { return };
                found
            }
        };
        found.count = found.count.saturating_add(1);
        found.severity = found.severity.max(severity);
        if found.details.len() < Finding::SHOWN {
            found.details.push(detail());
        }
    }

    /// What stops a reader.
    pub(super) fn danger(&mut self, kind: &'static str, detail: impl FnOnce() -> String) {
        self.add(kind, Severity::Danger, detail);
    }

    /// What a careful reader can live with.
    pub(super) fn warning(&mut self, kind: &'static str, detail: impl FnOnce() -> String) {
        self.add(kind, Severity::Warning, detail);
    }
}
