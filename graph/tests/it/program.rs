//! Programs of changes, run against the graph and the oracle side by side.

use std::collections::{BTreeMap, BTreeSet};

use diskdag_graph::{
    Applied, ApplyError, Certainty, Change, DependencyKnowledge, DiskId, EdgeFacts, Facts, Format,
    Graph, Key, State,
};

use crate::compare::{compare, compare_version};
use crate::oracle::{Condition, Looks, Name, Oracle, Reference, Said, key_name};
use crate::questions::{compare_questions, compare_what_if};
use crate::views::compare_views;

/// One change, by name.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Insert(Said),
    Repoint(Name, Vec<Reference>),
    Remove(Name),
}

/// Batches of changes, each applied as one; and a seed that says which sets are to be removed.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) batches: Vec<Vec<Step>>,
    pub(crate) sets: Vec<u64>,
}

/// A graph, the oracle beside it, and the ids that were handed out.
#[derive(Clone, Default)]
pub(crate) struct Run {
    pub(crate) graph: Graph,
    pub(crate) oracle: Oracle,
    pub(crate) ids: BTreeMap<Name, DiskId>,
    gone: BTreeSet<DiskId>,
}

impl Program {
    /// Runs the program; panics where the two differ.
    pub(crate) fn run(&self) {
        let mut run = Run::default();
        for batch in &self.batches {
            let before = run.clone();
            compare_what_if(&run, batch);
            run.apply(batch);
            compare(&run, &self.sets);
            compare_questions(&run, &self.sets);
            compare_views(&run);
            // A clone keeps seeing what it saw.
            compare_version(&before);
        }
    }
}

/// A batch as the graph is told it, and what must come of that.
pub(crate) struct Told {
    pub(crate) changes: Vec<Change>,
    pub(crate) after: Oracle,
    pub(crate) applied: Result<Applied, ApplyError>,
    /// What the batch removes, whether or not it inserts it again.
    pub(crate) removed: BTreeSet<Name>,
}

impl Run {
    /// Applies one batch to both, and checks what that says.
    pub(crate) fn apply(&mut self, batch: &[Step]) {
        let Told { changes, after, applied, .. } = self.told(batch);
        assert_eq!(self.graph.apply(changes), applied);
        if applied.is_ok() {
            let before = std::mem::replace(&mut self.oracle, after);
            self.renew_ids(&before);
        }
    }

    pub(crate) fn told(&self, batch: &[Step]) -> Told {
        let mut after = self.oracle.clone();
        let mut expected = Applied::default();
        let (mut removed, mut gone) = (BTreeSet::new(), BTreeSet::new());
        let mut changes = Vec::new();
        let mut error = None;
        for step in batch {
            let name = match step {
                Step::Insert(said) => {
                    let is_new = after.disks.get(&said.name).is_none_or(|disk| disk.placeholder);
                    expected.inserted += usize::from(is_new);
                    expected.updated += usize::from(!is_new);
                    after.insert(said.clone());
                    gone.remove(&said.name);
                    changes.push(Change::Insert(facts(said)));
                    continue;
                }
                Step::Repoint(name, _) | Step::Remove(name) => *name,
            };
            // A disk is known by its id, and that is good only if the disk was there before.
            let Some(id) = self.ids.get(&name).or(self.gone.first()).copied() else { continue };
            if self.gone.contains(&id) || gone.contains(&name) {
                error = error.or(Some(ApplyError::StaleId { position: changes.len(), id }));
            } else if let Step::Repoint(name, references) = step {
                after.repoint(*name, references.clone());
                expected.updated += 1;
            } else {
                after.remove(name);
                removed.insert(name);
                gone.insert(name);
                expected.removed += 1;
            }
            changes.push(match step {
                Step::Repoint(_, references) => {
                    Change::Repoint { disk: id, references: edges(references) }
                }
                _ => Change::Remove(id),
            });
        }
        after.settle();
        Told { changes, after, applied: error.map_or(Ok(expected), Err), removed }
    }

    /// A disk that was there all the time keeps its id; a new one has one never seen before.
    fn renew_ids(&mut self, before: &Oracle) {
        let old = std::mem::take(&mut self.ids);
        for (name, disk) in &self.oracle.disks {
            let id = self.graph.find_key(&key(*name)).expect("every disk is found by its key");
            self.ids.insert(*name, id);
            let stayed = before.disks.get(name).is_some_and(|before| before.life == disk.life);
            if stayed {
                assert_eq!(Some(&id), old.get(name), "disk {name} lost its id");
            } else {
                let known = self.gone.contains(&id) || old.values().any(|have| *have == id);
                assert!(!known, "disk {name} has the id of another");
            }
        }
        let still: BTreeSet<DiskId> = self.ids.values().copied().collect();
        self.gone.extend(old.into_values().filter(|id| !still.contains(id)));
        for &id in &self.gone {
            assert!(self.graph.disk(id).is_none(), "a stale id names a disk");
        }
    }

    /// An id that names nothing any more, if there is one.
    pub(crate) fn stale(&self) -> Option<DiskId> {
        self.gone.first().copied()
    }
}

/// Both sorts of keys.
pub(crate) fn key(name: Name) -> Key {
    match key_name(name) {
        Some(key) => Key::name(key),
        None => Key::File { device: 1, inode: name.into() },
    }
}

fn edges(references: &[Reference]) -> Vec<EdgeFacts> {
    let edge = |one: &Reference| EdgeFacts {
        kind: one.kind,
        certainty: if one.certain { Certainty::Certain } else { Certainty::Possible },
        ends_chain: one.ends,
        format: one.declared.map(|format| match format {
            Format::Other => b"unheard-of".as_slice().into(),
            known => known.name().as_bytes().into(),
        }),
        ..EdgeFacts::backing(key(one.to))
    };
    references.iter().map(edge).collect()
}

pub(crate) fn facts(said: &Said) -> Facts {
    let Looks { format, size, length, reflinked, in_scope } = said.looks;
    Facts {
        // What could not be read does not say what it is.
        format: if said.condition == Condition::Unreadable { Format::Unknown } else { format },
        virtual_size: size,
        length,
        reflinked,
        in_scope,
        paths: said.paths.iter().map(|path| std::path::Path::new(path).into()).collect(),
        references: edges(&said.references),
        state: match said.condition {
            Condition::Fine => State::Ok,
            Condition::Unreadable => State::Unreadable,
            Condition::Opaque => State::Opaque,
            Condition::Missing => State::Missing,
        },
        dependencies: match said.condition.is_doubtful() {
            true => DependencyKnowledge::Unknown,
            false => DependencyKnowledge::Complete,
        },
        actual_size: (said.allocated > 0).then_some(said.allocated),
        unseen_links: said.links,
        ..Facts::new(key(said.name))
    }
}
