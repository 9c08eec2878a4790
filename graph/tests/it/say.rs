//! Others than the headers have a say in a removal: usage, blockers and doubts of a caller's own.

use std::path::Path;

use diskdag_graph::{
    Blocker, BlockerKind, Change, DiskId, Doubt, DoubtKind, Facts, Graph, InUse, Key, Removal,
    Usage, Verdict,
};

/// What is said of `/a` and of `/b`; `/top` is free.
struct Said([InUse; 2]);

impl Usage for Said {
    fn in_use(&self, path: &Path) -> InUse {
        match path.to_str() {
            Some("/a") => self.0[0].clone(),
            Some("/b") => self.0[1].clone(),
            Some("/top") => InUse::No,
            _ => panic!("{path:?} is no image of the set"),
        }
    }
}

fn all() -> [InUse; 4] {
    let yes = InUse::Yes { writes: true, detail: "vm".to_owned() };
    [InUse::No, yes, InUse::Unknown { reason: "no permission".to_owned() }, InUse::NotAsked]
}

/// `/top` needs `/b`; `/a` stands alone.
fn fleet() -> (Graph, DiskId, DiskId, DiskId) {
    let key = |name: &str| Key::name(name);
    let disk = |name: &str| Facts::new(key(name)).at(name);
    let mut graph = Graph::new();
    let disks = [disk("/a"), disk("/b"), disk("/top").backed_by(key("/b"))];
    graph.apply(disks.map(Change::Insert)).unwrap();
    let id = |name: &str| graph.find_key(&key(name)).unwrap();
    let (a, b, top) = (id("/a"), id("/b"), id("/top"));
    (graph, a, b, top)
}

fn doubt() -> Doubt {
    Doubt { path: "/elsewhere".into(), kind: DoubtKind::Other, reason: "not asked".to_owned() }
}

fn pin(disk: DiskId) -> Blocker {
    let (path, detail) = ("/a".into(), "pinned".to_owned());
    Blocker { path, disk, image: disk, kind: BlockerKind::Pinned, depth: 0, detail }
}

/// All that can be said of two images, by all who can say it, in two orders: a no from anybody is a no, else a doubt
/// is a doubt; what concerns one image says nothing of the other.
#[test]
fn what_others_say_counts_in_whatever_order_it_is_said() {
    let (graph, a, b, top) = fleet();
    for (of_a, of_b) in all().into_iter().flat_map(|one| all().map(|other| (one.clone(), other))) {
        for (with_top, with_doubt, with_pin, usage_first) in
            (0..16).map(|bits| (bits & 1 > 0, bits & 2 > 0, bits & 4 > 0, bits & 8 > 0))
        {
            let usage =
                |removal: Removal| removal.with_usage(&graph, &Said([of_a.clone(), of_b.clone()]));
            let own = |removal: Removal| {
                let removal = if with_doubt { removal.with_doubt(doubt()) } else { removal };
                if with_pin { removal.with_blocker(pin(a)) } else { removal }
            };
            let set: &[DiskId] = if with_top { &[a, b, top] } else { &[a, b] };
            let plain = graph.removal(set);
            let said = if usage_first { own(usage(plain)) } else { usage(own(plain)) };
            let is_yes = |one: &InUse| matches!(one, InUse::Yes { .. });
            let is_unknown = |one: &InUse| matches!(one, InUse::Unknown { .. });
            let verdict = |blocked: bool, in_doubt: bool| match (blocked, in_doubt) {
                (true, _) => Verdict::No,
                (false, true) => Verdict::Unknown,
                (false, false) => Verdict::Yes,
            };
            let blocked = [with_pin || is_yes(&of_a), !with_top || is_yes(&of_b)];
            let in_doubt = [&of_a, &of_b].map(|one| with_doubt || is_unknown(one));
            for (image, (blocked, in_doubt)) in said.images.iter().zip(blocked.iter().zip(in_doubt))
            {
                assert_eq!(image.verdict, verdict(*blocked, in_doubt), "{said:?}");
            }
            let any = |of: [bool; 2]| of.contains(&true);
            assert_eq!(said.verdict, verdict(any(blocked), any(in_doubt)), "{said:?}");
            let in_use = said.blockers.iter().filter(|one| one.kind == BlockerKind::InUse);
            let expected = [&of_a, &of_b].iter().filter(|one| is_yes(one)).count();
            assert_eq!(in_use.count(), expected);
        }
    }
}

#[test]
fn what_was_asked_twice_is_named_once() {
    let (graph, a, ..) = fleet();
    let free = || Said([InUse::No, InUse::No]);
    let removal = graph.removal(&[a]).with_usage(&graph, &free()).with_usage(&graph, &free());
    assert_eq!(removal.with_checked("headers").checked, ["headers", "locks"]);
    let nobody = Said([InUse::NotAsked, InUse::NotAsked]);
    assert_eq!(graph.removal(&[a]).with_usage(&graph, &nobody).checked, ["headers"]);
}
