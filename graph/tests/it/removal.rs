//! What others than headers add to the judgement on a removal.

use std::path::Path;

use diskdag_graph::{
    Blocker, BlockerKind, Change, DiskId, Facts, Graph, InUse, Key, Removal, Usage, Verdict,
};

/// `base <- middle <- top`.
fn graph() -> Graph {
    let disk = |name: &str| Facts::new(Key::name(name)).at(format!("/images/{name}"));
    let on = |name: &str, below: &str| disk(name).backed_by(Key::name(below));
    let mut graph = Graph::new();
    let all = [disk("base"), on("middle", "base"), on("top", "middle")];
    graph.apply(all.map(Change::Insert)).unwrap();
    graph
}

fn id(graph: &Graph, name: &str) -> DiskId {
    graph.find_key(&Key::name(name)).unwrap()
}

/// Somebody who knows who has what open.
struct Knows(fn(&str) -> InUse);

impl Usage for Knows {
    fn in_use(&self, path: &Path) -> InUse {
        self.0(path.file_name().unwrap().to_str().unwrap())
    }
}

fn held(by: &str) -> InUse {
    InUse::Yes { writes: true, detail: format!("open by {by}") }
}

fn said(removal: &Removal) -> Vec<(BlockerKind, u32, &str)> {
    let blockers = removal.blockers.iter();
    blockers.map(|one| (one.kind, one.depth, one.detail.as_str())).collect()
}

#[test]
fn locks_that_were_asked_twice_were_listed_twice() {
    let graph = graph();
    let qemu = Knows(|name| if name == "top" { held("qemu") } else { InUse::No });
    let other = Knows(|name| if name == "top" { held("another") } else { InUse::NotAsked });
    let set = [id(&graph, "top"), id(&graph, "middle")];
    let once = graph.removal(&set).with_usage(&graph, &qemu);
    assert_eq!((&*once.checked, once.verdict), (&["headers", "locks"][..], Verdict::No));
    assert_eq!(once.clone().with_usage(&graph, &qemu), once);
    let both = once.with_usage(&graph, &other);
    assert_eq!(both.checked, ["headers", "locks"]);
    let expected =
        [(BlockerKind::InUse, 0, "open by qemu"), (BlockerKind::InUse, 0, "open by another")];
    assert_eq!(said(&both), expected);

    let silent = Knows(|_| InUse::Unknown { reason: "closed".to_owned() });
    let unknown = graph.removal(&set).with_usage(&graph, &silent);
    assert_eq!((unknown.verdict, unknown.doubts.len()), (Verdict::Unknown, 2));
    assert_eq!(unknown.checked, ["headers"], "nothing was learned");
    assert_eq!(unknown.clone().with_usage(&graph, &silent), unknown);
}

#[test]
fn what_stands_in_the_way_of_the_image_itself_came_after_its_farthest_dependent() {
    let graph = graph();
    let base = id(&graph, "base");
    let blocker = |kind, depth, detail: &str| Blocker {
        path: "/images/base".into(),
        disk: base,
        image: base,
        kind,
        depth,
        detail: detail.to_owned(),
    };
    let removal = graph
        .removal(&[base])
        .with_blocker(blocker(BlockerKind::Pinned, 0, "for the audit"))
        .with_usage(&graph, &Knows(|_| held("qemu")))
        .with_blockers([blocker(BlockerKind::Snapshot, 1, "near")])
        .with_blocker(blocker(BlockerKind::Pinned, 0, "for the audit"));
    let kinds: Vec<_> = removal.blockers.iter().map(|one| (one.kind, one.depth)).collect();
    let expected = [
        (BlockerKind::Pinned, 0),
        (BlockerKind::InUse, 0),
        (BlockerKind::Dependent, 1),
        (BlockerKind::Snapshot, 1),
        (BlockerKind::Dependent, 2),
    ];
    assert_eq!(kinds, expected);
    // A set of which one is blocked.
    let set = [id(&graph, "top"), id(&graph, "middle"), base];
    let removal =
        graph.removal(&set).with_blocker(blocker(BlockerKind::Pinned, 0, "for the audit"));
    let verdicts: Vec<Verdict> = removal.images.iter().map(|image| image.verdict).collect();
    assert_eq!(verdicts, [Verdict::Yes, Verdict::Yes, Verdict::No]);
    assert_eq!(removal.verdict, Verdict::No);
}
