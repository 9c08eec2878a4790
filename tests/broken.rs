//! What qemu-img cannot make, and what it must not be shown: cycles are in `wrong.rs`; here are
//! missing links, special files, hostile names and headers that make no sense.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Fleet, Image, identities, identity, items, path_of, paths_of, text_of};

fn scan(fleet: &Fleet, code: i32) -> Value {
    fleet.diskdag("scan").rooted().arg(fleet.root()).json().go().exits(code).scanned("scan")
}

fn graph(fleet: &Fleet) -> Value {
    let answer = fleet.diskdag("graph").rooted().arg(fleet.root()).json().go();
    answer.exits_one_of(&[0, 6, 7]).scanned("graph")
}

fn state_of(graph: &Value, path: &Path) -> String {
    let disk = items(graph, "disks").iter().find(|disk| path_of(disk) == path);
    let disk = disk.unwrap_or_else(|| panic!("{} is not in {graph}", path.display()));
    text_of(disk, "state").to_owned()
}

#[test]
fn missing_links_are_nodes_and_are_said() {
    let fleet = Fleet::new();
    fleet.overlay("a.qcow2", "gone.qcow2");
    fleet.overlay("b.qcow2", "gone.qcow2");
    fleet.overlay("c.qcow2", "b.qcow2");
    let found = scan(&fleet, 6);
    let missing = items(&found, "missing");
    assert_eq!(missing.len(), 1, "one thing is missing, twice needed: {found}");
    assert_eq!(path_of(&missing[0]), fleet.path("gone.qcow2"));
    let needed_by = missing[0]["needed-by"].as_array().unwrap().iter();
    let needed_by = identities(needed_by.map(|path| path.as_str().unwrap()));
    assert_eq!(needed_by, identities([fleet.path("a.qcow2"), fleet.path("b.qcow2")]));
    assert_eq!(state_of(&graph(&fleet), &fleet.path("gone.qcow2")), "missing");

    let chain = fleet.diskdag("chain").image("c.qcow2").json().go().exits(6).object("chain");
    let states: Vec<_> = items(&chain, "chain").iter().map(|part| text_of(part, "state")).collect();
    assert_eq!(states, ["ok", "ok", "missing"]);
    fleet.diskdag("chain").image("c.qcow2").go().exits(6).says("gone.qcow2");
    // What is missing still has dependents: whoever puts it back has to know.
    let answer = fleet.diskdag("dependents").rooted().image("gone.qcow2").json().go();
    let answer = answer.exits_one_of(&[0, 5]);
    if answer.code == 0 {
        assert_eq!(items(&answer.object("dependents"), "dependents").len(), 3);
    }
}

/// The declared format is believed: what claims qcow2 and is not is a broken edge, never a raw
/// disk.
#[test]
fn a_backing_file_of_another_format_than_declared() {
    let fleet = Fleet::new();
    let text = fleet.bytes("text", b"this is no disk image\n");
    fleet.overlay("over.qcow2", "text");
    let found = scan(&fleet, 6);
    let findings = identities(paths_of(&found, "findings"));
    let named = [fleet.path("over.qcow2"), text];
    assert!(named.iter().any(|path| findings.contains(&identity(path))), "{found}");
    let chain = fleet.diskdag("chain").image("over.qcow2").json().go().exits(6).object("chain");
    let last = &items(&chain, "chain")[1];
    assert!(last["state"] != "ok" || last["format"] != "raw", "{chain}");
    fleet.diskdag("can-rm").rooted().image("text").go().exits(4).says("over.qcow2");
}

