//! Header extensions, and what they point to.

use diskdag_qcow2::{
    Allowed, ErrorKind, ExtensionKind, FindingKind, Header, HostOffset, Structure,
};

use crate::image::{
    BITMAPS, DATA_FILE, FORMAT, LUKS, NAMES, Put as _, at, bitmaps, ext, extended, v2, v3,
};

fn code(file: &[u8]) -> &'static str {
    Header::parse(file).map_or_else(|error| error.code(), |_| "ok")
}

fn kinds(file: &[u8]) -> Vec<FindingKind> {
    let header = Header::parse(file).expect("has to be described");
    header.findings(file.len() as u64).map(|finding| finding.kind).collect()
}

#[test]
fn lengths_that_wrap_are_out_of_bounds() {
    for length in [u32::MAX, 0xffff_fff9, 0xffff_fff8, 65_536 - 112 - 8 + 1] {
        let file = extended(&[(0x1234_5678, length, b"")]);
        assert_eq!(code(&file), "out-of-bounds", "{length:#x}");
    }
}

#[test]
fn an_end_marker_has_to_lie_in_the_area_too() {
    assert_eq!(code(&extended(&[(0, u32::MAX, b"")])), "out-of-bounds");
    // The length of an end marker that fits is of no interest.
    assert_eq!(code(&extended(&[(0, 16, b"")])), "ok");
}

#[test]
fn filling_the_cluster_without_an_end_marker_is_legal() {
    let data = vec![7; 65_536 - 112 - 8];
    let file = extended(&[ext(0x1234_5678, &data)]);
    let header = Header::parse(&file).unwrap();
    let all: Vec<_> = header.extensions().collect();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].kind, ExtensionKind::Unknown(0x1234_5678));
    assert_eq!((all[0].offset, all[0].data), (120, &data[..]));
}

#[test]
fn padding_may_reach_beyond_the_area() {
    // 3 bytes of data up to the last byte of the cluster but five.
    let data = vec![7; 65_536 - 112 - 8 - 5];
    assert_eq!(code(&extended(&[ext(0x1234_5678, &data)])), "ok");
}

#[test]
fn a_rest_too_short_for_a_record_is_refused_as_by_qemu() {
    let mut file = v3();
    file[112..65_536].fill(0);
    file.put64(at::NAME_OFFSET, 116).put32(at::NAME_SIZE, 0);
    assert_eq!(code(&file), "overlap");
    file.put32(at::HEADER_LENGTH, 65_532).put64(at::NAME_OFFSET, 0);
    assert_eq!(code(&file), "out-of-bounds");
}

#[test]
fn a_list_that_runs_off_the_file_has_ended() {
    let mut file = v3();
    file[112..65_536].fill(0);
    for length in [112, 113, 119, 120] {
        assert_eq!(code(&file[..length]), "ok", "{length}");
    }
    file.put32(112, 0x1234_5678);
    // Type there, length zeros: an extension without data.
    assert_eq!(Header::parse(&file[..117]).unwrap().extensions().count(), 1);
    file.put32(116, 8);
    assert_eq!(code(&file[..127]), "truncated");
    assert_eq!(code(&file[..128]), "ok");
}

#[test]
fn thousands_of_empty_extensions_are_counted() {
    let mut file = v3();
    for at in (112..65_536).step_by(8) {
        file.put32(at, 0x1234_5678).put32(at + 4, 0);
    }
    assert_eq!(Header::parse(&file).unwrap().extensions().count(), 8178);
    assert_eq!(kinds(&file), [FindingKind::ManyExtensions]);
}

#[test]
fn version_2_has_extensions_from_byte_72_on() {
    let mut file = v2();
    file[72..65_536].fill(0);
    file.put32(72, FORMAT).put32(76, 3).put(80, b"raw");
    assert_eq!(Header::parse(&file).unwrap().backing_format(), Some(&b"raw"[..]));
}

#[test]
fn a_backing_format_has_15_bytes_at_most() {
    assert_eq!(code(&extended(&[ext(FORMAT, &[b'x'; 15])])), "ok");
    let error = Header::parse(&extended(&[ext(FORMAT, &[b'x'; 16])])).unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge { found: 16, max: 15 });
    assert_eq!((error.field, error.offset), ("backing_format", 112));
}

#[test]
fn known_extensions_are_there_once() {
    let bitmaps = bitmaps(1, 0, 24, 65_536);
    for (kind, data) in [
        (FORMAT, &b"raw"[..]),
        (NAMES, b""),
        (BITMAPS, &bitmaps),
        (DATA_FILE, b"x"),
        (LUKS, &[0; 16]),
    ] {
        let mut file = extended(&[ext(kind, data), ext(1, b"between"), ext(kind, data)]);
        file.put32(at::CRYPT, if kind == LUKS { 2 } else { 0 });
        let error = Header::parse(&file).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Duplicate { extension: kind }, "{kind:#x}");
    }
    assert_eq!(code(&extended(&[ext(1, b"a"), ext(1, b"a")])), "ok");
}

