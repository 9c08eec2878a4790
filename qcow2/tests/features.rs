//! Feature bits and their names.

use diskdag_qcow2::create::Create;
use diskdag_qcow2::{Compression, FeatureKind, FindingKind, Header};

use crate::image::{NAMES, Put as _, at, ext, extended, make, v3};

#[test]
fn bits_have_accessors() {
    let file = make(&Create {
        data_file: Some(b"data.raw"),
        lazy_refcounts: true,
        extended_l2: true,
        compression: Compression::Zstd,
        ..Create::default()
    });
    let features = Header::parse(&file).unwrap().features();
    assert!(features.has_data_file() && features.lazy_refcounts() && features.extended_l2());
    assert!(!features.is_dirty() && !features.is_corrupt());
    assert!(!features.bitmaps_valid() && !features.raw_external_data());
    assert_eq!(features.unknown_incompatible(), 0);
}

#[test]
fn our_images_name_their_features_as_qemus_do() {
    let file = v3();
    let header = Header::parse(&file).unwrap();
    assert_eq!(header.feature_names().count(), 8);
    let name = |kind, bit| header.feature_name(kind, bit).map(<[u8]>::escape_ascii);
    assert_eq!(name(FeatureKind::Incompatible, 0).unwrap().to_string(), "dirty bit");
    assert_eq!(name(FeatureKind::Autoclear, 1).unwrap().to_string(), "raw external data");
    assert!(name(FeatureKind::Compatible, 9).is_none());
}

#[test]
fn a_hostile_name_for_an_unknown_bit_is_just_bytes() {
    let mut entry = vec![0, 63];
    entry.extend_from_slice(b"\x1b[31mfake\nerror: none");
    entry.resize(48, 0);
    let mut full = vec![9, 200];
    full.resize(48, b'x');
    let mut file = extended(&[ext(NAMES, &[entry, full].concat())]);
    file.put64(at::INCOMPATIBLE, 1 << 63);
    let header = Header::parse(&file).unwrap();
    let name = header.feature_name(FeatureKind::Incompatible, 63).unwrap();
    assert_eq!(name, b"\x1b[31mfake\nerror: none");
    // Not terminated, of an unknown kind, for a bit that can't be.
    let last = header.feature_names().last().unwrap();
    assert_eq!((last.kind, last.bit, last.name), (FeatureKind::Unknown(9), 200, &[b'x'; 46][..]));
}

#[test]
fn a_table_cut_short_is_a_finding() {
    let file = extended(&[ext(NAMES, &[0; 49])]);
    let header = Header::parse(&file).unwrap();
    assert_eq!(header.feature_names().count(), 1);
    let kinds: Vec<_> = header.findings(file.len() as u64).map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::PartialFeatureName]);
}