#[test]
fn special_files_are_never_opened_and_are_no_doubt() {
    let fleet = Fleet::three();
    let fifo = fleet.path("fifo.qcow2");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let socket = fleet.path("socket.qcow2");
    let _listening = UnixListener::bind(&socket).unwrap();
    std::os::unix::fs::symlink("/dev/zero", fleet.path("zero.qcow2")).unwrap();
    fleet.diskdag("can-rm").rooted().image("leaf.qcow2").go().exits(0);
    scan(&fleet, 0);
    for (index, special) in [&fifo, &socket, Path::new("/dev/zero")].iter().enumerate() {
        let over = fleet.overlay(&format!("over-{index}.qcow2"), special);
        let chain = fleet.diskdag("chain").arg(&over).json().go().exits_one_of(&[6, 7]);
        let chain = chain.object("chain");
        assert_eq!(chain["chain"][1]["state"], "not-a-file", "{chain}");
    }
    // A name, a device that never ends, a pipe that nobody writes: all answer at once.
    for special in [fifo, socket] {
        let answer = fleet.diskdag("info").arg(&special).go();
        assert_ne!(answer.code, 0);
        let answer = fleet.diskdag("chain").arg(&special).go();
        assert_ne!(answer.code, 0);
    }
    fleet.diskdag("can-rm").rooted().image("leaf.qcow2").go().exits(0);
}

/// Regular to stat, and anything but a disk.
#[test]
#[cfg(target_os = "linux")]
fn files_of_proc_are_refused() {
    let fleet = Fleet::three();
    fleet.overlay("memory.qcow2", "/proc/self/mem");
    let chain = fleet.diskdag("chain").image("memory.qcow2").json().go().exits_one_of(&[6, 7]);
    assert_eq!(chain.object("chain")["chain"][1]["state"], "refused");
}

/// Names that a terminal would obey are shown escaped, and are whole in JSON and with -0.
#[test]
fn names_that_a_terminal_would_obey() {
    let hostile = [
        "new\nline.qcow2",
        "escape-\u{1b}[31mred\u{1b}[0m.qcow2",
        "return\rforged.qcow2",
        "tab\tand bell\u{7}.qcow2",
        "quote\"back\\slash'.qcow2",
    ];
    for name in hostile {
        let fleet = Fleet::new();
        let base = fleet.base(name);
        let over = fleet.overlay(&format!("over-{name}"), name);
        // `go` fails on a byte that a terminal would obey.
        for verb in ["scan", "tree", "graph"] {
            fleet.diskdag(verb).rooted().arg(fleet.root()).go().exits(0);
        }
        for format in ["dot", "mermaid"] {
            let ask = fleet.diskdag("graph").rooted().arg(fleet.root()).args(["--format", format]);
            ask.go().exits(0).never_says("line.qcow2\n line");
        }
        fleet.diskdag("chain").arg(&over).go().exits(0);
        fleet.diskdag("info").arg(&over).go().exits(0);
        fleet.diskdag("why").rooted().arg(&base).arg(&over).go().exits(0);
        fleet.diskdag("can-rm").rooted().arg(&base).go().exits(4);
        fleet.diskdag("dependents").rooted().arg(&base).go().exits(0);

        let answer = fleet.diskdag("can-rm").rooted().arg(&base).json().go().exits(4);
        assert_eq!(paths_of(&answer.object("can-rm"), "blockers"), [over.as_path()]);
        let answer = fleet.diskdag("dependents").rooted().arg("-0").arg(&base).any_bytes().go();
        let mut expected = over.as_os_str().as_bytes().to_vec();
        expected.push(0);
        assert_eq!(answer.exits(0).stdout, expected);
    }
}

/// A line of its own for every dependent, also when a name has a newline in it.
#[test]
fn a_newline_in_a_name_forges_no_line() {
    let fleet = Fleet::new();
    let base = fleet.base("base.qcow2");
    fleet.overlay("over\n/images/forged.qcow2", &base);
    let answer = fleet.diskdag("dependents").rooted().arg(&base).go().exits(0);
    assert_eq!(answer.text().lines().count(), 1, "{}", answer.text());
}

