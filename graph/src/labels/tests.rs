//! Programs of changes, after each batch of which the labels are compared with what the edges make of them:
//! see [`Labels::assert_sound`](super::Labels::assert_sound), which `apply` calls in tests.

use proptest::prelude::*;

use crate::facts::{Certainty, Change, DependencyKnowledge, EdgeFacts, Facts, Key, State};
use crate::graph::Graph;

#[derive(Clone, Debug)]
enum Step {
    /// A disk with so many references, of which each is a target and its kind; and what it is itself.
    Insert(u16, Vec<(u16, u8)>, u8),
    Repoint(u16, Vec<(u16, u8)>),
    Remove(u16),
}

/// How references are drawn: hardly ever anything but one certain backing file, or of all sorts.
fn references(disks: u16, odd: u8) -> impl Strategy<Value = Vec<(u16, u8)>> {
    let kind = prop_oneof![
        (100 - u32::from(odd)) => Just(0_u8),
        u32::from(odd) => any::<u8>(),
    ];
    let most = if odd > 10 { 4 } else { 2 };
    prop::collection::vec((0..disks, kind), 0..=most)
}

fn step(disks: u16, odd: u8) -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..disks, references(disks, odd), any::<u8>())
            .prop_map(|(disk, references, is)| Step::Insert(disk, references, is)),
        3 => (0..disks, references(disks, odd)).prop_map(|(disk, to)| Step::Repoint(disk, to)),
        2 => (0..disks).prop_map(Step::Remove),
    ]
}

/// Batches of one change, of a few, and of more than there are disks.
fn program() -> impl Strategy<Value = Vec<Vec<Step>>> {
    (prop_oneof![4..16_u16, 16..300_u16], prop_oneof![1..10_u8, 30..90_u8]).prop_flat_map(
        |(disks, odd)| {
            let batch = prop_oneof![
                4 => prop::collection::vec(step(disks, odd), 1..2),
                4 => prop::collection::vec(step(disks, odd), 2..12),
                2 => prop::collection::vec(step(disks, odd), 12..usize::from(disks) * 2 + 13),
            ];
            prop::collection::vec(batch, 1..24)
        },
    )
}

fn key(disk: u16) -> Key {
    Key::File { device: 1, inode: disk.into() }
}

fn edges(references: &[(u16, u8)]) -> Vec<EdgeFacts> {
    let edge = |(target, kind): &(u16, u8)| {
        let target = key(*target);
        let edge = match kind & 3 {
            3 => EdgeFacts::data_file(target),
            _ => EdgeFacts::backing(target),
        };
        let certainty = [Certainty::Certain, Certainty::Possible];
        let certainty = certainty[usize::from(kind & 12 == 12)];
        EdgeFacts { certainty, ends_chain: kind & 48 == 48, ..edge }
    };
    references.iter().map(edge).collect()
}

/// The change, unless it is about a disk that is not there, or that the batch removes before.
fn change(graph: &Graph, gone: &mut Vec<u16>, step: &Step) -> Option<Change> {
    let id = |disk: u16| graph.find_key(&key(disk)).filter(|_| !gone.contains(&disk));
    match step {
        Step::Insert(disk, to, is) => {
            gone.retain(|other| other != disk);
            let mut facts = Facts { references: edges(to), ..Facts::new(key(*disk)) };
            if is & 15 == 15 {
                facts.state = State::Missing;
            }
            if is & 240 == 240 {
                facts.dependencies = DependencyKnowledge::Unknown;
            }
            Some(Change::Insert(facts))
        }
        Step::Repoint(disk, to) => {
            id(*disk).map(|disk| Change::Repoint { disk, references: edges(to) })
        }
        Step::Remove(disk) => {
            let removal = id(*disk).map(Change::Remove);
            gone.push(*disk);
            removal
        }
    }
}

proptest! {
    #[test]
    fn labels_are_what_the_edges_make_of_them(program in program()) {
        let mut graph = Graph::new();
        for batch in &program {
            let mut gone = Vec::new();
            let changes: Vec<Change> =
                batch.iter().filter_map(|step| change(&graph, &mut gone, step)).collect();
            graph.apply(changes).unwrap();
        }
    }
}

/// The disk that had an edge outside the forest comes to lie above one that inherited it, in the batch in
/// which that edge goes.
#[test]
fn who_needed_itself_and_needs_who_stood_on_it_has_no_exit_left() {
    let mut graph = Graph::new();
    let on = |disk, below| Change::Insert(Facts::new(key(disk)).backed_by(key(below)));
    graph.apply([on(0, 0), on(1, 0)]).unwrap();
    graph.apply([on(0, 1), Change::Insert(Facts::new(key(1)))]).unwrap();
    let id = |disk| graph.find_key(&key(disk)).unwrap();
    assert!(graph.depends_on(id(0), id(1)).is_yes() && graph.depends_on(id(1), id(0)).is_no());
}

/// Whichever of three disks on a cycle the edge left out of the forest leaves, and goes: the one that stood on the
/// disk below it needs one other now, and not two.
#[test]
fn who_stays_of_a_cycle_is_as_deep_as_its_chain_is_long() {
    for (gone, turn) in [(0_u16, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)] {
        let mut graph = Graph::new();
        let on = |disk, below| Change::Insert(Facts::new(key(disk)).backed_by(key(below)));
        let ring = [on(0, 1), on(1, 2), on(2, 0)];
        graph.apply(ring.iter().cycle().skip(turn).take(3).cloned()).unwrap();
        let id = |graph: &Graph, disk| graph.find_key(&key(disk % 3)).unwrap();
        // Below the one that goes there is one that stands on nothing else, above it one that stands on nothing now.
        let changes = [
            Change::Repoint { disk: id(&graph, gone + 2), references: Vec::new() },
            Change::Remove(id(&graph, gone)),
        ];
        graph.apply(changes).unwrap();
        assert_eq!(graph.depth(id(&graph, gone + 1)), 1);
        assert_eq!((graph.depth(id(&graph, gone + 2)), graph.deepest()), (0, 1));
    }
}
