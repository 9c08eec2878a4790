//! One comparison and how it is printed.

use serde_json::{Value, json};
use std::fmt;

/// What the ratio of a row has to be. It also says which ratio: against a floor it is ours/floor,
/// against a peer it is theirs/ours.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// Against a floor: ours takes at most so many times the floor's time.
    AtMost(f64),
    /// Against a peer: ours is at least so many times faster.
    AtLeast(f64),
}

impl Goal {
    fn ratio(self, ours: f64, theirs: f64) -> f64 {
        match self {
            Self::AtMost(_) => ours / theirs,
            Self::AtLeast(_) => theirs / ours,
        }
    }

    fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(limit) => ratio <= limit,
            Self::AtLeast(limit) => ratio >= limit,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(limit) => write!(f, "<= {limit}"),
            Self::AtLeast(limit) => write!(f, ">= {limit}"),
        }
    }
}

/// One comparison: medians of nanoseconds per operation, their ratio, and what it should be.
#[derive(Debug)]
pub(crate) struct Row {
    name: String,
    ours_ns: f64,
    theirs_ns: f64,
    ratio: f64,
    goal: Goal,
}

impl Row {
    pub(crate) fn new(name: String, ours_ns: f64, theirs_ns: f64, goal: Goal) -> Self {
        Self { name, ours_ns, theirs_ns, ratio: goal.ratio(ours_ns, theirs_ns), goal }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "ours-ns": rounded(self.ours_ns),
            "theirs-ns": rounded(self.theirs_ns),
            "ratio": rounded(self.ratio),
            "goal": self.goal.to_string(),
            "met": self.goal.is_met(self.ratio),
        })
    }
}

/// `name <ours> <theirs> <ratio> <goal> <met>`: six fields without spaces in them.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let goal = self.goal.to_string().replace(' ', "");
        let met = if self.goal.is_met(self.ratio) { "yes" } else { "NO" };
        write!(
            f,
            "{:<36} {:>10} {:>10} {:>9.2} {goal:>7} {met}",
            self.name,
            time(self.ours_ns),
            time(self.theirs_ns),
            self.ratio,
        )
    }
}

/// Three significant digits or so, in the unit that fits.
fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.2}ns"),
        ns if ns < 1e6 => format!("{:.2}us", ns / 1e3),
        ns if ns < 1e9 => format!("{:.2}ms", ns / 1e6),
        ns => format!("{:.2}s", ns / 1e9),
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
