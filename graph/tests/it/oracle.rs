//! The index said again in the plainest way: a map of disks with lists of references, and every
//! question answered by walking all of them. No labels, no slots, no ids. Slow and evident.
//!
//! The rules, in one place:
//!
//! * A way goes along references. One that ends the chain may only be the last of a way.
//! * A disk depends on another if a way of certain references leads there; it may if any way does.
//! * It is in doubt if it, or anything on a way from it, has needs that are not known, or if a
//!   missing file on a way from it bears a file name of the disk in question.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use diskdag_graph::{DoubtKind, EdgeKind, Format};

pub(crate) type Name = u8;

/// One reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) to: Name,
    pub(crate) kind: EdgeKind,
    pub(crate) certain: bool,
    pub(crate) ends: bool,
    /// The format that it declares.
    pub(crate) declared: Option<Format>,
}

/// What a disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Fine,
    Unreadable,
    Opaque,
    Missing,
}

impl Condition {
    pub(crate) fn is_doubtful(self) -> bool {
        matches!(self, Self::Unreadable | Self::Opaque)
    }
}

/// What tells one image from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Looks {
    pub(crate) format: Format,
    pub(crate) size: Option<u64>,
    pub(crate) length: Option<u64>,
    /// Of the bytes that it occupies, how many the file system shares with other files.
    pub(crate) reflinked: u64,
    pub(crate) in_scope: bool,
}

impl Looks {
    /// Of something that nobody has seen.
    const NONE: Self =
        Self { format: Format::Unknown, size: None, length: None, reflinked: 0, in_scope: false };

    /// Few sorts, so that many disks look alike.
    pub(crate) fn of(sort: u8) -> Self {
        const LENGTHS: [Option<u64>; 4] = [None, Some(512), Some(0), Some(1_024)];
        Self {
            format: declared(sort).unwrap_or(Format::Unknown),
            size: [None, Some(512), Some(1_024)][usize::from(sort / 4 % 3)],
            length: LENGTHS[usize::from(sort / 12 % 4)],
            reflinked: u64::from(sort / 48 % 3) * 100,
            in_scope: sort < 224,
        }
    }
}

/// What a reference declares, for a number.
pub(crate) fn declared(sort: u8) -> Option<Format> {
    [None, Some(Format::Qcow2), Some(Format::Raw), Some(Format::Other)][usize::from(sort % 4)]
}

/// All that is said of one disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) name: Name,
    pub(crate) paths: Vec<String>,
    pub(crate) references: Vec<Reference>,
    pub(crate) condition: Condition,
    pub(crate) allocated: u64,
    pub(crate) links: u64,
    pub(crate) looks: Looks,
}

#[derive(Clone, Debug)]
pub(crate) struct Disk {
    pub(crate) said: Said,
    /// Nobody inserted it, or it was removed.
    pub(crate) placeholder: bool,
    /// When its paths were said.
    told: usize,
    /// Differs for two disks of one name of which the first went for good before the second came.
    pub(crate) life: usize,
}

/// All disks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Oracle {
    pub(crate) disks: BTreeMap<Name, Disk>,
    clock: usize,
}

/// The other disks that ways lead to, with the length of the shortest.
pub(crate) type Reached = BTreeMap<Name, u32>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
    Unknown,
}

/// The file a path ends in.
fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

impl Oracle {
    fn tick(&mut self) -> usize {
        self.clock += 1;
        self.clock
    }

    pub(crate) fn insert(&mut self, said: Said) {
        let told = self.tick();
        let life = self.disks.get(&said.name).map_or(told, |disk| disk.life);
        self.expect(&said.references);
        self.disks.insert(said.name, Disk { said, placeholder: false, told, life });
    }

    pub(crate) fn repoint(&mut self, name: Name, references: Vec<Reference>) {
        self.expect(&references);
        let disk = self.disks.get_mut(&name).expect("asked for a disk that is there");
        disk.said.references = references;
        disk.placeholder = false;
    }