/// The same when the name stands in a header and leads to nothing.
#[test]
fn hostile_names_in_headers() {
    let fleet = Fleet::new();
    fleet.overlay("over.qcow2", "gone\nbacking file: /etc/passwd\u{1b}[2J");
    for verb in ["scan", "tree", "graph"] {
        let answer = fleet.diskdag(verb).rooted().arg(fleet.root()).go();
        let answer = answer.exits_one_of(&[0, 6]).harmless();
        let forged = answer.everything().lines().any(|line| line.starts_with("backing file: /etc"));
        assert!(!forged, "{}", answer.whole());
    }
    let answer = fleet.diskdag("info").image("over.qcow2").go().exits(0);
    let backing = answer.text().lines().filter(|line| line.starts_with("backing file"));
    assert!(!backing.clone().any(|line| line.starts_with("backing file: /etc")), "{backing:?}");
}

/// Bytes that are not UTF-8 are shown somehow, and are exact in `path-bytes`.
#[test]
#[cfg(target_os = "linux")]
fn names_that_are_not_utf8() {
    let fleet = Fleet::new();
    let name = OsStr::from_bytes(b"b\xff\xfe\x80se.qcow2");
    let base = fleet.write(name, &Image::new());
    let over = fleet.write(OsStr::from_bytes(b"over-\xc3\x28"), &Image::over(name));
    let answer = fleet.diskdag("chain").arg(&over).json().go().exits(0).object("chain");
    assert_eq!(paths_of(&answer, "chain"), [over.as_path(), base.as_path()]);
    assert!(answer["chain"][1]["path-bytes"].is_string() && answer["chain"][1]["path"].is_string());
    let answer = fleet.diskdag("can-rm").rooted().arg(&base).json().go().exits(4);
    assert_eq!(paths_of(&answer.object("can-rm"), "blockers"), [over.as_path()]);
    let answer =
        fleet.diskdag("dependents").rooted().arg("-0").arg(&base).any_bytes().go().exits(0);
    assert_eq!(answer.stdout.strip_suffix(b"\0"), Some(over.as_os_str().as_bytes()));
    for verb in ["scan", "tree", "graph"] {
        let answer = fleet.diskdag(verb).rooted().arg(fleet.root()).go().exits(0);
        assert!(std::str::from_utf8(&answer.stdout).is_ok(), "{}", answer.whole());
    }
    fleet.diskdag("can-rm").rooted().arg(&over).go().exits(0);
}

/// Headers that make no sense: each file stays in the picture, with its reason, and each is a
/// doubt, because nobody knows what it names. Files that are not qcow2 at all are none.
#[test]
fn headers_that_make_no_sense() {
    let whole = Image::over("unrelated.qcow2").bytes();
    let patched = |offset: usize, bytes: &[u8]| {
        let mut image = whole.clone();
        image[offset..offset + bytes.len()].copy_from_slice(bytes);
        image
    };
    let broken: [(&str, Vec<u8>); 9] = [
        ("magic-only", whole[..4].to_vec()),
        ("short-v2", whole[..71].to_vec()),
        ("short-v3", whole[..103].to_vec()),
        ("version-1", patched(4, &1_u32.to_be_bytes())),
        ("version-4", patched(4, &4_u32.to_be_bytes())),
        ("cluster-bits-8", patched(20, &8_u32.to_be_bytes())),
        ("cluster-bits-huge", patched(20, &u32::MAX.to_be_bytes())),
        ("header-length-0", patched(100, &0_u32.to_be_bytes())),
        ("name-too-long", patched(16, &1024_u32.to_be_bytes())),
    ];
    for (name, bytes) in broken {
        let fleet = Fleet::three();
        fleet.base("unrelated.qcow2");
        let file = fleet.bytes(name, &bytes);
        let answer = fleet.diskdag("can-rm").rooted().image("leaf.qcow2").json().go();
        let answer = answer.exits(7).scanned("can-rm");
        assert_eq!(identities(paths_of(&answer, "doubts")), identities([&file]), "{answer}");
        let scan = fleet.diskdag("scan").rooted().arg(fleet.root()).json().go();
        let scan = scan.exits_one_of(&[6, 7]);
        scan.says(name);
        let graph = graph(&fleet);
        assert!(items(&graph, "disks").iter().any(|disk| path_of(disk) == file), "{graph}");
    }
    for (name, bytes) in
        [("empty", Vec::new()), ("text", b"no disk\n".to_vec()), ("zeros", vec![0; 4096])]
    {
        let fleet = Fleet::three();
        fleet.bytes(name, &bytes);
        fleet.diskdag("can-rm").rooted().image("leaf.qcow2").go().exits(0);
        scan(&fleet, 0);
    }
}

