//! The name of the backing file, and of the data file.

use diskdag_qcow2::{ErrorKind, FindingKind, Header, Reference, Rule, Structure};

use crate::image::{DATA_FILE, FORMAT, Put as _, at, ext, extended, overlay, v3};

fn placed(offset: u64, length: u32) -> Vec<u8> {
    let mut file = v3();
    file[112..65_536].fill(0);
    file.put64(at::NAME_OFFSET, offset).put32(at::NAME_SIZE, length);
    file
}

fn code(file: &[u8]) -> &'static str {
    Header::parse(file).map_or_else(|error| error.code(), |_| "ok")
}

fn kinds(file: &[u8]) -> Vec<FindingKind> {
    let header = Header::parse(file).expect("has to be described");
    header.findings(file.len() as u64).map(|finding| finding.kind).collect()
}

#[test]
fn a_name_and_its_format() {
    let file = overlay(b"base.qcow2", Some(b"qcow2"));
    let header = Header::parse(&file).unwrap();
    assert_eq!(header.backing_name(), Some(&b"base.qcow2"[..]));
    assert_eq!(header.backing_format(), Some(&b"qcow2"[..]));
    assert_eq!(kinds(&file), []);
}

#[test]
fn a_format_that_is_not_declared_is_a_finding() {
    assert_eq!(kinds(&overlay(b"/etc/passwd", None)), [FindingKind::UndeclaredBackingFormat]);
}

#[test]
fn an_offset_at_the_clusters_end_is_out_of_bounds() {
    assert_eq!(code(&placed(65_536, 1)), "out-of-bounds");
    assert_eq!(code(&placed(65_537, 0)), "out-of-bounds");
    assert_eq!(code(&placed(u64::MAX, 1)), "out-of-bounds");
}

#[test]
fn a_name_in_the_header_is_an_overlap() {
    for offset in [8, 71, 104, 111] {
        let error = Header::parse(&placed(offset, 4)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Overlap { with: Structure::Header });
    }
    assert_eq!(code(&placed(120, 4)), "ok");
}

#[test]
fn a_name_of_1024_bytes_is_too_large() {
    assert_eq!(code(&placed(200, 1023)), "ok");
    let error = Header::parse(&placed(200, 1024)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge { found: 1024, max: 1023 });
}

#[test]
fn a_name_across_the_clusters_end_is_out_of_bounds() {
    let error = Header::parse(&placed(65_530, 7)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::OutOfBounds { found: 65_537, limit: 65_536 });
}

#[test]
fn a_name_beyond_the_file_is_truncated() {
    let file = placed(200, 100);
    let error = Header::parse(&file[..299]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Truncated { need: 300, have: 299 });
}

#[test]
fn a_size_without_an_offset_means_nothing() {
    let file = placed(0, 77);
    assert_eq!(Header::parse(&file).unwrap().backing_name(), None);
    assert_eq!(kinds(&file), []);
    assert_eq!(code(&placed(0, u32::MAX)), "ok");
}

#[test]
fn an_offset_without_a_size_is_no_backing_file_and_a_finding() {
    for offset in [8, 200, 65_536] {
        let file = placed(offset, 0);
        assert_eq!(Header::parse(&file).unwrap().backing_name(), None);
        assert_eq!(kinds(&file), [FindingKind::EmptyBackingName]);
    }
}

#[test]
fn a_name_with_a_nul_is_kept_whole_and_not_resolved() {
    let mut file = placed(200, 22);
    file.put(200, b"exists.raw\0/etc/passwd");
    let header = Header::parse(&file).unwrap();
    let name = header.backing_name().unwrap();
    assert_eq!(name, b"exists.raw\0/etc/passwd");
    assert_eq!(Reference::classify(name).rule(), Rule::Bad);
    assert!(kinds(&file).contains(&FindingKind::NulInName));
}

#[test]
fn names_are_bytes() {
    for name in [&b"\xff\xfe\x80"[..], b"a\nbacking file/: b\x1b[2J", "ü".as_bytes()] {
        let file = overlay(name, Some(b"raw"));
        assert_eq!(Header::parse(&file).unwrap().backing_name(), Some(name));
        assert_eq!(Reference::classify(name), Reference::Relative(name));
    }
}

#[test]
fn a_format_that_nobody_knows_is_told() {
    let file = overlay(b"base", Some(b"nosuchdriver"));
    assert_eq!(Header::parse(&file).unwrap().backing_format(), Some(&b"nosuchdriver"[..]));
}

fn external(name: &[u8]) -> Vec<u8> {
    let mut file = extended(&[ext(DATA_FILE, name)]);
    file.put64(at::INCOMPATIBLE, 1 << 2);
    file
}

#[test]
fn a_data_file_that_is_not_named_is_inconsistent() {
    assert_eq!(code(v3().put64(at::INCOMPATIBLE, 1 << 2)), "inconsistent");
}

#[test]
fn a_data_file_is_named_literally() {
    for name in [&b"/etc/hostname"[..], b"json:{}", b"nbd://127.0.0.1:1", b"file:x"] {
        let file = external(name);
        let header = Header::parse(&file).unwrap();
        assert_eq!(header.data_file_name(), Some(name));
        assert_eq!(Reference::data_file(name), Reference::DataFile(name));
        assert_eq!(kinds(&file), []);
    }
}

#[test]
fn a_data_file_named_without_the_bit_is_not_in_use() {
    let file = extended(&[ext(DATA_FILE, b"data.raw")]);
    assert_eq!(Header::parse(&file).unwrap().data_file_name(), None);
    assert_eq!(kinds(&file), [FindingKind::UnusedDataFileName]);
}

#[test]
fn a_data_file_name_with_a_nul_is_not_resolved() {
    let file = external(b"/etc/hostname\0.raw");
    let name = Header::parse(&file).unwrap().data_file_name().unwrap();
    assert_eq!(Reference::data_file(name).rule(), Rule::Bad);
    assert_eq!(kinds(&file), [FindingKind::NulInName]);
}

#[test]
fn a_format_with_a_nul_is_a_finding() {
    let mut file = extended(&[ext(FORMAT, b"raw\0qcow2")]);
    file.put64(at::NAME_OFFSET, 200).put32(at::NAME_SIZE, 4).put(200, b"base");
    assert_eq!(kinds(&file), [FindingKind::NulInName]);
}
