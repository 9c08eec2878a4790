//! What holds for any input. Each function panics where it doesn't.

use diskdag_qcow2::{
    Compression, CryptMethod, ErrorKind, Header, JsonReference, Reference, Salvage, Target,
};

use super::oracle::{self, Facts};

/// Bytes as a whole file: the parser says what the oracle says, shorter prefixes of the file say the same
/// or ask for more, and nothing that can be asked of a header panics.
pub fn header(file: &[u8]) {
    let whole = Header::parse(file);
    let facts = oracle::read(file);
    assert_eq!(whole.as_ref().ok().map(told), facts, "{:?}", whole.as_ref().err());

    let length = file.len() as u64;
    for cut in [0, 3, 4, 71, 72, 103, 104, 105, 111, 112, 120, 300, 512, 528, 1024, file.len() / 2]
    {
        let Some(prefix) = file.get(..cut) else { continue };
        let parsed = Header::parse_prefix(prefix, length);
        match parsed {
            Ok(header) => assert_eq!(Some(told(&header)), facts),
            Err(error) => match error.kind {
                ErrorKind::NeedMore { need } => {
                    assert!(need > cut as u64 && need <= length && need <= 2 << 20, "{error:?}");
                }
                _ => assert_eq!(Some(&error), whole.as_ref().err(), "cut at {cut}"),
            },
        }
    }
    match whole {
        Ok(header) => {
            let findings = header.findings(length).inspect(|finding| drop(finding.to_string()));
            assert!(findings.count() < 64);
            assert_eq!(header.obstacles().count() == 0, header.obstacles().is_empty());
            assert_eq!(header.luks().is_some(), header.crypt_method() == CryptMethod::Luks);
            assert!(header.bitmaps().is_none_or(|pointer| pointer.count > 0));
            assert_eq!(header.raw_v3().map_or(*header.raw(), |raw| raw.v2), *header.raw());
            assert!(header.feature_names().count() <= file.len() / 48);
            for name in [header.backing_name(), header.data_file_name()].into_iter().flatten() {
                reference(name);
            }
            let error = Header::parse(b"").expect_err("no bytes are no header");
            let salvage = Salvage::of(file, length, error).expect("a valid header can be salvaged");
            assert_eq!(salvage.backing_name, header.backing_name());
            assert_eq!(salvage.backing_format, header.backing_format());
            assert_eq!(salvage.data_file_name, header.data_file_name());
        }
        Err(error) => {
            assert!(!matches!(error.kind, ErrorKind::NeedMore { .. }), "the file is whole");
            assert!(!error.to_string().is_empty() && !error.code().is_empty());
            if let Some(salvage) = Salvage::of(file, length, error) {
                assert!((9..=21).contains(&salvage.cluster_bits));
            }
        }
    }
}

fn told(header: &Header<'_>) -> Facts {
    let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
    Facts {
        version: header.version().into(),
        cluster_bits: header.cluster_bits().get().into(),
        size: header.virtual_size().into(),
        crypt_method: match header.crypt_method() {
            CryptMethod::None => 0,
            CryptMethod::Aes => 1,
            _ => 2,
        },
        refcount_bits: header.refcount_bits().into(),
        zstd: header.compression() == Compression::Zstd,
        unknown_incompatible: header.features().unknown_incompatible().into(),
        backing_name: owned(header.backing_name()),
        backing_format: owned(header.backing_format()),
        data_file_name: owned(header.data_file_name()),
        extensions: header
            .extensions()
            .map(|extension| (u128::from(extension.kind.get()), extension.data.to_vec()))
            .collect(),
    }
}

/// Bytes as a name: it is classified without a panic, and what comes out has been in it.
pub fn reference(name: &[u8]) {
    for found in [Reference::classify(name), Reference::data_file(name)] {
        assert!(!found.rule().code().is_empty());
        match found.target(b"dir/") {
            Target::Path { path, .. } => {
                assert!(!path.is_empty() && !path.contains(&0));
                let json = matches!(found, Reference::Json(_));
                let stripped = path.strip_prefix(b"dir/").or(path.strip_prefix(b"./"));
                let tail = stripped.unwrap_or(&path);
                assert!(json || name.ends_with(tail), "{}", name.escape_ascii());
            }
            Target::Remote | Target::Opaque | Target::Unresolvable => {}
            _ => unreachable!("no other targets"),
        }
    }
}

/// Bytes as what follows `json:`: bounded in time and depth, and a path is one that can be opened.
pub fn json(text: &[u8]) {
    match JsonReference::parse(text) {
        JsonReference::File { path, format } => {
            assert!(!path.is_empty() && !path.contains(&0));
            assert!(format.is_none_or(|format| !format.is_empty()));
        }
        JsonReference::Remote { driver } => assert!(!driver.is_empty()),
        JsonReference::Opaque { why } => assert!(!why.is_empty()),
        _ => unreachable!("no other references"),
    }
}
