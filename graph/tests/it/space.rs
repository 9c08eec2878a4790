//! Bytes, plans and lookalikes on fleets that can be looked through.

use diskdag_graph::{
    Bytes, Certainty, Change, DepthPolicy, DepthVerdict, DiskId, EdgeFacts, Facts, Format, Graph,
    Key, Remedy, Verdict,
};

fn disk(name: &str, bytes: u64) -> Facts {
    let facts = Facts::new(Key::name(name)).at(format!("/images/{name}"));
    Facts { actual_size: Some(bytes), ..facts }
}

fn on(name: &str, bytes: u64, below: &str) -> Facts {
    disk(name, bytes).backed_by(Key::name(below))
}

fn graph(disks: impl IntoIterator<Item = Facts>) -> Graph {
    let mut graph = Graph::new();
    graph.apply(disks.into_iter().map(Change::Insert)).unwrap();
    graph
}

fn id(graph: &Graph, name: &str) -> DiskId {
    graph.find_key(&Key::name(name)).unwrap()
}

/// base <- mid <- top, base <- other.
fn fleet() -> Graph {
    graph([
        disk("base", 1_000),
        on("mid", 100, "base"),
        on("top", 10, "mid"),
        on("other", 20, "base"),
    ])
}

#[test]
fn what_a_disk_alone_keeps_goes_with_it() {
    let space_of = |graph: &Graph, name: &str| graph.space().of(id(graph, name));
    let fleet = fleet();
    let bytes =
        |own, shared, exclusive, retained| Bytes { own, shared: Some(shared), exclusive, retained };
    assert_eq!(space_of(&fleet, "top"), bytes(10, 1_000, 10, 110));
    assert_eq!(space_of(&fleet, "mid"), bytes(100, 1_000, 100, 100));
    assert_eq!(space_of(&fleet, "other"), bytes(20, 1_000, 20, 20));
    assert_eq!(space_of(&fleet, "base"), bytes(1_000, 0, 1_000, 1_000));
    assert_eq!(fleet.space().total(), 1_130);
    // Without the other one, the top keeps everything.
    let after = fleet.what_if([Change::Remove(id(&fleet, "other"))]).unwrap();
    assert_eq!(space_of(&after.graph, "top"), bytes(10, 0, 10, 1_110));
    assert_eq!((after.freed, after.newly_missing.len()), (20, 0));
}

#[test]
fn what_is_reflinked_stays_when_its_file_goes() {
    let clone = Facts { reflinked: 900, ..disk("base", 1_000) };
    let graph = graph([clone, on("top", 10, "base")]);
    let space = graph.space();
    let (base, top) = (id(&graph, "base"), id(&graph, "top"));
    assert_eq!(
        space.of(base),
        Bytes { own: 1_000, shared: Some(0), exclusive: 100, retained: 100 }
    );
    assert_eq!(space.of(top).retained, 110);
    assert_eq!((graph.freed_by(&[base, top]), graph.removal(&[base, top]).frees), (110, 110));
    assert_eq!(space.total(), 1_010);
}

#[test]
fn a_file_with_an_unseen_hard_link_frees_nothing() {
    let linked = Facts { unseen_links: 1, ..disk("base", 1_000) };
    let graph = graph([linked, on("top", 10, "base")]);
    let space = graph.space();
    assert_eq!(space.of(id(&graph, "top")).retained, 10);
    let base = space.of(id(&graph, "base"));
    assert_eq!((base.own, base.exclusive), (1_000, 0));
}

#[test]
fn a_plan_names_the_cheapest_first_and_what_to_put_disks_on() {
    let fleet = fleet();
    let plan = fleet.plan(&[id(&fleet, "mid")]).steps;
    let onto = Remedy::Rebase { onto: id(&fleet, "base") };
    assert_eq!(plan.len(), 1);
    assert_eq!((plan[0].disk, plan[0].remedy, plan[0].copies), (id(&fleet, "top"), onto, 100));
    let plan = fleet.plan(&[id(&fleet, "mid"), id(&fleet, "base")]).steps;
    let steps: Vec<_> = plan.iter().map(|step| (step.disk, step.remedy, step.copies)).collect();
    let expected = [
        (id(&fleet, "other"), Remedy::Flatten, 1_000),
        (id(&fleet, "top"), Remedy::Flatten, 1_100),
    ];
    assert_eq!(steps, expected);
    assert_eq!(fleet.plan(&[id(&fleet, "top")]).steps, []);
}