/// A header that QEMU would refuse for other reasons still says what it names.
#[test]
fn what_a_bad_header_names_still_blocks() {
    for (offset, bytes) in [
        // An incompatible feature of the future.
        (72, (1_u64 << 63).to_be_bytes().to_vec()),
        // Refcounts of 128 bits.
        (96, 7_u32.to_be_bytes().to_vec()),
        // An encryption that does not exist.
        (32, 3_u32.to_be_bytes().to_vec()),
    ] {
        let fleet = Fleet::three();
        let mut image = Image::over("leaf.qcow2").bytes();
        image[offset..offset + bytes.len()].copy_from_slice(&bytes);
        fleet.bytes("odd.qcow2", &image);
        fleet.diskdag("can-rm").rooted().image("leaf.qcow2").go().exits(4).says("odd.qcow2");
    }
}

/// A reference that may hide anything is a doubt about everything.
#[test]
fn opaque_references_are_doubts() {
    for name in [
        r#"json:{"driver":"quorum","children":["a","b"],"vote-threshold":1}"#,
        r#"json:{"driver":"nosuchdriver"}"#,
        "json:{broken",
        "blkdebug::leaf.qcow2",
    ] {
        let fleet = Fleet::three();
        let opaque = fleet.overlay("opaque.qcow2", name);
        let answer = fleet.diskdag("can-rm").rooted().image("leaf.qcow2").json().go();
        let answer = answer.exits(7).says("opaque.qcow2").scanned("can-rm");
        assert_eq!(items(&answer, "doubts").len(), 1, "{name}: {answer}");
        fleet.diskdag("can-rm").rooted().arg(&opaque).go().exits(0);
    }
}

/// `json:` with a thousand brackets: no parser of ours goes down with it.
#[test]
fn deep_json_is_opaque() {
    let fleet = Fleet::three();
    let name = format!("json:{}", "[".repeat(1000));
    fleet.write("deep.qcow2", &Image::over(&name));
    fleet.diskdag("can-rm").rooted().image("leaf.qcow2").go().exits(7).says("deep.qcow2");
}

/// The name ends at a NUL for QEMU and does not for others: nobody follows it.
#[test]
fn a_name_with_nul_is_not_resolved() {
    let fleet = Fleet::three();
    fleet.write("nul.qcow2", &Image::over(OsStr::from_bytes(b"leaf.qcow2\0/etc/passwd")));
    let answer = fleet.diskdag("can-rm").rooted().image("leaf.qcow2").json().go();
    let answer = answer.exits_one_of(&[4, 7]).says("nul.qcow2").scanned("can-rm");
    assert_ne!(answer["verdict"], "yes");
    fleet.diskdag("chain").image("nul.qcow2").go().never_says("root:");
}

/// A backing file outside of the roots is followed, is in the picture, and is marked.
#[test]
fn backing_files_out_of_scope_are_followed() {
    let fleet = Fleet::new();
    let outside = fleet.outside().join("outside.qcow2");
    std::fs::write(&outside, Image::over("deeper.qcow2").bytes()).unwrap();
    let deeper = fleet.outside().join("deeper.qcow2");
    std::fs::write(&deeper, Image::new().bytes()).unwrap();
    let over = fleet.overlay("over.qcow2", "../outside.qcow2");
    let found = graph(&fleet);
    assert_eq!(identities(paths_of(&found, "disks")), identities([&over, &outside, &deeper]));
    assert_eq!(items(&found, "edges").len(), 2);
    for path in [outside, deeper] {
        let answer = fleet.diskdag("can-rm").rooted().arg(&path).json().go().exits(4);
        let blockers = paths_of(&answer.object("can-rm"), "blockers");
        assert!(identities(blockers).contains(&identity(&over)));
    }
}
