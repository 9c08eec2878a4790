//! Ids, placeholders and versions: what stays, what goes, and when.

use diskdag_graph::{ApplyError, Change, DiskId, EdgeFacts, Facts, Graph, Key, State};
use std::path::Path;

fn key(name: &str) -> Key {
    Key::name(name)
}

fn disk(name: &str) -> Facts {
    Facts::new(key(name)).at(format!("/d/{name}"))
}

fn id(graph: &Graph, name: &str) -> DiskId {
    graph.find_key(&key(name)).unwrap()
}

fn fleet() -> Graph {
    let mut graph = Graph::new();
    graph
        .apply([
            Change::Insert(disk("overlay").backed_by(key("base"))),
            Change::Insert(disk("base")),
        ])
        .unwrap();
    graph
}

fn repoint(graph: &Graph, name: &str, to: &[&str]) -> Change {
    let references = to.iter().map(|to| EdgeFacts::backing(key(to))).collect();
    Change::Repoint { disk: id(graph, name), references }
}

fn state(graph: &Graph, name: &str) -> State {
    graph.disk(id(graph, name)).unwrap().state()
}

#[test]
fn a_disk_that_is_removed_while_it_is_needed_stays_as_missing_under_its_id() {
    let mut graph = fleet();
    let base = id(&graph, "base");
    graph.apply([Change::Remove(base)]).unwrap();
    assert_eq!(id(&graph, "base"), base);
    assert_eq!(state(&graph, "base"), State::Missing);
    assert_eq!(graph.find(Path::new("/d/base")), Some(base));
    assert_eq!(graph.missing().collect::<Vec<_>>(), [base]);
    // It comes back: the same disk.
    let applied = graph.apply([Change::Insert(disk("base"))]).unwrap();
    assert_eq!((applied.inserted, id(&graph, "base")), (1, base));
    assert_eq!(state(&graph, "base"), State::Ok);
}

#[test]
fn what_was_removed_goes_with_the_last_one_that_needed_it() {
    let mut graph = fleet();
    let base = id(&graph, "base");
    graph.apply([Change::Remove(base)]).unwrap();
    let overlay = id(&graph, "overlay");
    graph.apply([Change::Remove(overlay)]).unwrap();
    assert!(graph.is_empty() && graph.disk(base).is_none());
    assert_eq!(graph.find(Path::new("/d/base")), None);
    // What comes under the same key now is another disk.
    graph.apply([Change::Insert(disk("base"))]).unwrap();
    assert_ne!(id(&graph, "base"), base);
    assert!(graph.has_dependents(base).is_unknown());
}

#[test]
fn the_order_of_removals_in_a_batch_does_not_matter() {
    for order in [["base", "overlay"], ["overlay", "base"]] {
        let mut graph = fleet();
        let changes = order.map(|name| Change::Remove(id(&graph, name)));
        assert_eq!(graph.apply(changes).unwrap().removed, 2);
        assert!(graph.is_empty());
    }
}

#[test]
fn a_disk_that_names_itself_goes_when_it_is_removed() {
    let mut graph = Graph::new();
    graph.apply([Change::Insert(disk("self").backed_by(key("self")))]).unwrap();
    graph.apply([Change::Remove(id(&graph, "self"))]).unwrap();
    assert!(graph.is_empty());
}

#[test]
fn removed_and_inserted_again_in_one_batch_a_disk_keeps_its_id() {
    let mut graph = fleet();
    let overlay = id(&graph, "overlay");
    graph.apply([Change::Remove(overlay), Change::Insert(disk("overlay"))]).unwrap();
    assert_eq!(id(&graph, "overlay"), overlay);
    assert_eq!(graph.dependents(id(&graph, "base")).count(), 0);
}

