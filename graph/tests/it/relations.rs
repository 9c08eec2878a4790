//! Relations that are easily got wrong, one by one.

use diskdag_graph::{
    Certainty, Change, DependencyKnowledge, DiskId, DoubtKind, EdgeFacts, Facts, Graph, Key,
    KeyRef, State, Verdict,
};

fn key(name: &str) -> Key {
    Key::name(name)
}

fn disk(name: &str) -> Facts {
    Facts::new(key(name)).at(format!("/d/{name}.qcow2"))
}

fn on(name: &str, bases: &[&str]) -> Facts {
    bases.iter().fold(disk(name), |disk, base| disk.backed_by(key(base)))
}

fn with(mut facts: Facts, edge: EdgeFacts) -> Facts {
    facts.references.push(edge);
    facts
}

fn possible(name: &str) -> EdgeFacts {
    EdgeFacts { certainty: Certainty::Possible, ..EdgeFacts::backing(key(name)) }
}

fn as_raw(name: &str) -> EdgeFacts {
    EdgeFacts { ends_chain: true, ..EdgeFacts::backing(key(name)) }
}

fn graph(disks: impl IntoIterator<Item = Facts>) -> Graph {
    let mut graph = Graph::new();
    graph.apply(disks.into_iter().map(Change::Insert)).unwrap();
    graph
}

fn id(graph: &Graph, name: &str) -> DiskId {
    graph.find_key(&key(name)).unwrap()
}

