//! What surrounds an image: special files, file names, permissions, confinement.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use crate::support::{Fleet, Image, items};

/// Everything that is no file answers at once, from every verb.
#[test]
fn special_files() {
    let fleet = Fleet::new();
    let fifo = fleet.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    symlink("/dev/zero", fleet.path("link")).unwrap();
    fleet.folder("folder");
    let special = ["fifo", "link", "folder"].map(|name| fleet.path(name));
    let system =
        ["/dev/zero", "/dev/tty", "/dev/null", "/proc/self/mem", "/proc/kmsg", "/sys/power/state"];
    let system =
        system.map(Into::into).into_iter().filter(|path: &std::path::PathBuf| path.exists());
    for path in special.into_iter().chain(system) {
        let answer = fleet.diskdag("audit").arg(&path).json().limited().go().exits_one_of(&[4, 7]);
        assert_eq!(answer.object("audit")["safe"], false);
        fleet.diskdag("info").arg(&path).limited().go().exits(1);
        fleet.diskdag("chain").arg(&path).limited().go().exits_one_of(&[1, 4, 7]);
    }
    fleet.diskdag("audit").image("missing").json().go().exits(5);
    fleet.diskdag("audit").image("missing/too").go().exits(5);
}

#[test]
fn file_names() {
    let fleet = Fleet::new();
    for name in [&b"new\nline"[..], b"\x1b[2J", b"\xff\xfe", b"-", b"--json", b"a:b"] {
        let name = std::ffi::OsStr::from_bytes(name);
        let path = fleet.write(name, &Image::new());
        fleet.diskdag("audit").arg("--").arg(&path).limited().go().exits(0);
        let answer = fleet.diskdag("audit").arg("--json").arg("--").arg(&path).go().exits(0);
        answer.object("audit");
    }
}

#[test]
fn what_may_not_be_read_cannot_be_decided() {
    let fleet = Fleet::new();
    let path = fleet.base("closed.qcow2");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    fleet.diskdag("audit").arg(&path).unprivileged().go().exits(7).says("unreadable");
}

#[test]
fn a_file_that_is_cut_is_not_safe() {
    let fleet = Fleet::new();
    let bytes = Image::new().bytes();
    for len in 0..bytes.len() {
        if len % 97 == 0 {
            let path = fleet.bytes("cut.qcow2", &bytes[..len]);
            fleet.diskdag("audit").arg(&path).limited().go().exits_one_of(&[4, 7]);
        }
    }
}

/// `--allow-dir` lets nothing out, and tells nobody what lies outside.
#[test]
fn confinement() {
    let fleet = Fleet::new();
    fleet.base("pool/base.qcow2");
    fleet.base("elsewhere/base.qcow2");
    symlink("../elsewhere", fleet.path("pool/way")).unwrap();
    let absolute = fleet.path("pool/base.qcow2");
    let outside = fleet.path("elsewhere/base.qcow2");
    let named = |name: &std::ffi::OsStr| fleet.overlay("pool/top.qcow2", name);
    let audit = |json: bool| {
        let ask = fleet.diskdag("audit").image("pool/top.qcow2");
        let ask = ask.arg("--allow-dir").arg(fleet.path("pool"));
        if json { ask.json() } else { ask }.limited().go()
    };
    for name in ["base.qcow2".as_ref(), "./base.qcow2".as_ref(), absolute.as_os_str()] {
        named(name);
        let answer = audit(true).exits(0).object("audit");
        assert_eq!(items(&answer, "references")[0]["policy"], "allowed", "{name:?}");
        audit(false).exits(0).says("allowed");
        fleet.diskdag("audit").image("pool/top.qcow2").go().exits(4).says("refused-reference");
    }
    for name in ["../elsewhere/base.qcow2".as_ref(), "way/base.qcow2".as_ref(), outside.as_os_str()]
    {
        named(name);
        let answer = audit(true).exits(4).object("audit");
        assert_eq!(items(&answer, "references")[0]["policy"], "refused", "{name:?}");
    }
    named("../elsewhere/base.qcow2".as_ref());
    let there = audit(true).exits(4).stdout;
    std::fs::remove_file(&outside).unwrap();
    assert_eq!(there, audit(true).exits(4).stdout, "it is told whether the file is there");
}

/// Loops and long chains, as far as they are allowed.
#[test]
fn chains() {
    let fleet = Fleet::new();
    fleet.overlay("self.qcow2", "self.qcow2");
    fleet.overlay("a.qcow2", "b.qcow2");
    fleet.overlay("b.qcow2", "./a.qcow2");
    symlink(".", fleet.path("again")).unwrap();
    fleet.overlay("grows.qcow2", "again/grows.qcow2");
    for name in ["self.qcow2", "a.qcow2", "grows.qcow2"] {
        let ask = fleet.diskdag("audit").image(name).arg("--allow-dir").arg(fleet.root());
        ask.limited().go().exits(4).says("cycle");
        fleet.diskdag("chain").image(name).limited().go().exits(6);
    }
    fleet.base("0.qcow2");
    for number in 1..1200 {
        fleet.overlay(&format!("{number}.qcow2"), format!("{}.qcow2", number - 1));
    }
    let ask = fleet.diskdag("audit").image("1199.qcow2").arg("--allow-dir").arg(fleet.root());
    ask.limited().go().exits(4).says("too-deep");
    fleet.diskdag("chain").image("1199.qcow2").limited().go().exits(0);
}
