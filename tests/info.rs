//! `diskdag info` beside `qemu-img info`, key by key.
//!
//! Everything that QEMU says has to be there, and nothing may be there that QEMU does not have.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::Value;

use crate::support::{Fleet, Image, Qemu, Random, feature, made, require_qemu};

/// Compares one value and everything in it; `place` is for the message.
#[track_caller]
pub(crate) fn same(ours: &Value, theirs: &Value, place: &str) {
    let (Value::Object(our), Value::Object(their)) = (ours, theirs) else {
        if let (Value::Array(our), Value::Array(their)) = (ours, theirs) {
            assert_eq!(our.len(), their.len(), "{place}");
            for (index, (our, their)) in our.iter().zip(their).enumerate() {
                same(our, their, &format!("{place}[{index}]"));
            }
            return;
        }
        assert_eq!(ours, theirs, "{place}");
        return;
    };
    for (key, value) in their {
        let place = format!("{place}.{key}");
        match our.get(key) {
            Some(found) => same(found, value, &place),
            None => panic!("{place} is not said; QEMU has {value}"),
        }
    }
    for (key, value) in our {
        // The nodes below are said since QEMU 8.1.
        let newer = key == "children" && !their.contains_key("children");
        assert!(newer || their.contains_key(key), "{place}.{key} is not QEMU's: {value}");
    }
}

/// Takes out what depends on the file system under the test and not on the image.
pub(crate) fn without_allocation(mut value: Value) -> Value {
    fn strip(value: &mut Value) {
        if let Value::Object(object) = value {
            object.remove("actual-size");
        }
        match value {
            Value::Object(object) => object.values_mut().for_each(strip),
            Value::Array(array) => array.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut value);
    value
}

#[track_caller]
fn compare(qemu: Qemu, fleet: &Fleet, folder: &Path, image: &str) {
    let blocks = || folder.join(image).metadata().unwrap().blocks();
    let before = blocks();
    let theirs = qemu.info(folder, image);
    for option in ["--output=json", "--json"] {
        let answer = fleet.diskdag("info").args([option, image]).within(folder).go().exits(0);
        let ours = answer.value();
        // A file system may change its mind on how much it allocates while nobody writes.
        if blocks() == before {
            same(&ours, &theirs, image);
        } else {
            let [ours, theirs] = [ours, theirs.clone()].map(without_allocation);
            same(&ours, &theirs, image);
        }
    }
}

#[test]
fn every_kind_of_image() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    let mut names = Vec::new();
    let mut make = |name: &str, arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.extend([name, "4M"]);
        qemu.create(&root, "qcow2", &all);
        names.push(name.to_owned());
    };
    for compat in ["0.10", "1.1"] {
        for bits in 9..=21 {
            let options = format!("compat={compat},cluster_size={}", 1 << bits);
            make(&format!("{compat}-{bits}"), &["-o", &options]);
        }
    }
    for bits in [1, 2, 4, 8, 16, 32, 64] {
        make(&format!("refcounts-{bits}"), &["-o", &format!("refcount_bits={bits}")]);
    }
    make("lazy", &["-o", "lazy_refcounts=on"]);
    make("subclusters", &["-o", "extended_l2=on,cluster_size=128k"]);
    make("zstd", &["-o", "compression_type=zstd"]);
    let data = |name: &str| fleet.path(name).display().to_string();
    make("data", &["-o", &format!("data_file={}", data("data.raw"))]);
    make("data-raw", &["-o", &format!("data_file={},data_file_raw=on", data("data2.raw"))]);
    make("relative", &["-u", "-b", "zstd", "-F", "qcow2"]);
    make("dotted", &["-u", "-b", "./../images/zstd", "-F", "qcow2"]);
    make("absolute", &["-u", "-b", &data("zstd"), "-F", "qcow2"]);
    make("file", &["-u", "-b", &format!("file:{}", data("zstd")), "-F", "qcow2"]);
    make("missing", &["-u", "-b", "gone/missing", "-F", "raw"]);
    let json = r#"json:{"driver":"qcow2","file":{"driver":"file","filename":"zstd"}}"#;
    make("json", &["-u", "-b", json, "-F", "qcow2"]);
    make("old-overlay", &["-o", "compat=0.10", "-u", "-b", "zstd", "-F", "qcow2"]);
    let secret = ["--object", "secret,id=key,data=correct-horse", "-o"];
    let options = "encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10";
    make("luks", &[secret[0], secret[1], secret[2], options]);
    make("snapshots", &["-o", "cluster_size=4k"]);
    make("bitmaps", &["-o", "cluster_size=4k"]);
    qemu.img(&root, ["snapshot", "-c", "first", "snapshots"]);
    qemu.img(&root, ["bitmap", "--add", "bitmaps", "since-monday"]);

    let mut odd = Image::new();
    odd.size = 1000 << 9;
    odd.incompatible = feature::DIRTY | feature::CORRUPT;
    fleet.write("dirty-and-corrupt", &odd);
    fleet.write("undeclared", &Image::undeclared("zstd"));
    names.extend(["dirty-and-corrupt".to_owned(), "undeclared".to_owned()]);
    for name in names {
        compare(qemu, &fleet, &root, &name);
    }
}

