//! Three-valued answers, and the doubts behind the third value.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::doubt::{Doubt, DoubtKind};
use crate::facts::{Format, State};
use crate::graph::{Graph, Inner, bytes};

/// The answer to "does a depend on b?".
#[derive(Clone, Copy, Debug)]
#[must_use = "an answer that nobody looks at was not worth asking; Unknown never permits anything"]
pub enum Answer<'g> {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// Something that the answer rests on could not be asked.
    Unknown(Doubts<'g>),
}

impl Answer<'_> {
    /// Whether the answer is a plain yes.
    pub fn is_yes(&self) -> bool {
        matches!(self, Self::Yes)
    }

    /// Whether the answer is a plain no.
    pub fn is_no(&self) -> bool {
        matches!(self, Self::No)
    }

    /// Whether the answer is not known.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }
}

/// The doubts behind an answer. Holding them costs nothing; [`Doubts::list`] collects them.
#[derive(Clone, Copy, Debug)]
pub struct Doubts<'g> {
    inner: &'g Inner,
    question: Question,
}

#[derive(Clone, Copy, Debug)]
enum Question {
    /// Rests on the chain of `from`.
    Chain { from: u32, to: u32 },
    /// Rests on the whole scope.
    Scope { of: u32 },
    /// About an id that names nothing.
    Stale,
}

impl<'g> Doubts<'g> {
    pub(crate) fn of_chain(inner: &'g Inner, from: u32, to: u32) -> Self {
        Self { inner, question: Question::Chain { from, to } }
    }

    pub(crate) fn of_scope(inner: &'g Inner, of: u32) -> Self {
        Self { inner, question: Question::Scope { of } }
    }

    pub(crate) fn of_stale_id(inner: &'g Inner) -> Self {
        Self { inner, question: Question::Stale }
    }

    /// Every doubt. O(the disks on the chain) or O(doubtful and missing disks), as the question is.
    pub fn list(&self) -> Vec<Doubt> {
        match self.question {
            Question::Chain { from, to } => self.inner.chain_doubts(from, to),
            Question::Scope { of } => self.inner.scope_doubts(&[of]).collect(),
            Question::Stale => vec![Doubt {
                path: PathBuf::new(),
                kind: DoubtKind::Other,
                reason: "the disk asked about is not in the graph any more".to_owned(),
            }],
        }
    }
}

impl Graph {
    /// Everything that could not be asked, whatever the question: what the coverage says, and every
    /// disk whose own needs are not known. O(doubtful disks).
    pub fn doubts(&self) -> Vec<Doubt> {
        self.inner.scope_doubts(&[]).collect()
    }
}

