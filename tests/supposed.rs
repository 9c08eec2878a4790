//! What is supposed, beside what is found when qemu-img has really done it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use diskdag_graph::scan::{Control, Scan, Scanned, Scope, Supposition};
use diskdag_graph::{DiskId, Graph, ScopeSource};

use crate::support::{Fleet, require_qemu};

fn scan(fleet: &Fleet) -> Scanned {
    let scope = Scope::declared([fleet.root()], ScopeSource::Flag);
    Scan::new(scope).run(&Control::default()).unwrap()
}

/// Every disk with its size and format, and what it needs by which name; not which inode it has.
fn picture(graph: &Graph) -> BTreeSet<String> {
    let path = |disk: DiskId| graph.disk(disk).unwrap().path();
    let disks = graph.disks().map(|disk| {
        let needs = disk.needs().into_iter().map(|edge| {
            let facts = edge.facts;
            let (name, format) = (String::from_utf8_lossy(facts.name), &facts.format);
            format!("{:?} {name} {format:?} {:?} {:?}", facts.kind, facts.rule, path(edge.to))
        });
        let needs: Vec<String> = needs.collect();
        let paths: Vec<&Path> = disk.paths().collect();
        let (format, state, size) = (disk.format(), disk.state(), disk.virtual_size());
        format!("{paths:?} {format:?} {state:?} {size:?} {needs:?} {:?}", disk.findings())
    });
    disks.collect()
}

#[test]
fn rebase_flatten_create_and_mv_are_supposed_as_qemu_img_and_rename_do_them() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = &*fleet.root();
    std::fs::create_dir(fleet.path("golden")).unwrap();
    qemu.create(root, "raw", &["base.raw", "3M"]);
    qemu.create(root, "qcow2", &["other.qcow2", "5M"]);
    qemu.create(root, "qcow2", &["-b", "base.raw", "-F", "raw", "middle.qcow2"]);
    qemu.create(root, "qcow2", &["-b", "middle.qcow2", "-F", "qcow2", "leaf.qcow2"]);
    qemu.create(root, "qcow2", &["-b", "middle.qcow2", "-F", "qcow2", "flat.qcow2"]);
    qemu.create(root, "qcow2", &["-o", "data_file=leaf.data", "data.qcow2", "1M"]);
    qemu.overlay(root, "waits.qcow2", "golden/base.raw", "raw");
    let before = scan(&fleet);
    let disk = |name: &str| before.graph.find(&fleet.path(name)).unwrap();
    let mv =
        |from: &str, to: &str| Supposition::Move { from: fleet.path(from), to: fleet.path(to) };
    let rebase = |name: &str, onto: Option<&str>| Supposition::Rebase {
        disk: disk(name),
        onto: onto.map(|onto| fleet.path(onto)),
    };
    let (new, onto): (PathBuf, PathBuf) = (fleet.path("new.qcow2"), fleet.path("other.qcow2"));
    let all = [
        mv("base.raw", "golden"),
        mv("data.qcow2", "golden/data.qcow2"),
        Supposition::Create { path: new.clone(), onto: onto.clone() },
        rebase("leaf.qcow2", Some("other.qcow2")),
        rebase("middle.qcow2", Some("golden/base.raw")),
        rebase("flat.qcow2", None),
    ];
    let supposed = before.suppose(&all, &Control::default()).unwrap();
    assert_eq!(supposed.found.len(), 1, "what waits finds the base");

    qemu.img(root, ["convert", "-O", "qcow2", "flat.qcow2", "flat.new"]);
    std::fs::rename(fleet.path("flat.new"), fleet.path("flat.qcow2")).unwrap();
    std::fs::rename(fleet.path("base.raw"), fleet.path("golden/base.raw")).unwrap();
    std::fs::rename(fleet.path("data.qcow2"), fleet.path("golden/data.qcow2")).unwrap();
    let (new, onto) = (new.to_str().unwrap(), onto.to_str().unwrap());
    qemu.create(root, "qcow2", &["-b", onto, "-F", "qcow2", new]);
    qemu.img(root, ["rebase", "-u", "-b", onto, "-F", "qcow2", "leaf.qcow2"]);
    let base = fleet.path("golden/base.raw");
    qemu.img(root, ["rebase", "-u", "-b", base.to_str().unwrap(), "-F", "raw", "middle.qcow2"]);
    assert_eq!(picture(&supposed.what.graph), picture(&scan(&fleet).graph));
}
