//! Images that qemu-img made. For every chain: what we answer is what
//! `qemu-img info --backing-chain` says, wherever that can say anything.

use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::{
    Fleet, Image, Qemu, identities, identity, items, path_of, paths_of, require_qemu,
};

/// Asks both for the chain of `image`, written just so, from the same folder, and compares.
#[track_caller]
fn same_chain(qemu: Qemu, fleet: &Fleet, folder: &Path, image: &str) -> usize {
    let theirs = qemu.chain(folder, image);
    let ours = fleet.diskdag("chain").arg(image).json().within(folder).go().exits(0);
    let whole = ours.whole();
    let ours = ours.object("chain");
    let ours = items(&ours, "chain");
    assert_eq!(ours.len(), theirs.len(), "the length of the chain\n{whole}");
    for (our, their) in ours.iter().zip(&theirs) {
        let name = their["filename"].as_str().unwrap();
        // Older QEMUs show some files only in this form; which file it is, is then not said.
        if !name.starts_with("json:") {
            let ours = identity(folder.join(path_of(our)));
            assert_eq!(ours, identity(folder.join(name)), "{name}\n{whole}");
        }
        assert_eq!(our["format"], their["format"], "{name}\n{whole}");
        // A raw disk that looks like qcow2 has the size that it has; it may be left out, but what
        // its guest wrote is not it.
        if !our["virtual-size"].is_null() || our["format"] != "raw" {
            assert_eq!(our["virtual-size"], their["virtual-size"], "{name}\n{whole}");
        }
        assert_eq!(our["state"], "ok", "{name}\n{whole}");
    }
    ours.len()
}

/// Every element of the chain below the top knows the top as a dependent, and may not go.
#[track_caller]
fn all_need_each_other(qemu: Qemu, fleet: &Fleet, image: &str) {
    let root = fleet.root();
    let chain = qemu.chain(&root, image);
    let top = identity(root.join(chain[0]["filename"].as_str().unwrap()));
    for (depth, below) in chain.iter().enumerate().skip(1) {
        let path = root.join(below["filename"].as_str().unwrap());
        let answer = fleet.diskdag("dependents").rooted().arg(&path).json().go().exits(0);
        let answer = answer.scanned("dependents");
        let found = items(&answer, "dependents");
        let entry = found.iter().find(|entry| identity(path_of(entry)) == top);
        let entry = entry.unwrap_or_else(|| panic!("{} has no {image}: {answer}", path.display()));
        assert_eq!(entry["depth"], depth, "{answer}");
        assert_eq!(entry["direct"], depth == 1, "{answer}");
        fleet.diskdag("can-rm").rooted().arg(&path).go().exits(4);
    }
    fleet.diskdag("can-rm").rooted().image(image).go().exits(0);
}

#[test]
fn both_versions_and_every_cluster_size() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    let mut images = 0;
    for compat in ["0.10", "1.1"] {
        for bits in 9..=21 {
            let [base, overlay] = ["base", "over"].map(|name| format!("{compat}-{bits}-{name}"));
            let option = format!("compat={compat},cluster_size={}", 1 << bits);
            qemu.create(&root, "qcow2", &["-o", &option, &base, "1M"]);
            let backing = ["-o", &option, "-b", &base, "-F", "qcow2", &overlay, "3M"];
            qemu.create(&root, "qcow2", &backing);
            assert_eq!(same_chain(qemu, &fleet, &root, &overlay), 2);
            images += 2;
        }
    }
    let scan = fleet.diskdag("scan").rooted().arg(&root).json().go().exits(0).scanned("scan");
    assert_eq!(scan["disks"], images);
    assert_eq!(scan["edges"], images / 2);
}

#[test]
fn names_relative_absolute_and_dotted() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    for folder in ["a/b", "c"] {
        fleet.folder(folder);
    }
    qemu.create(&root, "qcow2", &["a/base", "1M"]);
    let absolute = fleet.path("a/base");
    let absolute = absolute.to_str().unwrap();
    let names = [
        ("a/relative", "base"),
        ("a/dot", "./base"),
        ("a/b/up", "../base"),
        ("a/b/around", "../../c/../a/./b/..//base"),
        ("c/absolute", absolute),
        ("c/spaces and ünicode", "../a/base"),
        ("on-two", "c/absolute"),
    ];
    for (name, backing) in names {
        qemu.overlay(&root, name, backing, "qcow2");
        let length = same_chain(qemu, &fleet, &root, name);
        assert_eq!(length, if name == "on-two" { 3 } else { 2 }, "{name}");
        // From another folder, and as an absolute path: QEMU starts at the path as it was given.
        same_chain(qemu, &fleet, &fleet.path("c"), &format!("../{name}"));
        let whole = fleet.path(name);
        same_chain(qemu, &fleet, fleet.outside(), whole.to_str().unwrap());
    }
    let answer = fleet.diskdag("dependents").rooted().arg(absolute).json().go().exits(0);
    let answer = answer.scanned("dependents");
    let expected = identities(names.map(|(name, _)| fleet.path(name)));
    assert_eq!(identities(paths_of(&answer, "dependents")), expected);
}