#[test]
fn a_format_without_a_backing_file_is_told() {
    let file = extended(&[ext(FORMAT, b"raw")]);
    let header = Header::parse(&file).unwrap();
    assert_eq!((header.backing_name(), header.backing_format()), (None, Some(&b"raw"[..])));
}

#[test]
fn an_extension_over_the_backing_name_is_an_overlap() {
    let mut file = extended(&[ext(0x1234_5678, &[0; 64])]);
    file.put64(at::NAME_OFFSET, 136).put32(at::NAME_SIZE, 4).put(136, b"base");
    let error = Header::parse(&file).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Overlap { with: Structure::BackingName });
}

fn with_bitmaps(count: u32, reserved: u32, size: u64, offset: u64) -> Vec<u8> {
    let data = bitmaps(count, reserved, size, offset);
    let mut file = extended(&[ext(BITMAPS, &data)]);
    file.put64(at::AUTOCLEAR, 1);
    file
}

#[test]
fn bitmaps_are_pointed_to() {
    let mut file = with_bitmaps(2, 0, 64, 4 * 65_536);
    file.resize(5 * 65_536, 0);
    let pointer = Header::parse(&file).unwrap().bitmaps().unwrap();
    assert_eq!((pointer.count, pointer.directory_size), (2, 64));
    assert_eq!(pointer.directory, HostOffset(4 * 65_536));
    assert_eq!(kinds(&file), []);
}

#[test]
fn a_bitmaps_extension_has_24_bytes() {
    let error = Header::parse(&extended(&[ext(BITMAPS, &[0; 16])])).unwrap_err();
    assert_eq!(error.kind, ErrorKind::BadField { found: 16, allowed: Allowed::Exactly(24) });
}

#[test]
fn a_bitmaps_extension_has_to_make_sense() {
    assert_eq!(code(&with_bitmaps(1, 0, 24, 65_536 + 512)), "misaligned");
    assert_eq!(code(&with_bitmaps(0, 0, 24, 65_536)), "bad-field");
    assert_eq!(code(&with_bitmaps(1, 1, 24, 65_536)), "bad-field");
    assert_eq!(code(&with_bitmaps(65_536, 0, 24, 65_536)), "too-large");
    assert_eq!(code(&with_bitmaps(1, 0, 67_107_841, 65_536)), "too-large");
}

#[test]
fn bitmaps_that_the_autoclear_bit_disowns_are_ignored_and_told() {
    let mut file = with_bitmaps(0, 7, u64::MAX, 513);
    file.put64(at::AUTOCLEAR, 0);
    assert_eq!(Header::parse(&file).unwrap().bitmaps(), None);
    assert_eq!(kinds(&file), [FindingKind::StaleBitmaps]);
}

#[test]
fn a_bitmap_directory_at_1_tib_is_out_of_bounds() {
    assert_eq!(kinds(&with_bitmaps(1, 0, 67_107_840, 1 << 40)), [FindingKind::OutOfBounds]);
}

#[test]
fn a_bitmap_directory_over_the_l1_table_is_an_overlap() {
    assert_eq!(kinds(&with_bitmaps(1, 0, 8, 3 * 65_536)), [FindingKind::Overlap]);
}

fn with_luks(offset: u64, length: u64) -> Vec<u8> {
    let data = [offset.to_be_bytes(), length.to_be_bytes()].concat();
    let mut file = extended(&[ext(LUKS, &data)]);
    file.put32(at::CRYPT, 2);
    file
}

#[test]
fn luks_is_pointed_to() {
    let mut file = with_luks(4 * 65_536, 4096);
    file.resize(5 * 65_536, 0);
    let pointer = Header::parse(&file).unwrap().luks().unwrap();
    assert_eq!((pointer.offset, pointer.length), (HostOffset(4 * 65_536), 4096));
    assert_eq!(kinds(&file), []);
}

#[test]
fn a_luks_header_that_ends_beyond_everything_is_out_of_bounds() {
    assert_eq!(kinds(&with_luks(1 << 40, 1 << 63)), [FindingKind::OutOfBounds]);
    assert_eq!(kinds(&with_luks(u64::MAX << 16, u64::MAX)), [FindingKind::OutOfBounds]);
}

#[test]
fn a_luks_header_has_to_be_aligned_and_wanted() {
    assert_eq!(code(&with_luks(512, 4096)), "misaligned");
    assert_eq!(code(with_luks(4 * 65_536, 4096).put32(at::CRYPT, 0)), "inconsistent");
    assert_eq!(code(with_luks(4 * 65_536, 4096).put32(at::CRYPT, 1)), "inconsistent");
    let error = Header::parse(&extended(&[ext(LUKS, &[0; 17])])).unwrap_err();
    assert_eq!(error.kind, ErrorKind::BadField { found: 17, allowed: Allowed::Exactly(16) });
}