/// What lies behind tables of their own, in images that were used.
#[test]
fn generated_images() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    for seed in 300..325 {
        let mut random = Random::new(seed);
        let top = made::chain(qemu, &root, &format!("i{seed}"), &mut random);
        if !top.data_file && top.refcount_bits > 2 {
            for number in 0..random.below(5) {
                let name = format!("taken {number} – größer");
                qemu.img(&root, ["snapshot", "-c", &name, &top.name]);
            }
        }
        for number in 0..random.below(4) {
            let name = format!("bitmap{number}");
            let granularity = (512 << random.below(12)).to_string();
            let more: &[&str] = if random.percent(40) { &["--disable"] } else { &[] };
            let add = ["bitmap", "--add", "-g", &granularity, &top.name, &name];
            // Version 2 has none.
            let _refused = qemu.try_img(&root, add[..2].iter().chain(more).chain(&add[2..]));
        }
        compare(qemu, &fleet, &root, &top.name);
        let theirs = Value::Array(qemu.chain(&root, &top.name));
        let ask = fleet.diskdag("info").args(["--backing-chain", "--json", &top.name]);
        let ours = ask.within(&root).go().exits(0).value();
        same(&without_allocation(ours), &without_allocation(theirs), &format!("seed {seed}"));
    }
}

/// Ciphers, modes, hashes and slots of LUKS, in QEMU's words.
#[test]
fn encrypted_images() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    let root = fleet.root();
    for (number, options) in [
        "",
        ",encrypt.cipher-alg=aes-128",
        ",encrypt.cipher-alg=serpent-128,encrypt.cipher-mode=cbc,encrypt.ivgen-alg=plain",
        ",encrypt.cipher-alg=serpent-256,encrypt.cipher-mode=cbc",
        ",encrypt.cipher-alg=aes-256,encrypt.cipher-mode=cbc,encrypt.ivgen-alg=essiv,\
         encrypt.ivgen-hash-alg=sha256",
        ",encrypt.hash-alg=sha1",
        ",encrypt.hash-alg=sha512,cluster_size=4k",
    ]
    .iter()
    .enumerate()
    {
        let name = format!("luks{number}");
        let all = format!(
            "encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10{}",
            options.replace(char::is_whitespace, "")
        );
        let secret = "secret,id=key,data=correct-horse";
        qemu.create(&root, "qcow2", &["--object", secret, "-o", &all, &name, "1M"]);
        compare(qemu, &fleet, &root, &name);
    }
}

#[test]
fn raw_files_of_any_length() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    for length in [0, 1, 511, 512, 513, 4096, 1 << 20] {
        let name = format!("{length}.raw");
        fleet.bytes(&name, &vec![7; length]);
        compare(qemu, &fleet, &fleet.root(), &name);
    }
}

/// The name is said as it was given, and the backing file's is joined to it, unnormalised.
#[test]
fn names_as_they_were_given() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::new();
    fleet.base("a/base");
    fleet.overlay("a/b/over", "../base");
    let whole = fleet.path("a/b/over");
    for (folder, name) in [
        (fleet.root(), "a/b/over"),
        (fleet.root(), "./a/../a/b/over"),
        (fleet.path("a/b"), "over"),
        (fleet.root(), whole.to_str().unwrap()),
    ] {
        compare(qemu, &fleet, &folder, name);
    }
}