/// A name with a colon is a protocol, unless a slash stands before it.
#[test]
fn names_with_colons() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    qemu.create(&root, "qcow2", &["./a:b", "1M"]);
    qemu.overlay(&root, "dotted", "./a:b", "qcow2");
    same_chain(qemu, &fleet, &root, "dotted");
    qemu.overlay(&root, "protocol", "a:b", "qcow2");
    let refused = qemu.try_img(&root, ["info", "--backing-chain", "protocol"]);
    assert_ne!(refused.code, Some(0));
    let chain = fleet.diskdag("chain").image("protocol").json().go().object("chain");
    let chain = items(&chain, "chain");
    assert!(chain.len() <= 2 && chain.iter().skip(1).all(|entry| entry["state"] != "ok"));
}

/// QEMU starts from the folder of the path as it was opened: a link elsewhere resolves elsewhere.
#[test]
fn overlays_by_links_in_other_folders() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    fleet.folder("a");
    fleet.folder("b");
    qemu.create(&root, "qcow2", &["a/base", "1M"]);
    qemu.create(&root, "qcow2", &["b/base", "2M"]);
    qemu.overlay(&root, "b/over", "base", "qcow2");
    symlink("../b/over", fleet.path("a/link")).unwrap();
    std::fs::hard_link(fleet.path("b/over"), fleet.path("a/hard")).unwrap();
    for image in ["b/over", "a/link", "a/hard"] {
        assert_eq!(same_chain(qemu, &fleet, &root, image), 2);
    }
    // So this one file needs both, depending on who opens it how.
    for base in ["a/base", "b/base"] {
        let answer = fleet.diskdag("can-rm").rooted().image(base).json().go().exits(4);
        let answer = answer.scanned("can-rm");
        let over = identities([fleet.path("b/over")]);
        assert_eq!(identities(paths_of(&answer, "blockers")), over);
        assert_eq!(items(&answer, "blockers").len(), 1, "one file is one dependent: {answer}");
    }
    let graph = fleet.diskdag("graph").rooted().arg(&root).json().go().exits(0).scanned("graph");
    assert_eq!(items(&graph, "disks").len(), 3, "one node per file: {graph}");
    assert_eq!(items(&graph, "edges").len(), 2, "one edge per base: {graph}");
    let over = items(&graph, "disks").iter().find(|disk| {
        items(disk, "paths").len() == 3 && identity(path_of(disk)) == identity(fleet.path("b/over"))
    });
    assert!(over.is_some(), "all three paths are known: {graph}");
}

/// A link in the folder of the overlay to a base elsewhere; the base is the file, not the link.
#[test]
fn bases_by_links() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    fleet.folder("store");
    qemu.create(&root, "qcow2", &["store/real", "1M"]);
    symlink("store/real", fleet.path("soft")).unwrap();
    std::fs::hard_link(fleet.path("store/real"), fleet.path("hard")).unwrap();
    for link in ["soft", "hard"] {
        let over = format!("over-{link}");
        qemu.overlay(&root, &over, link, "qcow2");
        same_chain(qemu, &fleet, &root, &over);
        for asked in ["store/real", "soft", "hard"] {
            fleet.diskdag("can-rm").rooted().image(asked).go().exits(4).says(&over);
        }
    }
}

