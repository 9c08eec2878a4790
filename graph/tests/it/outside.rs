//! Files out of the scope: nobody looked who else needs them.

use diskdag_graph::scan::{Control, Fingerprint, Scan, Scope, Waiver};
use diskdag_graph::{
    Answer, Change, Coverage, DiskId, Doubt, DoubtKind, Facts, Graph, Key, ScopeSource, State,
    Verdict,
};

use crate::scans::Fleet;

fn disk(name: &str) -> Facts {
    Facts::new(Key::name(name)).at(format!("/{name}"))
}

fn outside(name: &str) -> Facts {
    Facts { in_scope: false, ..disk(name) }
}

fn graph(all: impl IntoIterator<Item = Facts>) -> Graph {
    let mut graph = Graph::new();
    graph.apply(all.into_iter().map(Change::Insert)).unwrap();
    graph
}

fn id(graph: &Graph, name: &str) -> DiskId {
    graph.find_key(&Key::name(name)).unwrap()
}

fn kinds(doubts: &[Doubt]) -> Vec<(DoubtKind, &str)> {
    doubts.iter().map(|doubt| (doubt.kind, doubt.path.to_str().unwrap())).collect()
}

const OUT: DoubtKind = DoubtKind::OutOfScope;

#[test]
fn a_base_that_was_only_reached_by_a_reference_was_said_to_be_free_to_go() {
    let mut graph = graph([outside("base"), disk("over").backed_by(Key::name("base"))]);
    let (base, over) = (id(&graph, "base"), id(&graph, "over"));
    assert!(graph.doubts().is_empty(), "as long as nobody asks about it");
    let both = graph.removal(&[base, over]);
    assert_eq!((both.verdict, kinds(&both.doubts)), (Verdict::Unknown, vec![(OUT, "/base")]));
    assert_eq!(graph.removal(&[base]).verdict, Verdict::No);
    assert_eq!(graph.removal(&[over]).verdict, Verdict::Yes);
    assert!(!graph.dependents(base).is_complete() && graph.dependents(over).is_complete());
    assert!(graph.has_dependents(base).is_yes() && graph.has_dependents(over).is_no());
    graph.apply([Change::Remove(over)]).unwrap();
    let Answer::Unknown(why) = graph.has_dependents(base) else { panic!("nobody looked") };
    assert_eq!(kinds(&why.list()), [(OUT, "/base")]);
    assert_eq!(graph.removal(&[base]).verdict, Verdict::Unknown);
}

/// What is in the way is in the way; whoever depends on that says nothing of the other members.
#[test]
fn a_dependent_out_of_the_scope_leaves_the_list_open_and_no_other_member_in_doubt() {
    let graph = graph([
        disk("base"),
        outside("between").backed_by(Key::name("base")),
        disk("top").backed_by(Key::name("between")),
        disk("other"),
    ]);
    let (base, other) = (id(&graph, "base"), id(&graph, "other"));
    assert_eq!(kinds(&graph.dependents(base).doubts()), [(OUT, "/between")]);
    assert!(graph.dependents(other).is_complete());
    let removal = graph.removal(&[base, other]);
    let verdicts: Vec<Verdict> = removal.images.iter().map(|image| image.verdict).collect();
    assert_eq!((removal.verdict, verdicts), (Verdict::No, vec![Verdict::No, Verdict::Yes]));
    assert!(removal.doubts.is_empty());
}

#[test]
fn where_a_disk_lies_follows_what_is_told() {
    let mut graph = graph([disk("a"), outside("b"), disk("c").backed_by(Key::name("gone"))]);
    let doubts = |graph: &Graph, name: &str| graph.removal(&[id(graph, name)]).doubts.len();
    assert_eq!((doubts(&graph, "a"), doubts(&graph, "b")), (0, 1));
    let before = graph.clone();
    graph.apply([outside("a"), disk("b")].map(Change::Insert)).unwrap();
    assert_eq!((doubts(&graph, "a"), doubts(&graph, "b")), (1, 0));
    assert_eq!((doubts(&before, "a"), doubts(&before, "b")), (0, 1), "a version of its own");
    // What is no file lies nowhere.
    for state in [State::Missing, State::Remote, State::Opaque, State::Refused, State::NotAFile] {
        graph.apply([Change::Insert(Facts { state, ..outside("b") })]).unwrap();
        assert_eq!((doubts(&graph, "b"), doubts(&graph, "gone")), (0, 0), "{state:?}");
    }
    // It goes and comes back in another place.
    let a = id(&graph, "a");
    graph.apply([Change::Remove(a), Change::Insert(disk("a"))]).unwrap();
    assert_eq!((doubts(&graph, "a"), id(&graph, "a")), (0, a));
}

