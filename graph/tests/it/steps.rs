//! What keeps the steps of a plan from being done: who uses, and what may not be written to.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use diskdag_graph::{
    Access, Change, DiskId, EdgeFacts, Facts, Graph, Hindrance, HindranceKind, InUse, Key, Plan,
    Remedy, Usage, Writable,
};

fn disk(name: &str) -> Facts {
    Facts::new(Key::name(name)).at(format!("/images/{name}"))
}

/// `base <- middle <- {left, right}`, each of which keeps its data in a file of its own; `middle` has one, too.
fn graph() -> Graph {
    let with = |mut facts: Facts, data: &str| {
        facts.references.push(EdgeFacts::data_file(Key::name(data)));
        facts
    };
    let on = |name: &str, below: &str| disk(name).backed_by(Key::name(below));
    let mut graph = Graph::new();
    let disks = [
        disk("base"),
        with(on("middle", "base"), "middle.raw"),
        with(on("left", "middle"), "left.raw"),
        with(on("right", "middle"), "right.raw"),
    ];
    let data = ["middle.raw", "left.raw", "right.raw"].map(disk);
    graph.apply(disks.into_iter().chain(data).map(Change::Insert)).unwrap();
    graph
}

fn id(graph: &Graph, name: &str) -> DiskId {
    graph.find_key(&Key::name(name)).unwrap()
}

/// Says the same of some files, and counts how often it was asked about each.
struct Says {
    of: Vec<(&'static str, InUse)>,
    asked: Mutex<BTreeMap<String, usize>>,
}

impl Says {
    fn new<const N: usize>(of: [(&'static str, InUse); N]) -> Self {
        Self { of: of.into(), asked: Mutex::default() }
    }
}

impl Usage for Says {
    fn in_use(&self, path: &Path) -> InUse {
        let name = path.file_name().unwrap().to_str().unwrap();
        *self.asked.lock().unwrap().entry(name.to_owned()).or_default() += 1;
        let said = self.of.iter().find(|(of, _)| *of == name);
        said.map_or(InUse::No, |(_, said)| said.clone())
    }
}

fn used(writes: bool) -> InUse {
    InUse::Yes { writes, detail: String::new() }
}

/// Per step its disk, and the names of those that hinder it.
fn said(graph: &Graph, plan: &Plan) -> Vec<(String, Vec<(HindranceKind, String)>)> {
    let name = |id: DiskId| {
        let path = graph.disk(id).unwrap().path();
        path.file_name().unwrap().to_str().unwrap().to_owned()
    };
    let hindrances =
        |all: &[Hindrance]| all.iter().map(|one| (one.kind, name(one.disk))).collect::<Vec<_>>();
    plan.steps.iter().map(|step| (name(step.disk), hindrances(&step.hindrances))).collect()
}

#[test]
fn whoever_writes_to_what_a_step_only_reads_keeps_it_from_being_opened() {
    let graph = graph();
    let plan = |set: &str, usage: &Says| graph.plan(&[id(&graph, set)]).with_usage(&graph, usage);
    let in_use = |name: &str| (HindranceKind::InUse, name.to_owned());
    // Both are put on the base, for which all layers are opened, with their data.
    let usage =
        Says::new([("base", used(true)), ("middle.raw", used(true)), ("left", used(false))]);
    let expected = [
        ("left".to_owned(), vec![in_use("left"), in_use("middle.raw"), in_use("base")]),
        ("right".to_owned(), vec![in_use("middle.raw"), in_use("base")]),
    ];
    assert_eq!(said(&graph, &plan("middle", &usage)), expected);
    assert!(usage.asked.lock().unwrap().values().all(|times| *times == 1), "each once");
    assert_eq!(usage.asked.lock().unwrap().len(), 7);
    // Who only reads it keeps nobody from reading.
    let usage =
        Says::new([("base", used(false)), ("middle", used(false)), ("right.raw", used(false))]);
    let of = said(&graph, &plan("middle", &usage));
    assert!(of.iter().all(|(_, hindrances)| hindrances.is_empty()), "{of:?}");
    // What holds its data elsewhere is only read when it is copied.
    let usage = Says::new([("left", used(false)), ("left.raw", used(true))]);
    let expected = [("left".to_owned(), vec![in_use("left.raw")])];
    assert_eq!(said(&graph, &plan("left.raw", &usage)), expected);
    // Nobody knows.
    let usage = Says::new([("base", InUse::Unknown { reason: String::new() })]);
    let expected = [("middle".to_owned(), vec![(HindranceKind::UseUnknown, "base".to_owned())])];
    assert_eq!(said(&graph, &plan("base", &usage)), expected);
}

/// May write to everything but this; and what was asked.
struct Except(&'static str, Mutex<Vec<String>>);

impl Access for Except {
    fn may_write(&self, path: &Path) -> Writable {
        let Self(but, asked) = self;
        asked.lock().unwrap().push(path.to_str().unwrap().to_owned());
        match path == Path::new(but) {
            true => Writable::No { reason: "read-only".to_owned() },
            false => Writable::Yes,
        }
    }
}

#[test]
fn what_is_written_to_beside_the_disk_has_to_be_writable() {
    let graph = graph();
    let ask = |set: &str, but: &'static str| {
        let access = Except(but, Mutex::default());
        let plan = graph.plan(&[id(&graph, set)]).with_access(&graph, &access);
        (said(&graph, &plan), access.1.into_inner().unwrap())
    };
    let none = |of: &[&str]| of.iter().map(|it| ((*it).to_owned(), vec![])).collect::<Vec<_>>();
    let no = |name: &str| vec![(HindranceKind::NotWritable, name.to_owned())];
    // What is copied into an image lies in its data file.
    let (found, asked) = ask("middle", "/images/right.raw");
    let expected = [("left".to_owned(), vec![]), ("right".to_owned(), no("right.raw"))];
    assert_eq!(found, expected);
    let files = ["left", "left.raw", "right", "right.raw"].map(|name| format!("/images/{name}"));
    assert_eq!(asked, files);
    // What is only read may be read-only.
    assert_eq!(ask("middle", "/images/middle").0, none(&["left", "right"]));
    // A copy is made beside it.
    assert_eq!(ask("left.raw", "/images").0, [("left".to_owned(), no("left"))]);
    assert_eq!(ask("left.raw", "/images/left").0, none(&["left"]));
}

#[test]
fn of_a_stale_disk_nothing_is_asked() {
    let mut graph = graph();
    let left = id(&graph, "left");
    graph.apply([Change::Remove(left)]).unwrap();
    let usage = Says::new([("left", used(true))]);
    for remedy in [Remedy::Flatten, Remedy::Convert, Remedy::Repair] {
        assert!(Hindrance::of_use(&graph, left, remedy, &usage).is_empty());
        let access = Except("/images/left", Mutex::default());
        assert!(Hindrance::of_access(&graph, left, remedy, &access).is_empty());
    }
    assert!(usage.asked.lock().unwrap().is_empty());
}