    pub(crate) fn remove(&mut self, name: Name) {
        let told = self.tick();
        let disk = self.disks.get_mut(&name).expect("asked for a disk that is there");
        let paths = std::mem::take(&mut disk.said.paths);
        (disk.said, disk.placeholder) = (Said { paths, ..nothing(name) }, true);
        disk.told = told;
    }

    fn expect(&mut self, references: &[Reference]) {
        for reference in references {
            let life = self.tick();
            let placeholder =
                || Disk { said: nothing(reference.to), placeholder: true, told: 0, life };
            self.disks.entry(reference.to).or_insert_with(placeholder);
        }
    }

    /// The end of a batch: what nobody inserted and nobody needs is not there.
    pub(crate) fn settle(&mut self) {
        let needed: BTreeSet<Name> = self.references().map(|(_, reference)| reference.to).collect();
        self.disks.retain(|name, disk| !disk.placeholder || needed.contains(name));
    }

    pub(crate) fn references(&self) -> impl Iterator<Item = (Name, &Reference)> {
        self.disks.iter().flat_map(|(name, disk)| {
            disk.said.references.iter().map(|reference| (*name, reference))
        })
    }

    /// Where ways from `a` lead.
    pub(crate) fn below(&self, a: Name, certain_only: bool) -> Reached {
        let mut reached = Reached::new();
        let mut passed = BTreeSet::from([a]);
        let mut work = VecDeque::from([(a, 0)]);
        while let Some((at, steps)) = work.pop_front() {
            for reference in &self.disks[&at].said.references {
                if certain_only && !reference.certain {
                    continue;
                }
                reached.entry(reference.to).or_insert(steps + 1);
                if !reference.ends && passed.insert(reference.to) {
                    work.push_back((reference.to, steps + 1));
                }
            }
        }
        reached
    }

    /// Whether `missing` is not there and bears a file name of `image`.
    pub(crate) fn is_namesake(&self, missing: Name, image: Name) -> bool {
        let Said { paths, condition, .. } = &self.disks[&missing].said;
        let own = paths.is_empty().then(|| key_name(missing)).flatten();
        let mut names = paths.iter().chain(&own).map(|path| file_name(path));
        let of_image: Vec<&str> =
            self.disks[&image].said.paths.iter().map(|path| file_name(path)).collect();
        *condition == Condition::Missing
            && missing != image
            && names.any(|name| of_image.contains(&name))
    }

    pub(crate) fn depends_on(&self, a: Name, b: Name, sure: &Reached, all: &Reached) -> Answer {
        if sure.contains_key(&b) {
            return Answer::Yes;
        }
        let mut on_the_way = all.keys();
        let in_doubt = all.contains_key(&b)
            || self.disks[&a].said.condition.is_doubtful()
            || on_the_way.any(|name| {
                self.disks[name].said.condition.is_doubtful() || self.is_namesake(*name, b)
            });
        if in_doubt { Answer::Unknown } else { Answer::No }
    }

    /// What might need one of `settled`, and cannot be asked: kinds and paths. Who needs what is `open` is a question
    /// for itself.
    pub(crate) fn doubts(
        &self,
        settled: &BTreeSet<Name>,
        open: &BTreeSet<Name>,
    ) -> Vec<(DoubtKind, String)> {
        let outside = open.iter().filter(|name| self.lies_outside(**name));
        let mut doubts: Vec<_> =
            outside.map(|name| (DoubtKind::OutOfScope, self.path(*name))).collect();
        for (name, disk) in &self.disks {
            let needed_by: BTreeSet<Name> = self.needed_by(*name).collect();
            let from_outside: Vec<Name> = needed_by.difference(settled).copied().collect();
            match disk.said.condition {
                Condition::Unreadable if !settled.contains(name) => {
                    doubts.push((DoubtKind::File, self.path(*name)));
                }
                Condition::Opaque if !settled.contains(name) => {
                    let images = from_outside.iter().map(|from| self.path(*from));
                    doubts.extend(images.map(|path| (DoubtKind::Opaque, path)));
                    if needed_by.is_empty() {
                        doubts.push((DoubtKind::Opaque, self.path(*name)));
                    }
                }
                Condition::Missing
                    if !settled.contains(name)
                        && !from_outside.is_empty()
                        && settled.iter().any(|image| self.is_namesake(*name, *image)) =>
                {
                    doubts.push((DoubtKind::MissingNamesake, self.path(*name)));
                }
                _ => {}
            }
        }
        doubts.sort();
        doubts
    }

