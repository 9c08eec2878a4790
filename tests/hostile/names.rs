//! What an image names: backing files and data files.

use super::canvas::Expect::{Odd, Safe, Unsafe};
use super::canvas::{Case, Expect, at, kind};
use super::try_all;

const REFUSED: Expect = Unsafe("refused-reference");

#[test]
fn places() {
    let out = Unsafe("out-of-bounds");
    let name = |name: &str, expect, offset: u64, size: u32| {
        Case::new(name, expect).u64(at::NAME_OFFSET, offset).u32(at::NAME_SIZE, size)
    };
    let overlapping = Case::new("inside an extension", Unsafe("overlap"));
    let cases = vec![
        name("behind the first cluster", out, 65_536, 8),
        name("far away", out, 1 << 40, 8),
        name("at 2^64-1", out, u64::MAX, 8),
        name("inside the header", Unsafe("overlap"), 8, 8),
        name("at byte 111", Unsafe("overlap"), 111, 8),
        name("1024 bytes", Unsafe("too-large"), 1024, 1024),
        name("2^32-1 bytes", Unsafe("too-large"), 1024, u32::MAX),
        name("across the cluster's end", out, 65_530, 8),
        name("no place, a size", Safe, 0, 77),
        name("a place, no size", Odd("empty-backing-name"), 1024, 0),
        name("1023 zeros", Unsafe("nul-in-name"), 1024, 1023),
        overlapping
            .extensions(&[(kind::FORMAT, 5, b"qcow2")])
            .u64(at::NAME_OFFSET, 118)
            .u32(at::NAME_SIZE, 4),
    ];
    try_all(cases, 12);
}

#[test]
fn backing_files() {
    let raw = |name: &[u8], expect| {
        let title = name.get(..40).unwrap_or(name).escape_ascii().to_string();
        Case::new(title, expect).backing(name, Some(b"raw"))
    };
    let (remote, opaque) = (Unsafe("remote-reference"), Unsafe("opaque-reference"));
    let (bad, cwd) = (Unsafe("bad-reference"), Unsafe("working-directory-reference"));
    let brackets = [&b"json:"[..], &[b'['; 1000]].concat();
    let braces = [&b"json:"[..], &b"{'file':".repeat(120)].concat();
    let control = Unsafe("control-characters");
    let cases = vec![
        raw(b"/etc/passwd", REFUSED),
        raw(b"/etc/shadow", REFUSED),
        raw(b"image.qcow2", REFUSED),
        raw(b"./image.qcow2", REFUSED),
        raw(b"../../../../etc/hostname", REFUSED),
        raw(b"/dev/zero", REFUSED),
        raw(b"/dev/stdin", REFUSED),
        raw(b"/proc/self/mem", REFUSED),
        raw(b"/proc/self/fd/0", REFUSED),
        raw(b".", REFUSED),
        raw(b"/", REFUSED),
        raw(&[b'a'; 1023], REFUSED),
        raw(&b"../".repeat(340), REFUSED),
        raw(b"exists.raw\0/etc/passwd", Unsafe("nul-in-name")),
        raw(b"\0", Unsafe("nul-in-name")),
        raw(b"\xff\xfe\x80", Unsafe("refused-reference")),
        raw(b"a\nbacking file: b", control),
        raw(b"\x1b[2J\x1b]0;title\x07", control),
        raw(b"\r\r\r", control),
        raw("\u{202e}wocq.ktsil".as_bytes(), control),
        raw("\u{9b}31mred".as_bytes(), control),
        raw(b"file:/etc/hostname", REFUSED),
        raw(b"file:hostname", cwd),
        raw(b"file:", bad),
        raw(b"file:a:b", cwd),
        raw(b"host_device:/dev/zero", REFUSED),
        raw(b"nbd://127.0.0.1:1", remote),
        raw(b"nbd:unix:/tmp/x", remote),
        raw(b"https://127.0.0.1:1/x", remote),
        raw(b"ssh://localhost/etc/passwd", remote),
        raw(b"blkdebug::/etc/passwd", opaque),
        raw(b"fat:rw:/etc", opaque),
        raw(b"weird:name.raw", bad),
        raw(b":", bad),
        raw(b"json:", opaque),
        raw(b"json:{}", opaque),
        raw(b"json:{\"driver\":\"raw\",\"file.filename\":\"/etc/passwd\"}", REFUSED),
        raw(b"json:{'driver':'nbd','host':'127.0.0.1','port':'1'}", remote),
        raw(b"json:{'driver':'quorum','children':['a','b']}", opaque),
        raw(&brackets, opaque),
        raw(&braces, opaque),
        raw(b"json:\"\\ud800\"", opaque),
    ];
    try_all(cases, 41);
}

#[test]
fn formats() {
    let undeclared = Unsafe("undeclared-backing-format");
    let name = &b"/etc/passwd"[..];
    let mut cases = vec![
        Case::new("none", undeclared).backing(name, None),
        Case::new("empty", undeclared).backing(name, Some(b"")),
        Case::new("raw", REFUSED).backing(name, Some(b"raw")),
        Case::new("qcow2 over a text", REFUSED).backing(name, Some(b"qcow2")),
        Case::new("nosuchdriver", REFUSED).backing(name, Some(b"nosuchdriver")),
        Case::new("host_device", REFUSED).backing(name, Some(b"host_device")),
        Case::new("with NUL", Unsafe("nul-in-name")).backing(name, Some(b"raw\0x")),
        Case::new("with ESC", REFUSED).backing(name, Some(b"\x1b[2J\n")),
        Case::new("not UTF-8", REFUSED).backing(name, Some(b"\xff\xfe")),
    ];
    let v2 = Case::v2("version 2, no format", undeclared);
    cases.push(v2.u64(at::NAME_OFFSET, 1024).u32(at::NAME_SIZE, 11).bytes(1024, name));
    try_all(cases, 10);
}

#[test]
fn data_files() {
    let data = |name: &[u8], expect| {
        let title = name.get(..40).unwrap_or(name).escape_ascii().to_string();
        Case::new(title, expect).data_file(name)
    };
    let cwd = Unsafe("working-directory-reference");
    let mut cases = vec![
        data(b"/etc/hostname", REFUSED),
        data(b"/dev/zero", REFUSED),
        data(b"/proc/self/mem", REFUSED),
        data(b"data.raw", cwd),
        data(b"image.qcow2", cwd),
        data(b"json:{\"driver\":\"raw\",\"file.filename\":\"/etc/passwd\"}", cwd),
        data(b"nbd://127.0.0.1:1", cwd),
        data(b"file:/etc/passwd", cwd),
        data(b"/etc/hostname\0.raw", Unsafe("nul-in-name")),
        data(b"\x1b[2J", Unsafe("control-characters")),
        data(b"\xff\xfe", cwd),
        data(b"", Unsafe("bad-reference")),
        data(&[b'a'; 5000], Unsafe("long-name")),
        data(&[b'a'; 60_000], Unsafe("long-name")),
        data(&[0x1b; 60_000], Unsafe("control-characters")),
        data(b"/etc/shadow", Unsafe("undeclared-backing-format")).backing(b"/etc/passwd", None),
    ];
    let huge = Case::sized("a name of 1 MiB", Unsafe("long-name"), 21, 3);
    cases.push(huge.data_file(&vec![0xff; 1 << 20]));
    try_all(cases, 17);
}
