//! What the fuzzers found, and where they start from.

use std::fs;
use std::path::Path;

use crate::checks;

fn replay(target: &str, check: fn(&[u8])) -> usize {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let mut count = 0;
    for kind in ["corpus", "crashers"] {
        let Ok(entries) = fs::read_dir(fuzz.join(kind).join(target)) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            check(&fs::read(&path).unwrap());
            count += 1;
        }
    }
    count
}

#[test]
fn headers() {
    assert!(replay("header", checks::header) >= 20);
}

#[test]
fn references() {
    assert!(replay("reference", checks::reference) >= 10);
}

#[test]
fn json() {
    assert!(replay("json", checks::json) >= 8);
}

#[test]
fn qemus_images_are_accepted() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/header");
    for name in [
        "v2", "v3", "c512", "c2m", "zstd", "extl2", "luks", "aes", "datafile", "bitmap", "ov2",
        "ovlong",
    ] {
        let bytes = fs::read(corpus.join(name)).unwrap();
        let header = diskdag_qcow2::Header::parse_prefix(&bytes, 1 << 30).unwrap();
        assert!(header.virtual_size() > 0, "{name}");
    }
}
