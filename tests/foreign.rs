//! Images of formats that QEMU opens and that are not read here: they are called by their names, nothing that they
//! name is followed, and none of them is taken for a raw disk.

use serde_json::Value;

use crate::support::{Fleet, Image, items, require_qemu};

/// The first bytes of each, as QEMU looks for them.
fn heads() -> Vec<(&'static str, Vec<u8>)> {
    let at = |pieces: &[(usize, &[u8])]| {
        let mut head = vec![0; 1024];
        for (at, bytes) in pieces {
            head[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        head
    };
    let text = b"# Disk DescriptorFile\nversion=1\nRW 2048 FLAT \"/etc/hostname\" 0\n";
    let cloop =
        b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n";
    vec![
        ("qcow", at(&[(0, b"QFI\xfb\0\0\0\x01")])),
        ("qed", at(&[(0, b"QED\0")])),
        ("vdi", at(&[(64, &[0x7f, 0x10, 0xda, 0xbe])])),
        ("vmdk", at(&[(0, b"KDMV")])),
        ("vmdk", at(&[(0, b"COWD")])),
        ("vmdk", text.to_vec()),
        ("vhdx", at(&[(0, b"vhdxfile")])),
        ("vpc", at(&[(0, b"conectix")])),
        ("parallels", at(&[(0, b"WithoutFreeSpace\x02")])),
        ("parallels", at(&[(0, b"WithouFreSpacExt\x02")])),
        (
            "bochs",
            at(&[
                (0, b"Bochs Virtual HD Image"),
                (32, b"Redolog"),
                (48, b"Growing"),
                (64, &[0, 0, 2, 0]),
            ]),
        ),
        ("cloop", at(&[(0, cloop)])),
        ("luks", at(&[(0, b"LUKS\xba\xbe\0\x01")])),
    ]
}

#[test]
fn they_are_called_by_their_names_and_not_described() {
    let fleet = Fleet::new();
    for (number, (format, head)) in heads().into_iter().enumerate() {
        let image = format!("{number}.img");
        std::fs::write(fleet.path(&image), head).unwrap();
        let asked = |words: &[&str]| fleet.diskdag(words[0]).args(&words[1..]).go();
        let path = fleet.path(&image);
        let path = path.to_str().unwrap();
        let info = asked(&["info", "--json", path]).exits(1).says("not described whole");
        let value = info.value();
        assert_eq!(value["format"], format, "{image}");
        assert!(value.get("virtual-size").is_none(), "{value}");
        asked(&["info", path]).exits(1).says(&format!("file format: {format}"));
        // Who says that it is raw is believed.
        assert_eq!(asked(&["info", "--json", "-f", "raw", path]).exits(0).value()["format"], "raw");
        asked(&["check", path]).exits(63);
        for verb in ["map", "measure"] {
            asked(&[verb, path]).exits(1);
            asked(&[verb, "-f", "raw", path]).exits(0);
        }
        asked(&["compare", path, path]).exits(2);
        let audit = asked(&["audit", "--json", path]).exits(4).value();
        let kinds = audit["findings"].as_array().unwrap().iter().map(|found| &found["kind"]);
        assert_eq!(kinds.collect::<Vec<_>>(), ["other-format"], "{audit}");
    }
}

/// They were shown as raw disks, of the size of their files.
#[test]
fn a_scan_calls_them_by_their_names_too() {
    let fleet = Fleet::new();
    for (number, (format, head)) in heads().into_iter().enumerate().skip(1) {
        let folder = format!("{format}-{number}");
        fleet.folder(&folder);
        let name = |file: &str| format!("{folder}/{file}");
        std::fs::write(fleet.path(name("disk.img")), head).unwrap();
        fleet.write(name("declared.qcow2"), &Image::new().backing("disk.img", format));
        fleet.write(name("undeclared.qcow2"), &Image::undeclared("disk.img"));
        fleet.write(name("as-raw.qcow2"), &Image::new().backing("disk.img", "raw"));
        let within = fleet.path(&folder);
        let tree = fleet.diskdag("tree").arg("--json").arg(&within).go().value();
        let disks = items(&tree, "disks");
        let is_it = |disk: &&Value| disk["path"].as_str().unwrap().ends_with("disk.img");
        let disk = disks.iter().find(is_it).unwrap();
        assert_eq!(disk["format"], format, "{disk}");
        assert_eq!(disk["virtual-size"], Value::Null, "{disk}");
        let chain = |image: &str| {
            let image = fleet.path(name(image));
            let chain = fleet.diskdag("chain").arg("--json").arg(image).go().value();
            items(&chain, "chain")[1].clone()
        };
        assert_eq!(chain("declared.qcow2")["format"], format);
        assert_eq!(chain("undeclared.qcow2")["format"], format);
        let raw = chain("as-raw.qcow2");
        assert_eq!(raw["format"], "raw", "{raw}");
        assert!(raw["virtual-size"].is_u64(), "{raw}");
    }
}

/// One that nothing declares may have a backing file of its own, if its format knows them: who asks whether something
/// needs an image is not told no.
#[test]
fn what_an_undeclared_one_names_is_not_known() {
    for (format, head) in heads() {
        let fleet = Fleet::new();
        fleet.base("base.qcow2");
        std::fs::write(fleet.path("disk.img"), head).unwrap();
        fleet.write("top.qcow2", &Image::undeclared("disk.img"));
        let refers = ["qcow", "qed", "vmdk"].contains(&format);
        let can = fleet.diskdag("can-rm").rooted().image("base.qcow2").go();
        can.exits(if refers { 7 } else { 0 });
    }
}

/// What only looks a little like one of them is raw, as for QEMU.
#[test]
fn what_only_looks_like_them_is_raw() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let odd: [&[u8]; 7] = [
        b"vhdxfil",
        b"# Disk DescriptorFile\nversion=4\n",
        b"# Disk DescriptorFile\nCID=1\nversion=1\n",
        b"WithoutFreeSpace\x01",
        b"Bochs Virtual HD Image",
        b"#!/bin/sh\n#V2.0 Format\n",
        b"LUKS\xba\xbe\0\x03",
    ];
    for (number, bytes) in odd.into_iter().enumerate() {
        let image = format!("{number}.img");
        let mut file = bytes.to_vec();
        file.resize(4096, 0);
        std::fs::write(fleet.path(&image), file).unwrap();
        assert_eq!(qemu.info(&fleet.root(), &image)["format"], "raw", "{bytes:?}");
        let info = fleet.diskdag("info").arg("--json").arg(&image).within(fleet.root()).go();
        assert_eq!(info.exits(0).value()["format"], "raw", "{bytes:?}");
    }
}

/// Real ones.
#[test]
fn qemus_own_are_called_what_qemu_calls_them() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    let made: [(&str, &[&str]); 9] = [
        ("qcow", &[]),
        ("qed", &[]),
        ("vdi", &[]),
        ("vmdk", &[]),
        ("vmdk", &["-o", "subformat=monolithicFlat"]),
        ("vhdx", &[]),
        ("vpc", &[]),
        ("vpc", &["-o", "subformat=fixed"]),
        ("parallels", &[]),
    ];
    for (number, (format, options)) in made.into_iter().enumerate() {
        let image = format!("{number}.{format}");
        let arguments = [&["create", "-q", "-f", format], options, &[&image, "1M"]].concat();
        if qemu.try_img(&root, &arguments).code != Some(0) {
            println!("not made by this QEMU: {format} {options:?}");
            continue;
        }
        let theirs = qemu.info(&root, &image);
        let ours = fleet.diskdag("info").arg("--json").arg(&image).within(&root).go().value();
        assert_eq!(ours["format"], theirs["format"], "{image}");
        // An overlay that names it: the chain is told as far as it is known.
        let overlay = format!("over-{number}.qcow2");
        qemu.overlay(&root, &overlay, &image, format);
        let chain = fleet.diskdag("info").args(["--json", "--backing-chain", &overlay]);
        let chain = chain.within(&root).go().exits(1).value();
        assert_eq!(chain[1]["format"], format, "{chain}");
    }
}