/// `top` reads `mid`, which reads `below` either as raw, though that has a chain, or by a name that is
/// not sure: neither can be put below `top`, so all of it is copied.
#[test]
fn what_is_copied_because_nothing_of_a_chain_can_stay_counts_as_copied() {
    let raw = |target| EdgeFacts { ends_chain: true, ..EdgeFacts::backing(target) };
    let unsure =
        |target| EdgeFacts { certainty: Certainty::Possible, ..EdgeFacts::backing(target) };
    let step = |edge: EdgeFacts| {
        let mid = Facts { references: vec![edge], ..disk("mid", 100) };
        let below = [on("below", 1_000, "base"), disk("base", 10_000)];
        let fleet = graph(below.into_iter().chain([mid, on("top", 10, "mid")]));
        let plan = fleet.plan(&[id(&fleet, "mid")]).steps;
        assert_eq!(plan.len(), 1);
        (plan[0].remedy, plan[0].copies)
    };
    assert_eq!(step(raw(Key::name("below"))), (Remedy::Flatten, 1_100));
    assert_eq!(step(unsure(Key::name("below"))), (Remedy::Flatten, 11_100));
}

#[test]
fn what_if_tells_what_would_break_and_changes_nothing() {
    let fleet = fleet();
    let base = id(&fleet, "base");
    let after = fleet.what_if([Change::Remove(base)]).unwrap();
    assert_eq!((after.newly_missing, after.broken.len(), after.freed), (vec![base], 3, 1_000));
    assert_eq!(fleet.missing().count(), 0);
    assert_eq!(fleet.removal(&[id(&fleet, "top")]).verdict, Verdict::Yes);
}

#[test]
fn orphans_are_what_no_claimed_disk_needs() {
    let fleet = fleet();
    let names = |ids: Vec<DiskId>| -> Vec<String> {
        let path = |id| fleet.disk(id).unwrap().path().display().to_string();
        ids.into_iter().map(path).collect()
    };
    assert_eq!(names(fleet.orphans([id(&fleet, "other")])), ["/images/mid", "/images/top"]);
    assert_eq!(fleet.orphans([id(&fleet, "other"), id(&fleet, "top")]), []);
    assert_eq!(fleet.orphans([]).len(), 4);
}

#[test]
fn bases_of_one_size_may_be_duplicates() {
    let base = |name, own, length| Facts {
        format: Format::Raw,
        length: Some(length),
        virtual_size: Some(length),
        ..disk(name, own)
    };
    let graph = graph([
        base("a", 500, 4_096),
        base("b", 400, 4_096),
        base("c", 500, 8_192),
        base("empty", 0, 0),
        base("empty-too", 0, 0),
        on("d", 1, "a"),
    ]);
    let found = graph.duplicates();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].disks, [id(&graph, "a"), id(&graph, "b")]);
    assert_eq!(found[0].wasted, 400);
}

#[test]
fn duplicates_waste_nothing_that_deleting_them_would_not_give_back() {
    let base =
        |name, own| Facts { length: Some(4_096), virtual_size: Some(4_096), ..disk(name, own) };
    let linked = Facts { unseen_links: 1, ..base("linked", 500) };
    let shared = Facts { reflinked: 300, ..base("shared", 400) };
    let graph = graph([base("a", 450), linked, shared]);
    assert_eq!(graph.duplicates()[0].wasted, 100);
}

/// The base was moved to another directory; a file beside it has the same size, one the same name and
/// another format, and one of its own dependents bears its name.
#[test]
fn a_moved_base_is_found_by_name_format_and_size() {
    let sized = |facts: Facts, format| Facts { format, virtual_size: Some(1 << 30), ..facts };
    let overlay = |name: &str| {
        let format = Some(std::borrow::Cow::Borrowed(&b"qcow2"[..]));
        let edge = EdgeFacts { format, ..EdgeFacts::backing(Key::name("/old/base.qcow2")) };
        let facts = Facts { references: vec![edge], ..disk(name, 1) };
        sized(facts, Format::Qcow2)
    };
    let graph = graph([
        overlay("one"),
        overlay("two"),
        overlay("deep/base.qcow2"),
        sized(disk("new/base.qcow2", 5), Format::Qcow2),
        sized(disk("raw/base.qcow2", 5), Format::Raw),
        sized(disk("renamed.qcow2", 5), Format::Qcow2),
        disk("unrelated.qcow2", 5),
    ]);
    let found = graph.relocated();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].missing, id(&graph, "/old/base.qcow2"));
    let candidates: Vec<DiskId> = found[0].candidates.iter().map(|one| one.disk).collect();
    let expected = ["new/base.qcow2", "renamed.qcow2", "raw/base.qcow2"];
    assert_eq!(candidates, expected.map(|name| id(&graph, name)));
    let best = found[0].candidates[0];
    assert_eq!((best.same_name, best.same_format, best.same_size), (true, Some(true), Some(true)));
}