#[test]
fn file_names_with_a_protocol_and_json_names() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    qemu.create(&root, "qcow2", &["base", "1M"]);
    let base = fleet.path("base");
    let base = base.to_str().unwrap();
    for (name, backing) in [
        ("file", format!("file:{base}")),
        (
            "nested",
            format!(r#"json:{{"driver":"qcow2","file":{{"driver":"file","filename":"{base}"}}}}"#),
        ),
        (
            "dotted",
            format!(r#"json:{{"driver":"qcow2","file.driver":"file","file.filename":"{base}"}}"#),
        ),
        (
            "quoted",
            format!("json:{{'driver':'qcow2','file':{{'driver':'file','filename':'{base}'}}}}"),
        ),
    ] {
        qemu.overlay(&root, name, &backing, "qcow2");
        assert_eq!(same_chain(qemu, &fleet, &root, name), 2);
        all_need_each_other(qemu, &fleet, name);
        std::fs::remove_file(fleet.path(name)).unwrap();
    }
}

/// Names that QEMU takes from the folder in which it was started, which nobody can know: they may
/// mean the image, so it is never free.
#[test]
fn names_from_the_working_directory_block() {
    let Some(qemu) = require_qemu() else { return };
    for backing in
        ["file:base", r#"json:{"driver":"qcow2","file":{"driver":"file","filename":"base"}}"#]
    {
        let fleet = Fleet::new();
        let root = fleet.root();
        qemu.create(&root, "qcow2", &["base", "1M"]);
        qemu.overlay(&root, "over", backing, "qcow2");
        // QEMU started here does open it.
        assert_eq!(qemu.chain(&root, "over").len(), 2);
        let answer = fleet.diskdag("can-rm").rooted().image("base").json().go();
        let answer = answer.exits_one_of(&[4, 7]).says("over").scanned("can-rm");
        assert_ne!(answer["verdict"], "yes");
    }
}

#[test]
fn raw_bases() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    // One whose name says nothing: it is a disk because something needs it.
    for base in ["base.raw", "base.img", "no-extension"] {
        qemu.create(&root, "raw", &[base, "1M"]);
        let over = format!("{base}-over");
        qemu.create(&root, "qcow2", &["-b", base, "-F", "raw", &over, "1M"]);
        assert_eq!(same_chain(qemu, &fleet, &root, &over), 2);
        all_need_each_other(qemu, &fleet, &over);
    }
    // A format that is not declared is not guessed silently: it is said.
    fleet.write("undeclared", &Image::undeclared("base.raw"));
    let scan = fleet.diskdag("scan").rooted().arg(&root).json().go().exits_one_of(&[0, 6]);
    let scan = scan.scanned("scan");
    let findings = identities(paths_of(&scan, "findings"));
    assert!(findings.contains(&identity(fleet.path("undeclared"))), "{scan}");
    fleet.diskdag("can-rm").rooted().image("base.raw").go().exits(4).says("undeclared");
}

/// A raw disk may begin with anything, also with a qcow2 header that its guest has written. The
/// declared format is believed.
#[test]
fn a_raw_base_that_looks_like_qcow2_stays_raw() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    fleet.base("victim");
    let mut guest = Image::over("victim").bytes();
    guest.resize(1 << 20, 0);
    fleet.bytes("disk.raw", &guest);
    qemu.create(&root, "qcow2", &["-u", "-b", "disk.raw", "-F", "raw", "over", "1M"]);
    assert_eq!(same_chain(qemu, &fleet, &root, "over"), 2);
}

#[test]
fn data_files() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    let data = fleet.path("data.raw");
    let option = format!("data_file={}", data.display());
    qemu.create(&root, "qcow2", &["-o", &option, "table", "1M"]);
    qemu.overlay(&root, "over", "table", "qcow2");
    same_chain(qemu, &fleet, &root, "over");
    let answer = fleet.diskdag("dependents").rooted().arg(&data).json().go().exits(0);
    let answer = answer.scanned("dependents");
    let expected = identities([fleet.path("table"), fleet.path("over")]);
    assert_eq!(identities(paths_of(&answer, "dependents")), expected);
    let direct = &items(&answer, "dependents")[0];
    assert_eq!(identity(path_of(direct)), identity(fleet.path("table")), "nearest first: {answer}");
    assert_eq!(direct["kind"], "data-file", "{answer}");
    assert_eq!(direct["depth"], 1, "{answer}");
    let graph = fleet.diskdag("graph").rooted().arg(&root).json().go().exits(0).scanned("graph");
    let kinds = items(&graph, "edges").iter().map(|edge| edge["kind"].as_str().unwrap());
    assert_eq!(kinds.collect::<std::collections::BTreeSet<_>>(), ["backing", "data-file"].into());
}

/// A data file by a relative name is opened in the folder in which QEMU was started; which one
/// that will be, nobody can know, so the file beside the image is never free.
#[test]
fn relative_data_files_block() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    qemu.create(&root, "qcow2", &["-o", "data_file=data.raw", "table", "1M"]);
    let answer = fleet.diskdag("can-rm").rooted().image("data.raw").go();
    answer.exits_one_of(&[4, 7]).says("table");
}

