//! Waivers: doubts that a person has declared known, and whether they still hold.

use std::path::{Path, PathBuf};

use crate::doubt::{Coverage, Doubt, Skipped, Waived};
use crate::scan::assembly::Step;
use crate::scan::crew::Crew;
use crate::scan::question::{About, Answer, Question};
use crate::scan::scope::Waiver;

/// The waivers that hold, and those on which something rests.
pub(super) struct Waivers<'w> {
    holding: std::collections::HashMap<&'w Path, &'w Waiver>,
    used: Vec<Waived>,
}

impl<'w> Waivers<'w> {
    /// Finds out which hold: what they cover has not changed since.
    pub(super) fn new(waivers: &'w [Waiver], crew: &Crew) -> Step<Self> {
        let mut holding = std::collections::HashMap::new();
        for waiver in waivers {
            let about = About::Fingerprint(waiver.path.clone());
            let answer = crew.ask(|number| Question { number, about })?;
            if let Some(Answer::Fingerprint(now)) = answer
                && now == Some(waiver.fingerprint)
            {
                holding.insert(&*waiver.path, waiver);
            }
        }
        Ok(Self { holding, used: Vec::new() })
    }

    /// Whether a waiver covers what is at `path`; the answers will then say so.
    pub(super) fn cover(&mut self, path: &Path) -> bool {
        let Some(waiver) = self.holding.get(path) else { return false };
        let waived = Waived { path: path.to_owned(), reason: waiver.reason.clone() };
        if !self.used.contains(&waived) {
            self.used.push(waived);
        }
        true
    }

    pub(super) fn cover_any(&mut self, paths: &[Box<Path>]) -> bool {
        paths.iter().any(|path| self.cover(path))
    }

    /// Takes from a coverage what is waived: directories, mounts.
    pub(super) fn apply(&mut self, doubts: Vec<Doubt>, skipped: Vec<Skipped>) -> Coverage {
        let mut coverage = Coverage::default();
        coverage.doubts.extend(doubts.into_iter().filter(|doubt| !self.cover(&doubt.path)));
        coverage.skipped.extend(skipped.into_iter().map(|place| {
            let may_hold_images = place.may_hold_images && !self.cover(&place.path);
            Skipped { may_hold_images, ..place }
        }));
        coverage
    }

    /// The waivers on which the answers rest. Those about what is not there are among them: that
    /// they were asked is all that they do.
    pub(super) fn used(mut self) -> Vec<Waived> {
        let absent = self.holding.values().filter(|waiver| waiver.fingerprint.is_none());
        let absent: Vec<PathBuf> = absent.map(|waiver| waiver.path.clone()).collect();
        for path in absent {
            self.cover(&path);
        }
        self.used.sort_by(|one, other| one.path.cmp(&other.path));
        self.used
    }
}
