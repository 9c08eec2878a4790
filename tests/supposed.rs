//! What is supposed, beside what is found when qemu-img has really done it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use diskdag_graph::scan::{Control, Scan, Scanned, Scope, Supposition};
use diskdag_graph::{DiskId, Graph, ScopeSource, State};

use crate::support::{Ask, Fleet, Qemu, items, path_of, require_qemu};

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
    let after = scan(&fleet).graph;
    assert_eq!(picture(&supposed.what.graph), picture(&after));
    // It takes what QEMU's takes, but for what the file system gives out beside that.
    let made = |graph: &Graph| {
        let disk = graph.disk(graph.find(&fleet.path("new.qcow2")).unwrap()).unwrap();
        (disk.length().unwrap(), disk.actual_size().unwrap())
    };
    let (length, takes) = made(&supposed.what.graph);
    assert_eq!(length, made(&after).0);
    assert_eq!(takes, length.next_multiple_of(4096));
}

/// Directories of disks that name each other in every way: `/vms` on `/golden`, and within.
fn directories(qemu: Qemu) -> Fleet {
    let fleet = Fleet::new();
    let root = &*fleet.root();
    for folder in ["golden", "vms/deep/er", "vms/data", "elsewhere", "links"] {
        fleet.folder(folder);
    }
    let on = |name: &str, backing: &str, format: &str| {
        let (folder, name) = name.rsplit_once('/').unwrap_or(("", name));
        qemu.create(&root.join(folder), "qcow2", &["-b", backing, "-F", format, name]);
    };
    qemu.create(root, "raw", &["golden/base.raw", "2M"]);
    on("golden/os.qcow2", "base.raw", "raw");
    on("vms/one.qcow2", "../golden/os.qcow2", "qcow2");
    on("vms/two.qcow2", "one.qcow2", "qcow2");
    on("vms/deep/three.qcow2", "../two.qcow2", "qcow2");
    on("vms/deep/er/four.qcow2", root.join("vms/deep/three.qcow2").to_str().unwrap(), "qcow2");
    on("vms/deep/er/five.qcow2", "../er/four.qcow2", "qcow2");
    on("elsewhere/six.qcow2", "../vms/deep/three.qcow2", "qcow2");
    on("top.qcow2", "vms/two.qcow2", "qcow2");
    // Of the directory that is there when it has gone.
    qemu.overlay(root, "waits.qcow2", "disks/two.qcow2", "qcow2");
    std::os::unix::fs::symlink("../vms", root.join("links/vms")).unwrap();
    std::os::unix::fs::symlink("../../golden/base.raw", root.join("vms/data/base.raw")).unwrap();
    on("links/seven.qcow2", "vms/one.qcow2", "qcow2");
    on("vms/data/eight.qcow2", "base.raw", "raw");
    std::fs::hard_link(root.join("golden/base.raw"), root.join("elsewhere/base.raw")).unwrap();
    fleet
}

/// Whether QEMU opens all that a disk needs, by the path that is shown, is what its chain says.
fn same_as_qemu(qemu: Qemu, root: &Path, graph: &Graph) -> BTreeSet<PathBuf> {
    let mut broken = BTreeSet::new();
    for disk in graph.disks().filter(|disk| disk.state() == State::Ok) {
        let whole = graph.chain(disk.id()).all(|it| graph.disk(it).unwrap().state() == State::Ok);
        let options = ["info", "--backing-chain"].map(Path::new);
        let ended = qemu.try_img(root, options.into_iter().chain([disk.path()]));
        let (path, says) = (disk.path(), String::from_utf8_lossy(&ended.stderr));
        assert_eq!(ended.code == Some(0), whole, "{}: {says}", path.display());
        if !whole {
            broken.insert(path.to_owned());
        }
    }
    broken
}

/// `mv` as it is installed, and back.
fn really(from: &Path, to: &Path, is_moved: impl FnOnce()) {
    let mv = |from: &Path, to: &Path| {
        Command::new("mv").arg("-T").arg(from).arg(to).status().unwrap().success()
    };
    let into = if to.is_dir() { to.join(from.file_name().unwrap()) } else { to.to_owned() };
    assert!(mv(from, &into));
    is_moved();
    assert!(mv(&into, from));
}