/// Where no scope was declared that is said of every disk, and where a person knows better, that is.
#[test]
fn what_was_assumed_or_waived_is_not_doubted_twice() {
    let mut graph = graph([outside("b")]);
    let b = id(&graph, "b");
    graph.set_coverage(Coverage { source: ScopeSource::Assumed, ..Coverage::default() });
    assert_eq!(kinds(&graph.removal(&[b]).doubts), [(DoubtKind::ScopeAssumed, "")]);
    assert!(graph.out_of_scope(b).is_none() && graph.has_dependents(b).is_unknown());
    let waived = diskdag_graph::Waived { path: "/b".into(), reason: "ours alone".to_owned() };
    graph.set_coverage(Coverage { waived: vec![waived], ..Coverage::default() });
    assert_eq!(graph.removal(&[b]).verdict, Verdict::Yes);
    assert!(graph.has_dependents(b).is_no() && graph.dependents(b).is_complete());
}

/// Many more lie out of the scope than are asked about, and the other way round.
#[test]
fn all_that_lie_out_of_the_scope_are_named_in_their_order() {
    let name = |number: u32| format!("{number:04}");
    for many in [3, 1_000] {
        let all = (0..many).map(|number| outside(&name(number)));
        let inside = (many..1_003).map(|number| disk(&name(number)));
        let graph = graph(all.chain(inside));
        for asked in [2, many, 1_003] {
            let asked: Vec<DiskId> = (0..asked).rev().map(|it| id(&graph, &name(it))).collect();
            let doubts = graph.removal(&asked).doubts;
            assert_eq!(doubts.len(), asked.len().min(many as usize));
            assert!(doubts.is_sorted_by_key(|doubt| doubt.path.clone()));
        }
    }
}

/// The same of a scan: whoever led to it, an image in scope, an owner or the question.
#[test]
fn a_scan_says_which_disks_lie_where_it_did_not_look() {
    let (fleet, elsewhere) = (Fleet::new(), Fleet::new());
    elsewhere.image("base", None);
    let base_path = elsewhere.path("base");
    fleet.image("over", Some(base_path.to_str().unwrap()));
    let scan = || Scan::new(Scope::declared([fleet.path("")], ScopeSource::Flag));
    let scanned = scan().run(&Control::default()).unwrap();
    let graph = &scanned.graph;
    let (base, over) = (graph.find(&base_path).unwrap(), graph.find(&fleet.path("over")).unwrap());
    assert_eq!(graph.out_of_scope(base).map(|doubt| doubt.path), Some(base_path.clone()));
    assert_eq!(graph.removal(&[base, over]).verdict, Verdict::Unknown);
    assert!(graph.doubts().is_empty() && graph.coverage().doubts.is_empty());
    let verified = scanned.verify_dependents(&[base], &Control::default()).unwrap();
    assert!(!verified.is_unchanged());
    assert!(scanned.verify_dependents(&[over], &Control::default()).unwrap().is_unchanged());
    let asked = scan().images(vec![base_path.clone()]).run(&Control::default()).unwrap();
    assert_eq!(asked.graph.removal(&[base, over]).doubts, graph.removal(&[base, over]).doubts);
    // A person who knows who uses it can say so.
    let fingerprint = Fingerprint::of(&base_path).unwrap();
    let waiver = Waiver { path: base_path, reason: "ours alone".to_owned(), fingerprint };
    let waived = scan().waivers(vec![waiver]).run(&Control::default()).unwrap();
    assert_eq!(waived.graph.removal(&[base, over]).verdict, Verdict::Yes);
    assert_eq!(waived.graph.coverage().waived.len(), 1);
    // Chains alone say nothing about who depends on whom.
    let chain = Scan::follow(vec![fleet.path("over")]).run(&Control::default()).unwrap();
    let over = *chain.images[0].as_ref().unwrap();
    assert!(chain.graph.has_dependents(over).is_unknown() && chain.graph.doubts().is_empty());
}