#[test]
fn deep_chains_are_named_deepest_first() {
    let chain = |name: &'static str, length: u32| {
        (0..=length).map(move |at| match at {
            0 => disk(&format!("{name}-0"), 1),
            _ => on(&format!("{name}-{at}"), 1, &format!("{name}-{}", at - 1)),
        })
    };
    let graph = graph(chain("a", 63).chain(chain("b", 64)).chain(chain("c", 900)));
    let policy = DepthPolicy::default();
    let found = graph.deepest_chains(policy.warn, 10);
    assert_eq!(found, [(id(&graph, "c-900"), 900), (id(&graph, "b-64"), 64)]);
    let verdicts: Vec<_> = found.iter().map(|(_, depth)| policy.judge(*depth)).collect();
    assert_eq!(verdicts, [DepthVerdict::TooDeep, DepthVerdict::Deep]);
    assert_eq!(policy.judge(63), DepthVerdict::Fine);
    assert_eq!(graph.deepest_chains(1, 2).len(), 2);
    assert!(graph.deepest_chains(901, 10).is_empty());
}

/// A ladder of 30,000 rungs, each held by the two above it: what keeps what is found without a square.
/// Few disks that all need each other took more steps than the same few in a forest may.
#[test]
fn what_is_shared_among_few_disks_that_all_need_each_other_is_added_up() {
    let name = |number: u64| number.to_string();
    let knot = graph((0..400_u64).map(|number| {
        let needs =
            [1, 2, 3, 5].map(|ahead| EdgeFacts::backing(Key::name(name((number + ahead) % 400))));
        Facts { references: needs.into(), ..disk(&name(number), 10) }
    }));
    let space = knot.space();
    assert!((0..400).all(|n| space.of(id(&knot, &name(n))).shared == Some(399 * 10)));
}

/// The disks of a chain that once led into a cycle are no dearer than others: with them all taken for such that need
/// others outside the forest, what they share was given up.
#[test]
fn what_is_shared_is_added_up_when_a_cycle_has_become_a_chain() {
    let name = |number: u32| Key::name(number.to_string());
    let on = |number, below| {
        Change::Insert(Facts {
            actual_size: Some(1),
            ..Facts::new(name(number)).backed_by(name(below))
        })
    };
    let mut graph = Graph::new();
    graph.apply((0..2_000_u32).map(|number| on(number, number.saturating_sub(1)))).unwrap();
    // The base that needed itself goes on top of the disk that stood on it, which needs nothing now.
    let bottom = Facts { actual_size: Some(1), ..Facts::new(name(1)) };
    graph.apply([on(0, 1), on(2, 0), Change::Insert(bottom)]).unwrap();
    let space = graph.space();
    let top = graph.find_key(&name(1_999)).unwrap();
    assert_eq!(graph.depth(top), 1_999);
    assert!(graph.disks().all(|disk| space.of(disk.id()).shared == Some(0)));
    let beside = Change::Insert(Facts::new(name(2_000)).backed_by(name(1_998)));
    graph.apply([beside]).unwrap();
    assert_eq!(graph.space().of(top).shared, Some(1_999));
}

#[test]
fn the_bytes_of_a_deep_ladder() {
    let rungs = 30_000_u32;
    let name = |rung: u32| format!("rung-{rung:06}");
    let disks = (0..rungs).map(|rung| {
        let facts = disk(&name(rung), 1);
        match rung {
            0 => facts,
            1 => facts.backed_by(Key::name(name(0))),
            _ => {
                let mut facts = facts.backed_by(Key::name(name(rung - 1)));
                facts.references.push(EdgeFacts::data_file(Key::name(name(rung - 2))));
                facts
            }
        }
    });
    let graph = graph(disks);
    let space = graph.space();
    let top = space.of(id(&graph, &name(rungs - 1)));
    assert_eq!(top.retained, u64::from(rungs));
    // The one below the top is by-passed: it keeps nothing but itself.
    assert_eq!(space.of(id(&graph, &name(rungs - 2))).retained, 1);
}