/// Everything that an image may have inside changes nothing in what it needs.
#[test]
fn everything_that_an_image_can_have_inside() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    let make = |name: &str, options: &str| {
        qemu.create(&root, "qcow2", &["-o", options, name, "4M"]);
    };
    make("refcounts-1", "refcount_bits=1");
    make("refcounts-64", "refcount_bits=64");
    make("lazy", "lazy_refcounts=on");
    make("subclusters", "extended_l2=on");
    make("zstd", "compression_type=zstd");
    make("allocated", "preallocation=metadata");
    make("snapshots", "cluster_size=4k");
    for name in ["first", "second", "third"] {
        qemu.img(&root, ["snapshot", "-c", name, "snapshots"]);
    }
    make("bitmaps", "cluster_size=64k");
    qemu.img(&root, ["bitmap", "--add", "bitmaps", "since-monday"]);
    qemu.img(&root, ["bitmap", "--add", "--disable", "bitmaps", "old"]);
    std::fs::write(fleet.outside().join("text"), b"compress me ".repeat(100_000)).unwrap();
    let text = fleet.outside().join("text");
    let text = text.to_str().unwrap();
    qemu.img(&root, ["convert", "-c", "-f", "raw", "-O", "qcow2", text, "compressed"]);
    let luks = ["--object", "secret,id=key,data=correct-horse", "-o"];
    let options = "encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10";
    qemu.create(&root, "qcow2", &[luks[0], luks[1], luks[2], options, "luks", "4M"]);

    let bases = [
        "refcounts-1",
        "refcounts-64",
        "lazy",
        "subclusters",
        "zstd",
        "allocated",
        "snapshots",
        "bitmaps",
        "compressed",
        "luks",
    ];
    for base in bases {
        let over = format!("{base}-over");
        qemu.create(&root, "qcow2", &["-u", "-b", base, "-F", "qcow2", &over, "4M"]);
        assert_eq!(same_chain(qemu, &fleet, &root, base), 1);
        assert_eq!(same_chain(qemu, &fleet, &root, &over), 2);
        fleet.diskdag("can-rm").rooted().image(base).go().exits(4).says(&over);
        fleet.diskdag("can-rm").rooted().image(over).go().exits(0);
    }
    fleet.diskdag("scan").rooted().arg(&root).go().exits(0);
}

#[test]
fn a_chain_of_thirty() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    qemu.create(&root, "qcow2", &["0", "1M"]);
    for layer in 1..30 {
        let [below, name] = [layer - 1, layer].map(|layer| layer.to_string());
        qemu.create(&root, "qcow2", &["-b", &below, "-F", "qcow2", &name, "1M"]);
    }
    assert_eq!(same_chain(qemu, &fleet, &root, "29"), 30);
    all_need_each_other(qemu, &fleet, "29");
}

/// qemu-img takes a while to make a thousand, so the header writer makes them; qemu-img reads
/// them.
#[test]
fn a_chain_of_a_thousand() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    fleet.base("0");
    for layer in 1..1000 {
        fleet.overlay(&layer.to_string(), (layer - 1).to_string());
    }
    assert_eq!(same_chain(qemu, &fleet, &fleet.root(), "999"), 1000);
}

/// The header writer makes what QEMU takes for sound images, or its other tests prove nothing.
#[test]
fn the_header_writer_is_right() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    let data = fleet.bytes("data.raw", &[0; 32 << 10]);
    let mut old = Image::over("base");
    old.version = 2;
    let mut wide = Image::new();
    wide.cluster_bits = 16;
    wide.size = 1 << 30;
    for (name, image) in [
        ("base", Image::new()),
        ("over", Image::over("base")),
        ("old", old),
        ("wide", wide),
        ("undeclared", Image::undeclared("base")),
        ("table", Image::new().data_file(&data)),
    ] {
        fleet.write(name, &image);
        qemu.img(&root, ["check", "-q", name]);
        let info = qemu.info(&root, name);
        assert_eq!(info["format"], "qcow2");
        assert_eq!(info["virtual-size"], image.size);
        assert_eq!(info["cluster-size"], 1_u64 << image.cluster_bits);
        let backing = image.backing.map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(info["backing-filename"].as_str(), backing.as_deref());
        let format = image.backing_format.map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(info["backing-filename-format"].as_str(), format.as_deref());
        let file = image.data_file.map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(info["format-specific"]["data"]["data-file"].as_str(), file.as_deref());
    }
}