#[test]
fn directories_are_supposed_to_move_as_mv_moves_them() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = directories(qemu);
    let root = &*fleet.root();
    let before = scan(&fleet);
    assert!(same_as_qemu(qemu, root, &before.graph).iter().eq([&root.join("waits.qcow2")]));
    let moves = [
        ("vms", "disks"),
        ("vms", "elsewhere"),
        ("vms/deep", "deep"),
        ("vms/deep/er", "golden"),
        ("vms/deep", "vms/data/sunk"),
        ("golden", "gold"),
        ("golden", "vms"),
        ("links", "vms/deep"),
        ("elsewhere", "vms/deep/er/elsewhere"),
        ("vms/data", "data"),
    ];
    for (from, to) in moves {
        let (from, to) = (root.join(from), root.join(to));
        let one = [Supposition::Move { from: from.clone(), to: to.clone() }];
        let supposed = before.suppose(&one, &Control::default()).unwrap();
        let ask = || fleet.diskdag("what-if").rooted().arg("--mv").arg(&from).arg(&to).json().go();
        let answer = ask().exits_one_of(&[0, 6]).scanned("what-if");
        really(&from, &to, || {
            let now = scan(&fleet);
            assert_eq!(picture(&supposed.what.graph), picture(&now.graph), "{from:?} {to:?}");
            let mut broken = same_as_qemu(qemu, root, &now.graph);
            broken.remove(&root.join("waits.qcow2"));
            let told: BTreeSet<PathBuf> =
                items(&answer, "broken").iter().map(|path| path.as_str().unwrap().into()).collect();
            assert_eq!(told, broken, "{from:?} {to:?}");
            let found: Vec<PathBuf> = items(&answer, "found").iter().map(path_of).collect();
            let is_found = to == root.join("disks");
            assert_eq!(found.is_empty(), !is_found, "{answer}");
        });
    }
}

/// One change more.
fn rebase<'f>(ask: Ask<'f>, name: &str, onto: &str) -> Ask<'f> {
    ask.arg("--rebase").image(name).image(onto)
}

/// One after the other, into each other; and then what is left is put right by the paths that it has then.
#[test]
fn what_moves_along_can_be_put_right_by_its_new_path() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = directories(qemu);
    let root = &*fleet.root();
    let path = |name: &str| root.join(name);
    let ask = || {
        let ask = fleet.diskdag("what-if").rooted().arg("--mv").image("golden").image("vms");
        ask.arg("--mv").image("vms").image("disks").arg("--mv").image("top.qcow2").image("disks/")
    };
    let answer = ask().json().go().exits(6).scanned("what-if");
    let repointed: BTreeSet<PathBuf> = items(&answer, "repoint").iter().map(path_of).collect();
    let onto = [
        ("disks/data/eight.qcow2", "disks/golden/base.raw", "raw"),
        ("disks/deep/er/four.qcow2", "disks/deep/three.qcow2", "qcow2"),
        ("disks/one.qcow2", "disks/golden/os.qcow2", "qcow2"),
        ("disks/top.qcow2", "disks/two.qcow2", "qcow2"),
        ("elsewhere/six.qcow2", "disks/deep/three.qcow2", "qcow2"),
        ("links/seven.qcow2", "disks/one.qcow2", "qcow2"),
    ];
    assert_eq!(repointed, onto.iter().map(|(name, ..)| path(name)).collect(), "{answer}");
    let by_now = onto.iter().fold(ask(), |ask, (name, onto, _)| rebase(ask, name, onto));
    by_now.go().exits(0).says("nothing would be broken");
    // By the paths that they have as long as nothing has moved, too.
    let by_then = onto.iter().fold(ask(), |ask, (name, onto, _)| {
        let name = name.replace("disks/top", "top").replace("disks/", "vms/");
        rebase(ask, &name, onto)
    });
    by_then.go().exits(0).says("nothing would be broken");
    // Not by one that leads to nothing at all then.
    rebase(ask(), "disks/one.qcow2", "disks/none.qcow2").go().exits(5);
    rebase(ask(), "disks/none.qcow2", "disks/one.qcow2").go().exits(5);

    for (from, to) in [("golden", "vms"), ("vms", "disks"), ("top.qcow2", "disks")] {
        let moved = Command::new("mv").arg(path(from)).arg(path(to)).status().unwrap();
        assert!(moved.success());
    }
    for (name, onto, format) in onto {
        let onto = path(onto);
        qemu.img(root, ["rebase", "-u", "-b", onto.to_str().unwrap(), "-F", format, name]);
    }
    assert!(same_as_qemu(qemu, root, &scan(&fleet).graph).is_empty());
}
