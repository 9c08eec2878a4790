//! The disks that a scan has collected, on their way into a graph.

use hashbrown::HashMap;

use crate::apply::ApplyError;
use crate::facts::{DependencyKnowledge, Facts, Key, State};
use crate::graph::Graph;
use crate::links::{BACKING, CERTAIN, NewEdge, STEP, all_traits};
use crate::records::{InPile, Pile};
use crate::scan::plain;
use crate::scan::tables::{Hasher, NOTHING, Tables};

/// When all disks of a scan were told.
pub(super) const TOLD: u64 = 1;

/// Where an edge leads.
#[derive(Clone, Copy, Debug)]
enum Target {
    File(u32),
    /// A node that is no file, by its position among those.
    Loose(u32),
    /// To one that nobody collected, by its position among those.
    Stray(u32),
}

/// Disks with their edges: those that are files, then those that are none.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// First what was made before all was known.
    piles: Vec<Pile>,
    /// Where in those each disk is.
    places: Vec<InPile>,
    /// How many references each has.
    counts: Vec<u32>,
    edges: Vec<NewEdge<Target>>,
    /// Of the first disks, which file each is.
    files: Vec<u32>,
    /// Files that are known by a name by which a node that is no file is known too.
    doubles: Vec<(u32, u32)>,
    strays: Vec<Key>,
}

/// Nodes that are no files, and their positions.
pub(super) type Positions<'t> = HashMap<&'t Key, u32, Hasher>;

impl Collected {
    pub(super) fn with_capacity(disks: usize) -> Self {
        Self {
            piles: vec![Pile::default()],
            places: Vec::with_capacity(disks),
            counts: Vec::with_capacity(disks),
            edges: Vec::with_capacity(disks),
            files: Vec::with_capacity(disks),
            ..Self::default()
        }
    }

    /// The number of disks.
    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    /// Takes what was made before all was known, from which disks were taken already.
    pub(super) fn were_made(&mut self, made: Pile) {
        match self.piles.first_mut() {
            Some(first) => *first = made,
            None => self.piles.push(made),
        }
    }

    fn add(&mut self, facts: &Facts) {
        let (pile, place) = self.last_pile();
        pile.push(facts, TOLD);
        self.places.push(place);
    }

    /// The pile that more is made in, and the place there of what is made next.
    fn last_pile(&mut self) -> (&mut Pile, InPile) {
        while self.piles.len() < 2 {
            self.piles.push(Pile::default());
        }
        let last = self.piles.len() - 1;
        let pile = &mut self.piles[last];
        let place = InPile { pile: number(last), at: number(pile.len()) };
        (pile, place)
    }

    /// Adds a file.
    pub(super) fn push(
        &mut self,
        tables: &Tables,
        loose: &Positions<'_>,
        file: u32,
        facts: &Facts,
    ) {
        // What else is said under its name comes later.
        if let Some(double) = loose.get(&facts.key) {
            return self.doubles.push((file, *double));
        }
        self.files.push(file);
        let backing = plain::backing(tables, file);
        for (edge, traits) in facts.references.iter().zip(all_traits(&facts.references)) {
            let file = backing.or_else(|| tables.file_of(&edge.target));
            let to = match (file, loose.get(&edge.target)) {
                (_, Some(position)) => Target::Loose(*position),
                (Some(file), None) => Target::File(file),
                (None, None) => {
                    self.strays.push(edge.target.clone());
                    Target::Stray(number(self.strays.len() - 1))
                }
            };
            self.edges.push(NewEdge { to, traits });
        }
        self.counts.push(number(facts.references.len()));
        self.add(facts);
    }

    /// Adds a file of which the disk was made already, and is there: one that needs at most what it was found to
    /// need in the plain way.
    pub(super) fn push_made(&mut self, tables: &Tables, file: u32, at: u32) {
        self.push_edge(tables, file, InPile { pile: 0, at });
    }

    /// Adds a file of which the disk is plain, where there are no nodes that are no files. Nothing is added if that
    /// takes more.
    pub(super) fn push_plain(&mut self, tables: &Tables, file: u32) -> bool {
        let Some(disk) = plain::disk(tables, file) else { return false };
        let (pile, place) = self.last_pile();
        let is_made = pile.push_plain(&disk, TOLD);
        if is_made {
            self.push_edge(tables, file, place);
        }
        is_made
    }

    fn push_edge(&mut self, tables: &Tables, file: u32, place: InPile) {
        let backing = plain::backing(tables, file);
        self.files.push(file);
        let edge = |file| NewEdge { to: Target::File(file), traits: BACKING | CERTAIN | STEP };
        self.edges.extend(backing.map(edge));
        self.counts.push(u32::from(backing.is_some()));
        self.places.push(place);
    }

    /// Adds a node that is no file. After all files, and in the order of their positions.
    pub(super) fn push_loose(&mut self, facts: &Facts) {
        self.counts.push(0);
        self.add(facts);
    }

    /// The references of the disk at this position are all that it has.
    pub(super) fn complete(&mut self, position: usize) {
        let Some(InPile { pile, at }) = self.places.get(position).copied() else { return };
        if let Some(pile) = self.piles.get_mut(pile as usize) {
            pile.complete(at as usize);
        }
    }

    pub(super) fn append(&mut self, other: Self) {
        let strays = number(self.strays.len());
        // The first pile is the same for both.
        let more = number(self.piles.len().saturating_sub(1));
        self.piles.extend(other.piles.into_iter().skip(1));
        self.places.extend(other.places.into_iter().map(|place| match place.pile {
            0 => place,
            pile => InPile { pile: pile + more, ..place },
        }));
        self.counts.extend(other.counts);
        self.edges.extend(other.edges.into_iter().map(|NewEdge { to, traits }| match to {
            Target::Stray(at) => NewEdge { to: Target::Stray(strays + at), traits },
            to => NewEdge { to, traits },
        }));
        self.files.extend(other.files);
        self.doubles.extend(other.doubles);
        self.strays.extend(other.strays);
    }

    /// The graph of them, made by so many threads.
    pub(in crate::scan) fn into_graph(
        mut self,
        tables: &Tables,
        threads: usize,
    ) -> Result<Graph, ApplyError> {
        let mut slots = vec![NOTHING; tables.files.len()];
        for (file, slot) in self.files.iter().zip(0..) {
            slots[*file as usize] = slot;
        }
        let files = number(self.files.len());
        for (file, double) in &self.doubles {
            slots[*file as usize] = files + double;
        }
        let mut strays: HashMap<Key, u32, Hasher> = HashMap::default();
        let mut edges = Vec::with_capacity(self.edges.len());
        for NewEdge { to, traits } in std::mem::take(&mut self.edges) {
            let to = match to {
                Target::File(file) => slots[file as usize],
                Target::Loose(position) => files + position,
                Target::Stray(at) => {
                    let key = &self.strays[at as usize];
                    let next = number(self.counts.len());
                    let slot = *strays.entry(key.clone()).or_insert(next);
                    if slot == next {
                        let facts = stray(key.clone());
                        self.push_loose(&facts);
                    }
                    slot
                }
            };
            edges.push(NewEdge { to, traits });
        }
        Graph::of_all((&self.piles, &self.places), (&self.counts, &edges), threads)
    }
}

/// What a reference was found to lead to, and nobody has met since: it may be anything.
fn stray(key: Key) -> Facts {
    Facts {
        state: State::Unreadable,
        reason: Some("it changed while it was being looked at".into()),
        dependencies: DependencyKnowledge::Unknown,
        in_scope: false,
        ..Facts::new(key)
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