fn names(graph: &Graph, ids: impl IntoIterator<Item = DiskId>) -> Vec<String> {
    let name = |id| match graph.disk(id).unwrap().key() {
        KeyRef::Name(name) => String::from_utf8_lossy(name).into_owned(),
        other => panic!("{other:?}"),
    };
    let mut names: Vec<String> = ids.into_iter().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_cycle_of_three_is_reported_with_its_members_and_everything_on_it_needs_itself() {
    let graph = graph([on("a", &["b"]), on("b", &["c"]), on("c", &["a"]), on("above", &["b"])]);
    let cycles = graph.cycles();
    assert_eq!(cycles.len(), 1);
    assert_eq!(names(&graph, cycles[0].iter().copied()), ["a", "b", "c"]);
    for name in ["a", "b", "c"] {
        let x = id(&graph, name);
        assert!(graph.depends_on(x, x).is_yes());
        assert_eq!(names(&graph, graph.dependents(x)), ["a", "above", "b", "c"]);
        assert_eq!((graph.depth(x), graph.chain(x).count()), (2, 3));
    }
    let above = id(&graph, "above");
    assert!(graph.depends_on(above, above).is_no());
    assert_eq!(graph.depth(above), 3);
    assert_eq!((graph.roots().count(), names(&graph, graph.leaves())), (0, vec!["above".into()]));
}

#[test]
fn a_disk_that_names_itself_is_a_cycle_of_one() {
    let graph = graph([on("self", &["self"]), disk("other")]);
    let x = id(&graph, "self");
    assert!(graph.depends_on(x, x).is_yes());
    assert_eq!(graph.cycles(), [[x]]);
    assert_eq!((graph.depth(x), graph.chain(x).count()), (0, 1));
    // It stands in its own way only, which is no reason to keep it.
    assert_eq!(graph.removal(&[x]).verdict, Verdict::Yes);
}

#[test]
fn two_cycles_that_share_a_member_are_one_knot() {
    let graph = graph([
        on("shared", &["left", "right"]),
        on("left", &["shared"]),
        on("right", &["shared"]),
    ]);
    let cycles = graph.cycles();
    assert_eq!(cycles.len(), 1);
    assert_eq!(names(&graph, cycles[0].iter().copied()), ["left", "right", "shared"]);
    assert!(graph.depends_on(id(&graph, "left"), id(&graph, "right")).is_yes());
    assert!(graph.depends_on(id(&graph, "right"), id(&graph, "left")).is_yes());
}

#[test]
fn an_image_read_as_raw_hands_on_nothing_of_what_its_own_header_names() {
    let graph = graph([
        on("top", &["overlay"]),
        with(disk("overlay"), as_raw("base")),
        on("base", &["below"]),
        disk("below"),
    ]);
    let (top, base, below) = (id(&graph, "top"), id(&graph, "base"), id(&graph, "below"));
    assert!(graph.depends_on(top, base).is_yes());
    assert!(graph.depends_on(top, below).is_no());
    assert_eq!(names(&graph, graph.dependents(below)), ["base"]);
    assert_eq!(names(&graph, graph.chain(top)), ["base", "overlay", "top"]);
    assert_eq!(graph.depth(top), 2);
}

#[test]
fn a_reference_said_twice_is_one_dependent() {
    let graph =
        graph([with(on("a", &["base", "base"]), EdgeFacts::data_file(key("base"))), disk("base")]);
    let base = id(&graph, "base");
    assert_eq!(graph.edge_count(), 3);
    assert_eq!(graph.dependents(base).count(), 1);
    assert_eq!(graph.removal(&[base]).blockers.len(), 1);
}

#[test]
fn a_possible_edge_blocks_and_permits_nothing() {
    let graph = graph([with(disk("a"), possible("base")), disk("base")]);
    let (a, base) = (id(&graph, "a"), id(&graph, "base"));
    let diskdag_graph::Answer::Unknown(doubts) = graph.depends_on(a, base) else {
        panic!("a possible edge is neither yes nor no");
    };
    let doubts = doubts.list();
    assert_eq!(doubts.len(), 1);
    assert_eq!(doubts[0].kind, DoubtKind::WorkingDirectory);
    assert!(doubts[0].path.ends_with("a.qcow2"));
    assert_eq!(graph.removal(&[base]).verdict, Verdict::No);
    assert_eq!(graph.common_base(a, base), None);
    assert!(!graph.chain_is_certain(a));
}

#[test]
fn an_answer_that_is_not_known_because_of_possible_edges_names_them() {
    let graph =
        graph([with(disk("a"), possible("base")), with(disk("b"), possible("base")), disk("base")]);
    let diskdag_graph::Answer::Unknown(doubts) = graph.has_dependents(id(&graph, "base")) else {
        panic!("possible edges are neither yes nor no");
    };
    assert_eq!(doubts.list().len(), 2);
}

#[test]
fn a_way_that_is_sure_is_not_shortened_by_a_name_that_is_not() {
    let graph = graph([
        with(on("top", &["middle"]), possible("base")),
        on("middle", &["base"]),
        disk("base"),
    ]);
    let (top, base) = (id(&graph, "top"), id(&graph, "base"));
    let (answer, way) = graph.path(top, base);
    assert!(answer.is_yes());
    assert_eq!(names(&graph, way), ["base", "middle", "top"]);
    let dependents = graph.dependents(base).nearest_first();
    let top = dependents.iter().find(|dependent| dependent.disk == top).unwrap();
    assert_eq!((top.depth, top.certain), (2, true));
}

#[test]
fn a_chain_follows_the_first_reference_and_is_judged_by_it() {
    let mut image = with(disk("image"), possible("maybe"));
    image.references.push(EdgeFacts::backing(key("sure")));
    let graph = graph([image, disk("maybe"), disk("sure")]);
    let image = id(&graph, "image");
    assert_eq!(names(&graph, graph.chain(image)), ["image", "maybe"]);
    assert!(!graph.chain_is_certain(image));
    assert!(graph.depends_on(image, id(&graph, "sure")).is_yes());
}

#[test]
fn a_missing_disk_is_no_doubt_about_itself() {
    let gone = Facts { state: State::Missing, ..disk("gone") };
    let graph = graph([gone, with(disk("a"), possible("gone"))]);
    let gone = id(&graph, "gone");
    assert!(graph.depends_on(gone, gone).is_no());
    assert!(graph.removal(&[gone]).doubts.is_empty());
}

#[test]
fn a_missing_file_is_known_by_each_of_its_names() {
    let gone = Facts { state: State::Missing, ..disk("gone") }.at("/elsewhere/base.qcow2");
    let graph = graph([gone, on("a", &["gone"]), disk("moved").at("/there/base.qcow2"), disk("b")]);
    assert_eq!(graph.removal(&[id(&graph, "moved")]).verdict, Verdict::Unknown);
    assert!(graph.depends_on(id(&graph, "a"), id(&graph, "moved")).is_unknown());
    assert_eq!(graph.removal(&[id(&graph, "b")]).verdict, Verdict::Yes);
}

#[test]
fn an_opaque_reference_is_a_doubt_for_each_image_that_makes_it_and_none_about_them() {
    let opaque = Facts {
        state: State::Opaque,
        dependencies: DependencyKnowledge::Unknown,
        ..Facts::new(key("blkdebug::x"))
    };
    let graph = graph([opaque, on("a", &["blkdebug::x"]), on("b", &["blkdebug::x"]), disk("c")]);
    let (a, b, c) = (id(&graph, "a"), id(&graph, "b"), id(&graph, "c"));
    let doubts = graph.removal(&[c]).doubts;
    let paths: Vec<_> = doubts.iter().map(|doubt| doubt.path.to_str().unwrap()).collect();
    assert_eq!(paths, ["/d/a.qcow2", "/d/b.qcow2"]);
    assert_eq!(graph.removal(&[a, b]).verdict, Verdict::Yes);
    assert_eq!(graph.removal(&[a]).verdict, Verdict::Unknown);
}

#[test]
fn sizes_that_nobody_can_have_are_not_added_up_beyond_the_end() {
    let huge = |name| Facts { actual_size: Some(u64::MAX), ..disk(name) };
    let graph = graph([huge("a"), huge("b")]);
    assert_eq!(graph.freed_by(&[id(&graph, "a"), id(&graph, "b")]), u64::MAX);
}
