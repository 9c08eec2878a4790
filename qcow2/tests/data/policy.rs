//! What a chain may open. Images are made by [`Create`]; nothing here needs QEMU.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use diskdag_qcow2::chain::{OpenChainError, Undeclared};
use diskdag_qcow2::create::{Backing, Create};
use diskdag_qcow2::{Chain, GuestOffset, Policy};

use crate::support::scratch;

fn overlay(file: &Path, name: &str, format: Option<&str>) {
    let backing = Backing { name: name.as_bytes(), format: format.map(str::as_bytes) };
    let create = Create { virtual_size: 1 << 20, backing: Some(backing), ..Create::default() };
    write(file, &create);
}

fn write(file: &Path, create: &Create<'_>) {
    let layout = create.build().unwrap();
    let mut bytes = vec![0; layout.len as usize];
    for (offset, piece) in &layout.pieces {
        bytes[*offset as usize..][..piece.len()].copy_from_slice(piece);
    }
    std::fs::write(file, bytes).unwrap();
}

fn anywhere() -> Policy {
    Policy::trusting(PathBuf::from("/"))
}

fn kind(error: &OpenChainError) -> &'static str {
    match error {
        OpenChainError::Open { .. } => "open",
        OpenChainError::Image { .. } => "image",
        OpenChainError::Refused { .. } => "refused",
        OpenChainError::NoFile { .. } => "no-file",
        OpenChainError::UndeclaredFormat { .. } => "undeclared",
        OpenChainError::UnsupportedFormat { .. } => "unsupported",
        OpenChainError::Cycle { .. } => "cycle",
        OpenChainError::TooDeep { .. } => "too-deep",
        _ => "other",
    }
}

fn code(file: &Path, policy: &Policy) -> &'static str {
    Chain::open(file, policy).map_or_else(|error| kind(&error), |_| "opened")
}

#[test]
fn by_default_nothing_is_followed_whether_or_not_it_exists() {
    let directory = scratch();
    let top = directory.path().join("top.qcow2");
    std::fs::write(directory.path().join("there.raw"), [0; 512]).unwrap();
    for name in ["there.raw", "missing.raw", "/etc/passwd", "/etc/missing"] {
        overlay(&top, name, Some("raw"));
        assert_eq!(code(&top, &Policy::default()), "refused", "{name}");
    }
}

#[test]
fn beneath_means_beneath() {
    let directory = scratch();
    let root = directory.path();
    for name in ["in", "in/sub", "out"] {
        std::fs::create_dir(root.join(name)).unwrap();
    }
    for name in ["in/base.raw", "in/sub/base.raw", "out/base.raw"] {
        std::fs::write(root.join(name), [1; 512]).unwrap();
    }
    symlink("../out/base.raw", root.join("in/link.raw")).unwrap();
    symlink("base.raw", root.join("in/inner.raw")).unwrap();
    symlink("../out", root.join("in/away")).unwrap();
    let policy = Policy::beneath([root.join("in")]);
    let top = root.join("in/sub/top.qcow2");
    let outside = root.join("out/base.raw");
    let cases = [
        ("base.raw", "opened"),
        ("../base.raw", "opened"),
        ("../sub/./base.raw", "opened"),
        ("../inner.raw", "opened"),
        ("../../out/base.raw", "refused"),
        ("../link.raw", "refused"),
        ("../away/base.raw", "refused"),
        ("../away/missing.raw", "refused"),
        ("/etc/passwd", "refused"),
        (outside.to_str().unwrap(), "refused"),
        ("missing.raw", "open"),
        ("file:base.raw", "refused"),
        ("nbd://127.0.0.1:1/x", "no-file"),
        ("weird:base.raw", "no-file"),
        ("json:{\"driver\":\"raw\",\"file\":{\"filename\":\"/etc/passwd\"}}", "refused"),
    ];
    for (name, expected) in cases {
        overlay(&top, name, Some("raw"));
        assert_eq!(code(&top, &policy), expected, "{name}");
    }
    let absolute = root.join("in/base.raw");
    overlay(&top, absolute.canonicalize().unwrap().to_str().unwrap(), Some("raw"));
    assert_eq!(code(&top, &policy), "opened");
    // An overlay elsewhere may rest on what is allowed.
    let elsewhere = root.join("top.qcow2");
    overlay(&elsewhere, "in/base.raw", Some("raw"));
    assert_eq!(code(&elsewhere, &policy), "opened");
}