#[test]
fn a_chain_is_a_list() {
    let Some(qemu) = require_qemu() else { return };
    let fleet = Fleet::three();
    fleet.bytes("disk.raw", &Image::over("base.qcow2").bytes());
    fleet.write("over-raw", &Image::new().backing("./disk.raw", "raw"));
    fleet.write("undeclared", &Image::undeclared("disk.raw"));
    fleet.overlay("file", "file:middle.qcow2");
    let leaf = fleet.path("leaf.qcow2");
    let json = r#"json:{"driver":"qcow2","file":{"driver":"file","filename":"leaf.qcow2"}}"#;
    fleet.overlay("json", json);
    for image in ["leaf.qcow2", "over-raw", "undeclared", "file", "json", leaf.to_str().unwrap()] {
        let theirs = Value::Array(qemu.chain(&fleet.root(), image));
        let ask = fleet.diskdag("info").args(["--backing-chain", "--output=json", image]);
        let ours = ask.within(fleet.root()).go().exits(0).value();
        same(&without_allocation(ours), &without_allocation(theirs), image);
    }
}

/// Like qemu-img: it ends, exits 1, and says what stands in the way.
#[test]
fn a_chain_without_an_end() {
    let fleet = Fleet::new();
    fleet.overlay("a.qcow2", "b.qcow2");
    fleet.overlay("b.qcow2", "./a.qcow2");
    fleet.overlay("self.qcow2", "../images/self.qcow2");
    fleet.overlay("broken.qcow2", "gone.qcow2");
    fleet.overlay("remote.qcow2", "nbd://10.0.0.1/x");
    fleet.bytes("text", b"no disk\n");
    fleet.overlay("claims.qcow2", "text");
    for image in ["a.qcow2", "self.qcow2", "broken.qcow2", "remote.qcow2", "claims.qcow2"] {
        let answer = fleet.diskdag("info").arg("--backing-chain").image(image).go().exits(1);
        assert!(!answer.stderr.is_empty(), "{}", answer.whole());
        let _alone_it_is_fine = fleet.diskdag("info").image(image).go().exits(0);
    }
}

#[test]
fn people_get_text() {
    let fleet = Fleet::three();
    let answer = fleet.diskdag("info").image("leaf.qcow2").go().exits(0);
    answer.says("middle.qcow2").says("qcow2").says("32 KiB");
}

/// What is above the break is said, in full; which link is missing, on standard error.
#[test]
fn a_chain_with_a_link_missing() {
    let fleet = Fleet::three();
    std::fs::remove_file(fleet.path("base.qcow2")).unwrap();
    let ask = || fleet.diskdag("info").arg("--backing-chain").image("leaf.qcow2");
    let answer = ask().json().go().exits(1);
    let chain = answer.value();
    let names: Vec<_> = chain.as_array().unwrap().iter().map(|one| &one["filename"]).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let heard = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert!(heard.contains("base.qcow2") && heard.contains("no such file"), "{heard}");
    ask().go().exits(1).says("middle.qcow2").says("base.qcow2: no such file");
}

/// Tables that lie outside of the file are not read; all else is said.
#[test]
fn what_is_wrong_behind_the_header() {
    let fleet = Fleet::new();
    let mut bytes = Image::new().bytes();
    let mut put = |at: usize, number: u64| bytes[at..at + 8].copy_from_slice(&number.to_be_bytes());
    put(64, 1 << 40);
    bytes[60..64].copy_from_slice(&65_536_u32.to_be_bytes());
    fleet.bytes("phantoms", &bytes);
    let answer = fleet.diskdag("info").image("phantoms").json().go().exits(1);
    assert_eq!(answer.value()["virtual-size"], 32 << 10);
    answer.says("snapshot");

    // A table of nothing but zeros, all of it in the file: bounded, and said to be cut.
    let mut bytes = Image::new().bytes();
    let table = bytes.len().next_multiple_of(512);
    bytes.resize(table + 65_536 * 40, 0);
    bytes[60..64].copy_from_slice(&65_536_u32.to_be_bytes());
    bytes[64..72].copy_from_slice(&(table as u64).to_be_bytes());
    fleet.bytes("zeros", &bytes);
    let answer = fleet.diskdag("info").image("zeros").json().go().exits(0);
    assert_eq!(answer.value()["snapshots"].as_array().unwrap().len(), 1_000);
    answer.says("65536 internal snapshots");
}

/// qemu-img's exit code, as for everything that it has too.
#[test]
fn no_such_image() {
    let fleet = Fleet::new();
    let answer = fleet.diskdag("info").image("nothing.qcow2").go().exits(1);
    answer.says("nothing.qcow2");
}