    /// Whether it is a file that lies out of the scope. What could not be read may be none, unless it has an inode.
    pub(crate) fn lies_outside(&self, name: Name) -> bool {
        let Said { condition, looks, .. } = &self.disks[&name].said;
        let is_file = match condition {
            Condition::Fine => true,
            Condition::Unreadable => key_name(name).is_none(),
            Condition::Opaque | Condition::Missing => false,
        };
        is_file && !looks.in_scope
    }

    pub(crate) fn needed_by(&self, name: Name) -> impl Iterator<Item = Name> {
        let to_it = self.references().filter(move |(_, reference)| reference.to == name);
        to_it.map(|(from, _)| from)
    }

    pub(crate) fn path(&self, name: Name) -> String {
        let paths = &self.disks[&name].said.paths;
        paths.first().cloned().or_else(|| key_name(name)).unwrap_or_default()
    }

    /// The first backing reference of a disk.
    pub(crate) fn step(&self, name: Name) -> Option<&Reference> {
        self.disks[&name].said.references.iter().find(|one| one.kind == EdgeKind::Backing)
    }

    pub(crate) fn chain(&self, name: Name) -> Vec<Name> {
        let mut chain = vec![name];
        let mut at = name;
        while let Some(step) = self.step(at).filter(|step| !chain.contains(&step.to)) {
            chain.push(step.to);
            if step.ends {
                break;
            }
            at = step.to;
        }
        chain
    }

    /// The sets of disks that need each other and themselves, over references that are certain
    /// and end no chain.
    pub(crate) fn cycles(&self) -> BTreeSet<BTreeSet<Name>> {
        let mut plain = self.clone();
        for disk in plain.disks.values_mut() {
            disk.said.references.retain(|one| one.certain && !one.ends);
        }
        let below: BTreeMap<Name, Reached> =
            plain.disks.keys().map(|name| (*name, plain.below(*name, true))).collect();
        let on_cycle = below.iter().filter(|(name, reached)| reached.contains_key(name));
        let with = |(name, reached): (&Name, &Reached)| -> BTreeSet<Name> {
            reached.keys().filter(|other| below[other].contains_key(name)).copied().collect()
        };
        on_cycle.map(with).collect()
    }

    pub(crate) fn find(&self, path: &str) -> Option<Name> {
        let claims = |disk: &&Disk| disk.said.paths.iter().any(|have| have == path);
        let best = self.disks.values().filter(claims);
        best.max_by_key(|disk| (disk.said.condition != Condition::Missing, disk.told))
            .map(|disk| disk.said.name)
    }

    pub(crate) fn frees(&self, name: Name) -> u64 {
        let said = &self.disks[&name].said;
        if said.links > 0 { 0 } else { said.allocated.saturating_sub(said.looks.reflinked) }
    }
}

/// What a placeholder says.
fn nothing(name: Name) -> Said {
    Said {
        name,
        paths: Vec::new(),
        references: Vec::new(),
        condition: Condition::Missing,
        allocated: 0,
        links: 0,
        looks: Looks::NONE,
    }
}

/// The name by which a disk without paths is known: a path too, so that it has a file name. Every
/// other disk is known by its inode instead.
pub(crate) fn key_name(name: Name) -> Option<String> {
    name.is_multiple_of(2).then(|| format!("/gone/{name}/{}", file(name)))
}

/// Few file names, so that many disks share one.
pub(crate) fn file(number: u8) -> String {
    format!("f{}.qcow2", number % 5)
}