#[test]
fn cycles_are_found_by_the_file_not_by_its_name() {
    let directory = scratch();
    let (a, b) = (directory.path().join("a"), directory.path().join("b"));
    overlay(&a, "a", Some("qcow2"));
    assert_eq!(code(&a, &anywhere()), "cycle");
    overlay(&a, "b", Some("qcow2"));
    overlay(&b, "a", Some("qcow2"));
    let error = Chain::open(&a, &anywhere()).unwrap_err();
    assert!(matches!(error, OpenChainError::Cycle { depth: 2, first: 0, .. }), "{error}");
    // Each time round the name is longer: no comparison of names would see it.
    symlink(".", directory.path().join("again")).unwrap();
    overlay(&a, "again/a", Some("qcow2"));
    assert_eq!(code(&a, &anywhere()), "cycle");
    std::fs::hard_link(&b, directory.path().join("c")).unwrap();
    overlay(&b, "c", Some("qcow2"));
    assert_eq!(code(&b, &anywhere()), "cycle");
}

#[test]
fn formats_are_believed_and_not_probed() {
    let directory = scratch();
    let (top, base) = (directory.path().join("top"), directory.path().join("base"));
    write(&base, &Create { virtual_size: 1 << 20, ..Create::default() });
    let declared = Policy { undeclared: Undeclared::Refuse, ..anywhere() };
    overlay(&top, "base", None);
    assert_eq!(code(&top, &declared), "undeclared");
    assert_eq!(Chain::open(&top, &anywhere()).unwrap().layers().len(), 2);
    overlay(&top, "base", Some("raw"));
    let chain = Chain::open(&top, &declared).unwrap();
    let mut magic = [0; 4];
    chain.read_at(GuestOffset(0), &mut magic).unwrap();
    assert_eq!(&magic, b"QFI\xfb", "declared raw: the guest reads its header");
    overlay(&top, "base", Some("vmdk"));
    assert_eq!(code(&top, &declared), "unsupported");
    std::fs::write(&base, [0; 4096]).unwrap();
    overlay(&top, "base", Some("qcow2"));
    assert_eq!(code(&top, &anywhere()), "image", "declared qcow2, and is not: no fallback to raw");
    overlay(&top, "base", None);
    assert_eq!(code(&top, &anywhere()), "opened", "probed raw");
    assert_eq!(code(&base, &declared), "image");
    assert_eq!(code(&base, &anywhere()), "opened");
}

#[test]
fn names_from_the_working_directory_need_one() {
    let directory = scratch();
    let (top, base) = (directory.path().join("top"), directory.path().join("base"));
    std::fs::write(&base, [5; 512]).unwrap();
    overlay(&top, "file:base", Some("raw"));
    let nowhere = Policy { working_directory: None, ..anywhere() };
    assert_eq!(code(&top, &nowhere), "refused");
    assert_eq!(code(&top, &Policy::trusting(directory.path().to_owned())), "opened");
}

#[test]
fn special_files_are_not_opened() {
    let directory = scratch();
    let top = directory.path().join("top");
    overlay(&top, "/dev/zero", Some("raw"));
    assert_eq!(code(&top, &anywhere()), "open");
    overlay(&top, "/proc/self/mem", Some("raw"));
    assert_eq!(code(&top, &anywhere()), "open");
    overlay(&top, ".", Some("raw"));
    assert_eq!(code(&top, &anywhere()), "open");
}

#[test]
fn depth_is_bounded_by_the_policy() {
    let directory = scratch();
    let name = |layer: u32| directory.path().join(format!("layer{layer}"));
    write(&name(0), &Create { virtual_size: 1 << 20, ..Create::default() });
    for layer in 1..60 {
        overlay(&name(layer), &format!("layer{}", layer - 1), Some("qcow2"));
    }
    let chain = Chain::open(&name(59), &anywhere()).unwrap();
    assert_eq!(chain.layers().len(), 60);
    assert_eq!(chain.extents().map(|extent| extent.unwrap().depth).collect::<Vec<_>>(), [59]);
    let policy = Policy { max_layers: 59, ..anywhere() };
    assert_eq!(code(&name(59), &policy), "too-deep");
}
