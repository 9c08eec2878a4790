//! Sources: memory, file, map.

use std::fs::File;
use std::io::Write as _;

use diskdag_qcow2::open::read_header;
use diskdag_qcow2::source::{FileSource, MappedSource, MemorySource, Source};

use crate::image::overlay;

fn agrees(source: &dyn Source, bytes: &[u8]) {
    assert_eq!(source.len().unwrap(), bytes.len() as u64);
    assert_eq!(source.is_empty().unwrap(), bytes.is_empty());
    for (offset, length) in [(0, 10), (5, 1000), (bytes.len(), 3), (bytes.len() + 7, 3), (0, 0)] {
        let mut buffer = vec![0xaa; length];
        let read = source.read_at(offset as u64, &mut buffer).unwrap();
        let expected = bytes.get(offset..).unwrap_or_default();
        assert_eq!(read, expected.len().min(length));
        assert_eq!(buffer[..read], expected[..read]);
    }
    assert_eq!(source.read_at(1 << 62, &mut [0; 4]).unwrap(), 0);
    if let Some(mapped) = source.mapped() {
        assert_eq!(mapped, bytes);
    }
}

#[test]
fn all_sources_read_the_same() {
    for bytes in [overlay(b"base", Some(b"raw")), Vec::new(), vec![7]] {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        agrees(&MemorySource(&bytes), &bytes);
        agrees(&MemorySource(bytes.clone()), &bytes);
        // SAFETY: the file has no name, so nobody else changes it, and this test doesn't either.
        let map = unsafe { MappedSource::new(&file) }.unwrap();
        assert!(map.mapped().is_some());
        agrees(&map, &bytes);
        agrees(&&file, &bytes);
        agrees(&FileSource(file), &bytes);
    }
}

#[test]
fn the_same_header_comes_out_of_each() {
    let bytes = overlay(b"base", Some(b"raw"));
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    let sources: [&dyn Source; 2] = [&MemorySource(&bytes), &file];
    for source in sources {
        let mut buffer = Vec::new();
        let header = read_header(source, bytes.len() as u64, &mut buffer).unwrap();
        assert_eq!(header.backing_name(), Some(&b"base"[..]));
    }
}

#[test]
fn a_created_image_is_written_sparsely() {
    use diskdag_qcow2::create::Create;
    let layout = Create { virtual_size: 64 << 40, ..Create::default() }.build().unwrap();
    let file = tempfile::tempfile().unwrap();
    layout.write_to(&file).unwrap();
    assert_eq!(File::metadata(&file).unwrap().len(), layout.len);
    let mut buffer = Vec::new();
    assert_eq!(read_header(&file, layout.len, &mut buffer).unwrap().virtual_size(), 64 << 40);
}