impl Inner {
    /// The doubts about what depends on `images`, judged as a set: could anything else, that is
    /// neither one of them nor known to depend on one, need one of them or what depends on it?
    ///
    /// O(doubtful and missing disks), and O(dependents) where there are any of those.
    pub(crate) fn scope_doubts(&self, images: &[u32]) -> impl Iterator<Item = Doubt> + '_ {
        let settled = match self.doubtful.is_empty() && self.missing.is_empty() {
            true => HashSet::new(),
            false => self.with_dependents(images),
        };
        let from_outside =
            |slot: u32| self.slots.incoming(slot).any(|arc| !settled.contains(&arc.from));
        let doubtful = self.doubtful.iter().copied().filter(|slot| {
            let is_opaque = self.facts(*slot).is_some_and(|facts| facts.state == State::Opaque);
            // An opaque reference is no disk: what counts is who makes it.
            if is_opaque { from_outside(*slot) } else { !settled.contains(slot) }
        });
        let doubtful: Vec<u32> = doubtful.collect();
        let missing: Vec<u32> = match self.missing.is_empty() {
            true => Vec::new(),
            false => {
                let names = self.file_names(&settled);
                let bears_one = |slot: u32| {
                    let path = self.path_of(slot);
                    file_name(bytes(&path)).is_some_and(|name| names.contains(name))
                };
                let missing = self.missing.iter().copied();
                missing.filter(|slot| from_outside(*slot) && bears_one(*slot)).collect()
            }
        };
        self.coverage
            .standing()
            .chain(doubtful.into_iter().map(|slot| self.doubt_about(slot)))
            .chain(missing.into_iter().map(|slot| self.namesake_doubt(slot)))
    }

    /// These disks and everything that is known to depend on them.
    fn with_dependents(&self, images: &[u32]) -> HashSet<u32> {
        let mut found: HashSet<u32> = images.iter().copied().collect();
        for image in images {
            let above = self.labels.above(*image);
            let more = above.more.into_iter().map(|(range, _)| range);
            for range in std::iter::once(above.own).chain(more) {
                found.extend(self.labels.slice(range).iter().map(|id| id.slot));
            }
        }
        found
    }

    /// The file names under which these disks are known.
    fn file_names(&self, slots: &HashSet<u32>) -> HashSet<&[u8]> {
        let facts = slots.iter().filter_map(|slot| self.facts(*slot));
        facts
            .flat_map(|facts| facts.paths.iter())
            .filter_map(|path| file_name(bytes(path)))
            .collect()
    }

    fn chain_doubts(&self, from: u32, to: u32) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        for slot in std::iter::once(from).chain(self.needs_of(from).into_iter().map(|(s, _)| s)) {
            if self.doubtful.binary_search(&slot).is_ok() {
                doubts.push(self.doubt_about(slot));
            }
            if self.missing.binary_search(&slot).is_ok() && self.is_namesake(slot, to) {
                doubts.push(self.namesake_doubt(slot));
            }
        }
        if doubts.is_empty() {
            doubts.push(Doubt {
                path: self.path_of(from),
                kind: DoubtKind::WorkingDirectory,
                reason: "a reference on its chain is resolved from QEMU's working directory"
                    .to_owned(),
            });
        }
        doubts
    }

    /// Why the needs of `slot` are not known.
    pub(crate) fn doubt_about(&self, slot: u32) -> Doubt {
        let Some(facts) = self.facts(slot) else {
            return Doubt {
                path: PathBuf::new(),
                kind: DoubtKind::Other,
                reason: "not in the graph".to_owned(),
            };
        };
        let kind = match (facts.state, facts.format) {
            (State::Opaque, _) => DoubtKind::Opaque,
            (State::Refused, _) => DoubtKind::Refused,
            (State::Unreadable, Format::Qcow2) => DoubtKind::Header,
            (State::Unreadable, _) => DoubtKind::File,
            (_, Format::Other) => DoubtKind::Format,
            _ => DoubtKind::Other,
        };
        // An opaque reference is in doubt because of the image that makes it.
        let path = match kind {
            DoubtKind::Opaque => self.slots.incoming(slot).next().map_or(slot, |arc| arc.from),
            _ => slot,
        };
        let reason = facts.reason.as_deref().unwrap_or("what it needs is not known");
        Doubt { path: self.path_of(path), kind, reason: reason.to_owned() }
    }

    fn namesake_doubt(&self, slot: u32) -> Doubt {
        let needed_by = self.slots.incoming(slot).next().map(|arc| self.path_of(arc.from));
        let by = needed_by.map(|path| format!(" by {}", path.display().to_string().escape_debug()));
        Doubt {
            path: self.path_of(slot),
            kind: DoubtKind::MissingNamesake,
            reason: format!(
                "needed{} and missing; it bears the name of this image or of one that depends on it, which may have been moved",
                by.unwrap_or_default()
            ),
        }
    }

    /// Whether a missing file bears the file name of `image`.
    pub(crate) fn is_namesake(&self, missing: u32, image: u32) -> bool {
        let path = self.path_of(missing);
        let Some(name) = file_name(bytes(&path)) else { return false };
        self.facts(image).is_some_and(|facts| {
            facts.paths.iter().any(|path| file_name(bytes(path)) == Some(name))
        })
    }

    pub(crate) fn path_of(&self, slot: u32) -> PathBuf {
        self.shown_path(slot).to_owned()
    }

    /// The path to show; empty for a slot that is free.
    pub(crate) fn shown_path(&self, slot: u32) -> &Path {
        let facts = self.facts(slot);
        facts.map_or(Path::new(""), |facts| crate::Disk::new(self, slot, facts).path())
    }
}

/// What stands behind the last slash.
fn file_name(path: &[u8]) -> Option<&[u8]> {
    path.rsplit(|byte| *byte == b'/').next().filter(|name| !name.is_empty())
}
