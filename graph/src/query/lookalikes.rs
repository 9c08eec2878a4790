//! Disks that may be each other: copies of one base, and the file that a missing one has become.

use std::collections::HashMap;

use diskdag_qcow2::Foreign;

use crate::disk::Reference;
use crate::facts::{Format, State};
use crate::graph::{DiskId, Graph, Inner};
use crate::namesakes::file_names;

/// Bases that may hold the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicates {
    /// The disks, by path: at least two.
    pub disks: Vec<DiskId>,
    /// Bytes that would be given back if only the one stayed that alone would give back most: see
    /// [`Graph::freed_by`].
    pub wasted: u64,
}

/// A file that a missing one may have become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The file.
    pub disk: DiskId,
    /// It bears the file name of the missing one.
    pub same_name: bool,
    /// It is of the format that all who need the missing one and declare any declare; `None` where
    /// none does, or where they differ.
    pub same_format: Option<bool>,
    /// It is as big, as the guest sees it, as all who need the missing one and whose sizes are known;
    /// `None` where those differ, or none is known, or its own is not.
    pub same_size: Option<bool>,
}

impl Candidate {
    /// How much speaks for it: the name counts most, a format that is another counts against it.
    fn weight(&self) -> i32 {
        let of = |fact: Option<bool>, for_it: i32, against: i32| match fact {
            Some(true) => for_it,
            Some(false) => -against,
            None => 0,
        };
        i32::from(self.same_name) * 4 + of(self.same_format, 1, 4) + of(self.same_size, 2, 1)
    }
}

/// A missing file and what it may have become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relocated {
    /// What is needed and is not there.
    pub missing: DiskId,
    /// Likeliest first, then by path.
    pub candidates: Vec<Candidate>,
}

/// Candidates that are named for one missing file.
const MOST: usize = 16;

impl Graph {
    /// Bases that agree in format, length and size as the guest sees it, the most wasteful group
    /// first. Whether they hold the same is not known until they are compared; nothing else can be
    /// equal. Empty files, what needs other disks, what is not usable and what is of an unknown length
    /// or size are left out. O(disks log disks).
    pub fn duplicates(&self) -> Vec<Duplicates> {
        let inner = &*self.inner;
        let mut alike: HashMap<(Format, u64, u64), Vec<u32>> = HashMap::new();
        for slot in inner.slots.slots().filter(|slot| !inner.slots.has_outgoing(*slot)) {
            let Some(known) = inner.known(slot).filter(|known| known.state() == State::Ok) else {
                continue;
            };
            if let (Some(length), Some(size)) = (known.length(), known.virtual_size())
                && length > 0
            {
                alike.entry((known.format(), length, size)).or_default().push(slot);
            }
        }
        let groups = alike.into_values().filter(|slots| slots.len() > 1).map(|mut slots| {
            slots.sort_by_key(|slot| inner.path(*slot));
            let given_back =
                slots.iter().filter_map(|slot| Some(inner.known(*slot)?.exclusive_bytes()));
            let (sum, biggest) = given_back.fold((0_u64, 0), |(sum, biggest), bytes| {
                (sum.saturating_add(bytes), u64::max(biggest, bytes))
            });
            let disks = slots.into_iter().map(|slot| inner.id(slot)).collect();
            Duplicates { disks, wasted: sum.saturating_sub(biggest) }
        });
        let mut groups: Vec<Duplicates> = groups.collect();
        let path = |group: &Duplicates| inner.path(group.disks[0].slot).to_owned();
        groups.sort_by_cached_key(|group| (std::cmp::Reverse(group.wasted), path(group)));
        groups
    }

