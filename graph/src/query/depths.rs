//! Depths of all disks at once.

use crate::facts::EdgeKind;
use crate::graph::{DiskId, Graph, Inner};

/// The depth of every disk of one graph, as [`Graph::depth`] gives it.
#[derive(Clone, Debug)]
pub struct Depths {
    by_slot: Vec<u32>,
}

impl Depths {
    /// The depth of `disk`; 0 for an id that names nothing.
    pub fn of(&self, disk: DiskId) -> u32 {
        self.by_slot.get(disk.slot as usize).copied().unwrap_or(0)
    }

    /// The greatest of all.
    pub fn deepest(&self) -> u32 {
        self.by_slot.iter().copied().max().unwrap_or(0)
    }
}

/// Not looked at yet.
const NEW: u32 = u32::MAX;
/// On the way that is being walked.
const OPEN: u32 = u32::MAX - 1;

impl Graph {
    /// [`Graph::depth`] of every disk. O(disks + edges), also where [`Graph::depth`] of one disk
    /// costs the length of its chain: on cycles, and above edges outside the forest.
    pub fn depths(&self) -> Depths {
        let inner = &*self.inner;
        let mut by_slot = vec![NEW; inner.disks.len()];
        let mut way: Vec<u32> = Vec::new();
        for start in inner.slots.slots() {
            // Each disk has at most one next one, so a walk ends at a base, at a disk whose depth
            // is known, or where it meets itself.
            let mut at = start;
            let mut depth = loop {
                match by_slot.get(at as usize).copied().unwrap_or(0) {
                    NEW => {}
                    OPEN => break inner.close_cycle(&mut way, &mut by_slot, at),
                    known => break known.saturating_add(1),
                }
                set(&mut by_slot, at, OPEN);
                way.push(at);
                match inner.next_below(at) {
                    None => break 0,
                    // What lies below the target does not belong to this chain.
                    Some((_, true)) => break 1,
                    Some((next, false)) => at = next,
                }
            };
            for slot in way.drain(..).rev() {
                set(&mut by_slot, slot, depth);
                depth = depth.saturating_add(1);
            }
        }
        for depth in &mut by_slot {
            // Slots that are free.
            if *depth >= OPEN {
                *depth = 0;
            }
        }
        Depths { by_slot }
    }
}

impl Inner {
    /// Takes the cycle that begins at `first` from the way; what remains lies above it, and the
    /// depth of its lowest disk is returned.
    fn close_cycle(&self, way: &mut Vec<u32>, by_slot: &mut [u32], first: u32) -> u32 {
        let start = way.iter().position(|slot| *slot == first).unwrap_or(way.len());
        let members = way.split_off(start);
        let others = u32::try_from(members.len().saturating_sub(1)).unwrap_or(OPEN - 1);
        for slot in members {
            set(by_slot, slot, others);
        }
        others.saturating_add(1)
    }

    /// The next disk of the chain, and whether the chain ends there.
    fn next_below(&self, slot: u32) -> Option<(u32, bool)> {
        if let Some(parent) = self.labels.parent(slot) {
            return Some((parent, false));
        }
        let backing = self
            .slots
            .outgoing(slot)
            .filter(|arc| self.edge(*arc).is_some_and(|edge| edge.facts.kind == EdgeKind::Backing));
        let first = backing.min_by_key(|arc| arc.position)?;
        // A disk that reads itself as raw data has nothing below it.
        (first.to != slot || !self.traits(first).ends).then(|| (first.to, self.traits(first).ends))
    }
}

fn set(by_slot: &mut [u32], slot: u32, depth: u32) {
    if let Some(place) = by_slot.get_mut(slot as usize) {
        *place = depth;
    }
}

#[cfg(test)]
mod tests {
    use crate::{Change, EdgeFacts, Facts, Graph, Key};

    /// Disk i needs disk `needs[i]`; a negative number makes the edge end the chain.
    fn graph(needs: &[Option<(usize, bool)>]) -> Graph {
        let key = |at: usize| Key::name(at.to_string());
        let changes = needs.iter().enumerate().map(|(at, need)| {
            let references = need.iter().map(|(to, ends_chain)| EdgeFacts {
                ends_chain: *ends_chain,
                ..EdgeFacts::backing(key(*to))
            });
            Change::Insert(Facts { references: references.collect(), ..Facts::new(key(at)) })
        });
        let mut graph = Graph::new();
        graph.apply(changes).unwrap();
        graph
    }

    #[test]
    fn they_are_those_of_the_single_question() {
        let plain = |to: usize| Some((to, false));
        let ends = |to: usize| Some((to, true));
        for needs in [
            vec![],
            vec![None, plain(0), plain(1), plain(1)],
            // A ring of three with a tail of two, and a disk that needs itself.
            vec![plain(1), plain(2), plain(0), plain(0), plain(3), plain(5)],
            // Read as raw: nothing of what lies below counts.
            vec![None, plain(0), ends(1), plain(2), ends(5)],
        ] {
            let graph = graph(&needs);
            let depths = graph.depths();
            for disk in graph.disks() {
                let id = disk.id();
                assert_eq!(
                    depths.of(id),
                    graph.depth(id),
                    "{} of {needs:?}",
                    disk.path().display()
                );
            }
            assert_eq!(depths.deepest(), graph.deepest());
        }
    }
}