#[test]
fn removed_and_inserted_again_a_disk_can_be_named_again_in_the_same_batch() {
    let mut graph = fleet();
    let (overlay, base) = (id(&graph, "overlay"), id(&graph, "base"));
    let changes = [
        Change::Remove(overlay),
        Change::Insert(disk("overlay")),
        Change::Repoint { disk: overlay, references: vec![EdgeFacts::backing(key("other"))] },
        Change::Remove(base),
        Change::Insert(disk("base")),
        Change::Remove(base),
    ];
    let applied = graph.apply(changes).unwrap();
    assert_eq!((applied.inserted, applied.updated, applied.removed), (2, 1, 3));
    assert_eq!((id(&graph, "overlay"), graph.disk(base).is_none()), (overlay, true));
    assert!(graph.depends_on(overlay, id(&graph, "other")).is_yes());
    let removed = id(&graph, "other");
    let again = [Change::Remove(overlay), Change::Insert(disk("overlay")), Change::Remove(overlay)];
    let twice = again.into_iter().chain([Change::Remove(overlay)]);
    assert_eq!(graph.apply(twice), Err(ApplyError::StaleId { position: 3, id: overlay }));
    assert!(graph.depends_on(overlay, removed).is_yes());
}

#[test]
fn a_placeholder_let_go_and_needed_again_in_one_batch_keeps_its_id() {
    let mut graph = Graph::new();
    graph.apply([Change::Insert(disk("a").backed_by(key("gone")))]).unwrap();
    let gone = id(&graph, "gone");
    let changes = [repoint(&graph, "a", &[]), Change::Insert(disk("b").backed_by(key("gone")))];
    graph.apply(changes).unwrap();
    assert_eq!(id(&graph, "gone"), gone);
}

#[test]
fn a_placeholder_that_is_re_pointed_in_the_batch_that_lets_it_go_is_not_forgotten() {
    let mut graph = Graph::new();
    graph.apply([Change::Insert(disk("a").backed_by(key("gone")))]).unwrap();
    let changes = [repoint(&graph, "a", &[]), repoint(&graph, "gone", &["below"])];
    graph.apply(changes).unwrap();
    assert_eq!(state(&graph, "gone"), State::Missing);
    assert!(graph.depends_on(id(&graph, "gone"), id(&graph, "below")).is_yes());
    // Somebody has said something about it: it stays until it is removed, and takes with it what
    // only it needed.
    graph.apply([Change::Remove(id(&graph, "gone"))]).unwrap();
    assert_eq!(graph.len(), 1);
}

#[test]
fn a_disk_inserted_as_missing_stays_whether_anything_needs_it_or_not() {
    let mut graph = Graph::new();
    let missing = Facts { state: State::Missing, ..disk("known") };
    graph
        .apply([Change::Insert(missing), Change::Insert(disk("a").backed_by(key("known")))])
        .unwrap();
    graph.apply([repoint(&graph, "a", &[])]).unwrap();
    assert_eq!(state(&graph, "known"), State::Missing);
    graph.apply([Change::Remove(id(&graph, "known"))]).unwrap();
    assert_eq!(graph.len(), 1);
}

#[test]
fn a_batch_that_names_a_disk_twice_gone_changes_nothing() {
    let mut graph = fleet();
    let overlay = id(&graph, "overlay");
    let before = graph.clone();
    let changes = [
        Change::Insert(disk("new")),
        Change::Remove(overlay),
        Change::Repoint { disk: overlay, references: Vec::new() },
    ];
    assert_eq!(graph.apply(changes), Err(ApplyError::StaleId { position: 2, id: overlay }));
    assert_eq!((graph.len(), graph.edge_count()), (before.len(), before.edge_count()));
    assert_eq!(graph.find_key(&key("new")), None);
}

#[test]
fn a_path_leads_to_the_file_that_took_a_missing_ones_place() {
    let mut graph = fleet();
    let base = id(&graph, "base");
    let replacement = Facts::new(Key::File { device: 1, inode: 1 }).at("/d/base");
    graph.apply([Change::Insert(replacement), Change::Remove(base)]).unwrap();
    let found = graph.find(Path::new("/d/base")).unwrap();
    assert_ne!(found, base);
    assert_eq!(graph.dependents(found).count(), 0);
    assert_eq!(graph.dependents(base).count(), 1);
    // When it goes, the path leads to what still bears it.
    graph.apply([Change::Remove(found)]).unwrap();
    assert_eq!(graph.find(Path::new("/d/base")), Some(base));
}

