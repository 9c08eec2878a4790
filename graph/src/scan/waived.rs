//! Waivers: doubts that a person has declared known, and whether they still hold.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use crate::doubt::{Coverage, Doubt, Skipped, Waived};
use crate::facts::{DependencyKnowledge, Facts, Key, State};
use crate::graph::bytes;
use crate::scan::assembly::Step;
use crate::scan::crew::Crew;
use crate::scan::disks;
use crate::scan::question::{About, Answer, Question};
use crate::scan::scope::Waiver;
use crate::scan::tables::Tables;

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

    /// What those cover that hold.
    pub(super) fn holding(&self) -> BTreeSet<PathBuf> {
        self.holding.keys().map(|path| path.to_path_buf()).collect()
    }

    /// Whether nothing is waived.
    pub(super) fn is_empty(&self) -> bool {
        self.holding.is_empty()
    }

    /// Makes complete what is known of disks whose doubts are waived. Nodes that are no files come last.
    pub(super) fn cover_facts(&mut self, tables: &Tables, disks: &mut [Facts]) {
        if self.holding.is_empty() {
            return;
        }
        let mut opaque = HashSet::new();
        for facts in disks {
            let is_loose = tables.loose.contains_key(&facts.key);
            let is_covered = match is_loose {
                false => self.cover_disk(tables, facts, &mut opaque),
                true => {
                    opaque.contains(&facts.key)
                        || (is_unknown(facts)
                            && facts.paths.first().is_some_and(|path| self.cover(path)))
                }
            };
            if is_covered && is_unknown(facts) {
                facts.dependencies = DependencyKnowledge::Complete;
            }
        }
    }

    fn cover_disk(&mut self, tables: &Tables, facts: &Facts, waived: &mut HashSet<Key>) -> bool {
        let is_opaque =
            |key: &Key| tables.loose.get(key).is_some_and(|facts| facts.state == State::Opaque);
        let targets = facts.references.iter().map(|edge| &edge.target);
        let opaque: Vec<Key> = targets.filter(|key| is_opaque(key)).cloned().collect();
        let is_doubt = is_unknown(facts) || !opaque.is_empty() || !facts.in_scope;
        let is_covered = is_doubt && self.cover_any(&facts.paths);
        if is_covered {
            waived.extend(opaque);
        }
        is_covered
    }

    /// Notes on which waivers disks rest, whichever were made anew.
    pub(super) fn cover_all(&mut self, tables: &Tables) {
        for path in self.holding() {
            if let Some(file) = tables.at(bytes(&path))
                && disks::is_disk(tables, file)
            {
                self.cover_disk(tables, &disks::disk(tables, file), &mut HashSet::new());
            }
        }
        if !self.holding.is_empty() {
            let doubtful = tables.loose.values().filter(|facts| is_unknown(facts));
            for path in doubtful.filter_map(|facts| facts.paths.first()) {
                self.cover(path);
            }
        }
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

fn is_unknown(facts: &Facts) -> bool {
    facts.dependencies == DependencyKnowledge::Unknown
}
