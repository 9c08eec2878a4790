//! What an image names: relative, absolute, `file:`, protocols.

use std::borrow::Cow;

use diskdag_qcow2::{Base, Reference, Rule, Target};

fn rule(name: &str) -> &'static str {
    Reference::classify(name.as_bytes()).rule().code()
}

/// The path and what it starts from, for an image in `dir/`.
fn path(name: &[u8]) -> Option<(Vec<u8>, Base)> {
    match Reference::classify(name).target(b"dir/") {
        Target::Path { path, base } => Some((path.into_owned(), base)),
        _ => None,
    }
}

#[test]
fn a_plain_name_is_put_behind_the_images_directory_byte_for_byte() {
    for name in
        [&b"base"[..], b"../a/base", b"./a:b", b"x/y:z", b"..", b"\xff\xfe\x80", b"a\nb", b" "]
    {
        assert_eq!(Reference::classify(name), Reference::Relative(name));
        assert_eq!(path(name), Some(([b"dir/", name].concat(), Base::Image)));
    }
    let target = Reference::classify(b"base");
    let expected = Target::Path { path: Cow::Borrowed(b"base"), base: Base::Image };
    assert_eq!(target.target(b""), expected);
}

#[test]
fn an_absolute_name_is_the_path() {
    for name in [&b"/images/base"[..], b"/a:b", b"/../x", b"//x"] {
        assert_eq!(Reference::classify(name), Reference::Absolute(name));
        assert_eq!(path(name), Some((name.to_vec(), Base::Absolute)));
    }
}

#[test]
fn file_is_stripped_and_relative_to_the_working_directory() {
    assert_eq!(path(b"file:/etc/hostname"), Some((b"/etc/hostname".to_vec(), Base::Absolute)));
    assert_eq!(path(b"file:base"), Some((b"base".to_vec(), Base::WorkingDirectory)));
    assert_eq!(path(b"file:///x"), Some((b"///x".to_vec(), Base::Absolute)));
    assert_eq!(path(b"file:a:b"), Some((b"./a:b".to_vec(), Base::WorkingDirectory)));
    assert_eq!(path(b"file:a/b:c"), Some((b"a/b:c".to_vec(), Base::WorkingDirectory)));
    // The rest is a path, never another protocol.
    let nested = Some((b"./nbd://host/disk".to_vec(), Base::WorkingDirectory));
    assert_eq!(path(b"file:nbd://host/disk"), nested);
    let nested = Some((b"./json:{}".to_vec(), Base::WorkingDirectory));
    assert_eq!(path(b"file:json:{}"), nested);
    assert_eq!(rule("file:x"), "file");
    assert_eq!(rule("file:"), "bad");
}

#[test]
fn host_devices_are_paths() {
    assert_eq!(path(b"host_device:/dev/sdb"), Some((b"/dev/sdb".to_vec(), Base::Absolute)));
    assert_eq!(path(b"host_cdrom:/dev/sr0"), Some((b"/dev/sr0".to_vec(), Base::Absolute)));
}

#[test]
fn remote_protocols_name_no_file_of_this_host() {
    for name in [
        "nbd://host/disk",
        "nbd:host:10809",
        "nbd+unix:///disk?socket=/s",
        "http://h/x",
        "https://h/x",
        "ftp://h/x",
        "ftps://h/x",
        "ssh://h/x",
        "rbd:pool/image",
        "iscsi://h/t/0",
        "gluster://h/v/i",
        "gluster+rdma://h/v/i",
        "nfs://h/x",
        "nvme://0000:01:00.0/1",
        "null-co://",
        "null-aio://",
        "sheepdog:x",
    ] {
        assert_eq!(rule(name), "remote", "{name}");
        assert_eq!(Reference::classify(name.as_bytes()).target(b"dir/"), Target::Remote);
    }
    let found = Reference::classify(b"gluster+tcp://h/v/i");
    assert_eq!(found, Reference::Remote { scheme: b"gluster+tcp" });
}

#[test]
fn protocols_that_may_hide_a_file_are_opaque() {
    for name in ["blkdebug::/base", "blkverify:/a:/b", "fat:/dir", "fat:rw:16:/dir", "io_uring:/x"]
    {
        assert_eq!(rule(name), "opaque", "{name}");
        assert_eq!(Reference::classify(name.as_bytes()).target(b"dir/"), Target::Opaque);
    }
}

#[test]
fn unknown_protocols_are_never_resolved() {
    for name in [
        "weird:name.raw",
        "a:b",
        ":x",
        "FILE:x",
        "Nbd://h/d",
        "c:\\images\\x",
        "quorum:x",
        "qcow2:x",
    ] {
        assert_eq!(rule(name), "unknown-protocol", "{name}");
        assert_eq!(Reference::classify(name.as_bytes()).target(b"dir/"), Target::Unresolvable);
    }
}

#[test]
fn empty_names_and_names_with_a_nul_are_bad() {
    for name in [&b""[..], b"\0", b"exists.raw\0/etc/passwd", b"/x\0", b"json:{}\0", b"nbd:\0"] {
        assert_eq!(Reference::classify(name).rule(), Rule::Bad);
        assert_eq!(Reference::data_file(name).rule(), Rule::Bad);
        assert_eq!(Reference::classify(name).target(b"dir/"), Target::Unresolvable);
    }
}

#[test]
fn data_files_are_literal_and_relative_to_the_working_directory() {
    for name in [&b"data.raw"[..], b"file:x", b"json:{}", b"nbd://h/d"] {
        let found = Reference::data_file(name);
        assert_eq!(found.rule().code(), "data-file");
        let expected = Target::Path { path: Cow::Borrowed(name), base: Base::WorkingDirectory };
        assert_eq!(found.target(b"dir/"), expected);
    }
    let found = Reference::data_file(b"/data.raw");
    let expected = Target::Path { path: Cow::Borrowed(b"/data.raw"), base: Base::Absolute };
    assert_eq!(found.target(b"dir/"), expected);
}
