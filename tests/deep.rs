//! Depth and width without limits: what grows with the fleet is the answer, and nothing else.

use std::collections::BTreeSet;

use crate::support::{Fleet, Image, identity, items, path_of, paths_of, require_qemu};

/// More than any path of recursion, any table of open files, any square of the depth could bear.
const DEPTH: usize = 100_000;

/// Writes a chain of images; layer 0 is the base.
fn chain(depth: usize) -> Fleet {
    let fleet = Fleet::new();
    fleet.base(&name(0));
    for layer in 1..depth {
        fleet.overlay(&name(layer), name(layer - 1));
    }
    fleet
}

fn name(layer: usize) -> String {
    format!("layer-{layer:06}.qcow2")
}

/// How long an answer may be for each disk that it names: a line with a path, generously.
fn bounded(answer: &[u8], disks: usize) {
    assert!(answer.len() < 1000 * disks, "{} bytes for {disks} disks", answer.len());
}

#[test]
fn a_chain_of_a_hundred_thousand() {
    let fleet = chain(DEPTH);
    let [base, top] = [name(0), name(DEPTH - 1)];

    let answer = fleet.diskdag("scan").rooted().arg(fleet.root()).json().go().exits(0);
    let scan = answer.scanned("scan");
    assert_eq!(scan["disks"], DEPTH);
    assert_eq!(scan["edges"], DEPTH - 1);
    assert!(answer.stdout.len() < 10_000, "a summary names no sound disk");

    let answer = fleet.diskdag("chain").image(&top).json().go().exits(0);
    bounded(&answer.stdout, DEPTH);
    let found = answer.object("chain");
    let layers = items(&found, "chain");
    assert_eq!(layers.len(), DEPTH);
    for (index, layer) in layers.iter().enumerate() {
        assert!(path_of(layer).ends_with(name(DEPTH - 1 - index)), "{index}: {layer}");
    }
    bounded(&fleet.diskdag("chain").image(&top).go().exits(0).stdout, DEPTH);

    let answer = fleet.diskdag("can-rm").rooted().image(&base).json().go().exits(4);
    bounded(&answer.stdout, DEPTH);
    let blockers = answer.object("can-rm");
    assert_eq!(items(&blockers, "blockers").len(), DEPTH - 1);
    fleet.diskdag("can-rm").rooted().image(&top).go().exits(0);
    let whole = (0..DEPTH).map(|layer| fleet.path(name(layer)));
    // The whole chain as a set; but not on one command line, which has its limits.
    drop(whole);

    // Indentation that grows with the depth would make this ten gigabytes.
    let answer = fleet.diskdag("tree").rooted().arg(fleet.root()).go().exits(0);
    bounded(&answer.stdout, DEPTH);
    let answer = fleet.diskdag("tree").rooted().arg("-i").arg(fleet.root()).go().exits(0);
    bounded(&answer.stdout, DEPTH);

    let ask = fleet.diskdag("dependents").rooted().args(["--count"]).image(&base);
    assert_eq!(ask.go().exits(0).text().trim(), (DEPTH - 1).to_string());
    let steps = fleet.diskdag("why").rooted().image(&base).image(&top).json().go().exits(0);
    assert_eq!(items(&steps.object("why"), "steps").len(), DEPTH);
}

/// The same with the last link missing, and with the chain closed to a ring.
#[test]
fn a_broken_chain_of_twenty_thousand() {
    let depth = 20_000;
    let fleet = chain(depth);
    std::fs::remove_file(fleet.path(name(0))).unwrap();
    let answer = fleet.diskdag("chain").image(name(depth - 1)).json().go().exits(6);
    let found = answer.object("chain");
    let layers = items(&found, "chain");
    assert_eq!(layers.len(), depth);
    assert_eq!(layers[depth - 1]["state"], "missing");

    fleet.overlay(&name(0), name(depth - 1));
    let answer = fleet.diskdag("scan").rooted().arg(fleet.root()).json().go().exits(6);
    let scan = answer.scanned("scan");
    assert_eq!(items(&scan, "cycles").len(), 1);
    assert_eq!(scan["cycles"][0].as_array().unwrap().len(), depth);
    let answer = fleet.diskdag("can-rm").rooted().image(name(7)).json().go().exits(4);
    assert!(items(&answer.object("can-rm"), "blockers").len() >= depth - 1);
    let answer = fleet.diskdag("chain").image(name(7)).json().go().exits(6);
    let length = items(&answer.object("chain"), "chain").len();
    assert!(length == depth || length == depth + 1, "{length}");
    let answer = fleet.diskdag("tree").rooted().arg(fleet.root()).go().exits_one_of(&[0, 6]);
    bounded(&answer.stdout, depth);
}

#[test]
fn a_star_of_a_thousand() {
    let fleet = Fleet::new();
    let base = fleet.base("base.qcow2");
    let children: BTreeSet<_> = (0..1000)
        .map(|child| identity(fleet.overlay(&format!("{}/{child}", child % 7), "../base.qcow2")))
        .collect();
    let answer = fleet.diskdag("dependents").rooted().arg(&base).json().go().exits(0);
    let answer = answer.scanned("dependents");
    let found: BTreeSet<_> = paths_of(&answer, "dependents").iter().map(identity).collect();
    assert_eq!(found, children);
    let answer = fleet.diskdag("can-rm").rooted().arg(&base).go().exits(4);
    for child in 0..1000 {
        assert!(answer.everything().contains(&format!("{}/{child}", child % 7)), "{child}");
    }
    fleet.diskdag("can-rm").rooted().image("3/3").go().exits(0);
    let Some(qemu) = require_qemu() else { return };
    for child in [0, 499, 999] {
        let chain = qemu.chain(&fleet.root(), format!("{}/{child}", child % 7));
        assert_eq!(chain.len(), 2);
        let below = fleet.root().join(chain[1]["filename"].as_str().unwrap());
        assert_eq!(identity(below), identity(&base));
    }
}

/// A small file may name a disk of exabytes; what it costs is what it is, not what it says.
#[test]
fn sizes_that_only_exist_on_paper() {
    let fleet = Fleet::new();
    let mut huge = Image::new();
    huge.cluster_bits = 21;
    huge.size = 1 << 50;
    let path = fleet.path("huge.qcow2");
    let file = std::fs::File::create(&path).unwrap();
    // The header alone, and a length without blocks.
    let bytes = huge.bytes();
    std::os::unix::fs::FileExt::write_all_at(&file, &bytes[..4096], 0).unwrap();
    file.set_len(u64::try_from(bytes.len()).unwrap()).unwrap();
    fleet.overlay("over.qcow2", "huge.qcow2");
    let chain = fleet.diskdag("chain").image("over.qcow2").json().go().exits(0).object("chain");
    assert_eq!(chain["chain"][1]["virtual-size"], 1_u64 << 50);
    let actual = chain["chain"][1]["actual-size"].as_u64().unwrap();
    assert!(actual < 1 << 20, "{chain}");
}