    /// For every missing file that something needs: which files that are there it may be, moved. A
    /// candidate is usable and bears its name, or else agrees in both format and size, which counts
    /// only where at most 16 disks do; it is no dependent of the missing one. 16 at most for each. To
    /// point the dependents there, compare first. By the paths of the missing; those without a candidate
    /// are left out. O(disks + missing), and the candidates found.
    pub fn relocated(&self) -> Vec<Relocated> {
        let inner = &*self.inner;
        let mut wanted: Vec<(u32, Wanted)> = inner
            .missing
            .iter()
            .filter(|slot| inner.slots.has_incoming(*slot))
            .map(|slot| (slot, inner.wanted(slot)))
            .collect();
        wanted.sort_by_key(|(slot, _)| inner.path(*slot));
        let mut by_size: HashMap<(Format, u64), Vec<u32>> = HashMap::new();
        let mut by_name: HashMap<&[u8], Vec<u32>> = HashMap::new();
        if !wanted.is_empty() {
            for slot in inner.slots.slots() {
                let Some(known) = inner.known(slot).filter(|known| known.state() == State::Ok)
                else {
                    continue;
                };
                if let Some(size) = known.virtual_size() {
                    by_size.entry((known.format(), size)).or_default().push(slot);
                }
                for name in file_names(known) {
                    by_name.entry(name).or_default().push(slot);
                }
            }
        }
        let answer = wanted.into_iter().map(|(missing, wanted)| {
            let named = inner.names_of_missing(missing);
            let named = named.iter().filter_map(|name| by_name.get(*name)).flatten();
            let sized = wanted.format.zip(wanted.size).and_then(|key| by_size.get(&key));
            // Many disks are of one size: that alone is a hint only where few are.
            let sized = sized.filter(|slots| slots.len() <= MOST).into_iter().flatten();
            let mut slots: Vec<u32> = named.take(1024).chain(sized).copied().collect();
            slots.sort_unstable();
            slots.dedup();
            let candidates =
                slots.into_iter().filter_map(|slot| inner.candidate(missing, &wanted, slot));
            let mut candidates: Vec<Candidate> = candidates.collect();
            candidates.sort_by_key(|one| (-one.weight(), inner.path(one.disk.slot)));
            candidates.truncate(MOST);
            Relocated { missing: inner.id(missing), candidates }
        });
        answer.filter(|one| !one.candidates.is_empty()).collect()
    }
}

/// What those who need a missing file say of it.
struct Wanted {
    format: Option<Format>,
    size: Option<u64>,
}

impl Inner {
    pub(crate) fn is_missing(&self, id: DiskId) -> bool {
        self.live(id).is_some_and(|known| known.state() == State::Missing)
    }

    fn wanted(&self, missing: u32) -> Wanted {
        let mut formats = Agreed::Nothing;
        let mut sizes = Agreed::Nothing;
        for arc in self.slots.incoming(missing) {
            if let Some(edge) = self.edge(arc) {
                formats = formats.with(declared(edge.facts));
                sizes = sizes.with(self.known(arc.from).and_then(|known| known.virtual_size()));
            }
        }
        Wanted { format: formats.value(), size: sizes.value() }
    }

    fn names_of_missing(&self, missing: u32) -> Vec<&[u8]> {
        let names = self.known(missing).into_iter().flat_map(crate::namesakes::names);
        names.flatten().collect()
    }

    fn candidate(&self, missing: u32, wanted: &Wanted, slot: u32) -> Option<Candidate> {
        let known = self.known(slot)?;
        let has_same_name = self.is_namesake(missing, slot);
        // What needs it, however far up, is not it.
        if !matches!(self.depends(slot, missing), Some(false)) {
            return None;
        }
        let candidate = Candidate {
            disk: self.id(slot),
            same_name: has_same_name,
            same_format: wanted.format.map(|format| format == known.format()),
            same_size: wanted.size.zip(known.virtual_size()).map(|(a, b)| a == b),
        };
        (has_same_name || candidate.weight() == 3).then_some(candidate)
    }

    /// Whether `a` needs `b`; `None` if it may.
    fn depends(&self, a: u32, b: u32) -> Option<bool> {
        if self.labels.of(b).is_below(self.labels.of(a)) {
            return Some(true);
        }
        match self.reaches(a, b) {
            Some(true) => Some(true),
            Some(false) => None,
            None => Some(false),
        }
    }
}

fn declared(edge: Reference<'_>) -> Option<Format> {
    match edge.format? {
        b"qcow2" => Some(Format::Qcow2),
        b"raw" => Some(Format::Raw),
        other => Some(Foreign::named(other).map_or(Format::Other, Format::Foreign)),
    }
}

/// What several agree on.
enum Agreed<T> {
    Nothing,
    On(T),
    Disagree,
}

impl<T: PartialEq> Agreed<T> {
    fn with(self, said: Option<T>) -> Self {
        match (self, said) {
            (Self::Nothing, Some(said)) => Self::On(said),
            (Self::On(one), Some(other)) if one != other => Self::Disagree,
            (before, _) => before,
        }
    }

    fn value(self) -> Option<T> {
        match self {
            Self::On(value) => Some(value),
            Self::Nothing | Self::Disagree => None,
        }
    }
}