#[test]
fn of_two_disks_that_claim_a_path_the_one_inserted_last_is_found() {
    let claim = |inode| Change::Insert(Facts::new(Key::File { device: 1, inode }).at("/d/x"));
    let mut graph = Graph::new();
    for inode in [5, 3, 4, 3] {
        graph.apply([claim(inode)]).unwrap();
        let found = graph.find(Path::new("/d/x")).unwrap();
        assert_eq!(graph.disk(found).unwrap().key(), Key::File { device: 1, inode });
    }
}

/// The generation of a slot is a small number, and must not begin again.
#[test]
fn an_id_names_no_other_disk_however_often_disks_come_and_go() {
    let mut graph = fleet();
    let mut ids = std::collections::BTreeSet::new();
    for round in 0..1_000 {
        graph.apply([Change::Insert(disk("leaf").backed_by(key("base")))]).unwrap();
        assert!(ids.insert(id(&graph, "leaf")), "round {round}");
        graph.apply([Change::Remove(id(&graph, "leaf"))]).unwrap();
        assert!(ids.iter().all(|id| graph.disk(*id).is_none()));
    }
    assert_eq!(graph.disks().count(), graph.len());
    assert_eq!(graph.structure().node_count(), graph.len());
}

/// A removal counts as told when it was asked for, not when the batch ends.
#[test]
fn of_two_missing_disks_that_claim_a_path_the_one_inserted_behind_a_removal_is_found() {
    let mut graph = fleet();
    let base = id(&graph, "base");
    let missing = Facts { state: State::Missing, ..Facts::new(Key::name("elsewhere")) };
    let missing = missing.at("/d/base");
    graph.apply([Change::Remove(base), Change::Insert(missing.clone())]).unwrap();
    assert_eq!(graph.find(Path::new("/d/base")), graph.find_key(&missing.key));
}

#[test]
fn of_a_disk_that_a_batch_removes_twice_the_last_removal_counts() {
    let mut graph = fleet();
    let base = id(&graph, "base");
    let missing = Facts { state: State::Missing, ..Facts::new(Key::name("elsewhere")) };
    let changes = [
        Change::Remove(base),
        Change::Insert(disk("base")),
        Change::Insert(missing.at("/d/base")),
        Change::Remove(base),
    ];
    graph.apply(changes).unwrap();
    assert_eq!(graph.find(Path::new("/d/base")), Some(base));
}

#[test]
fn a_clone_keeps_its_version() {
    let mut graph = fleet();
    let (overlay, base) = (id(&graph, "overlay"), id(&graph, "base"));
    let before = graph.clone();
    graph.apply([Change::Remove(overlay)]).unwrap();
    assert!(graph.has_dependents(base).is_no() && graph.disk(overlay).is_none());
    assert!(before.has_dependents(base).is_yes() && before.disk(overlay).is_some());
}

#[test]
fn an_id_of_a_later_version_names_nothing_in_an_earlier_one() {
    let mut graph = fleet();
    let overlay = id(&graph, "overlay");
    graph.apply([Change::Remove(overlay)]).unwrap();
    let before = graph.clone();
    graph.apply([Change::Insert(disk("new"))]).unwrap();
    let new = id(&graph, "new");
    assert!(before.disk(new).is_none());
    assert!(before.has_dependents(new).is_unknown());
    assert_eq!(before.dependents(new).count(), 0);
    assert!(before.depends_on(new, new).is_unknown());
}

#[test]
fn an_empty_batch_changes_nothing() {
    let mut graph = fleet();
    assert_eq!(graph.apply([]), Ok(diskdag_graph::Applied::default()));
    assert_eq!(graph.len(), 2);
}

#[test]
fn a_graph_may_move_to_any_thread() {
    fn is_free<T: Clone + Send + Sync + 'static>() {}
    is_free::<Graph>();
    is_free::<DiskId>();
}
