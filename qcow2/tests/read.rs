//! Reading a header: growing buffers, short files, how much is read.

use std::io;
use std::sync::Mutex;

use diskdag_qcow2::open::{FIRST_READ, ReadError, read_header};
use diskdag_qcow2::source::Source;
use diskdag_qcow2::{ErrorKind, Salvage};

use crate::image::{FORMAT, Put as _, at, ext, extended, overlay, v3};

/// Bytes that say how they were read, at most `step` at a time.
struct Watched {
    bytes: Vec<u8>,
    step: usize,
    reads: Mutex<Vec<(u64, usize)>>,
}

impl Watched {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, step: usize::MAX, reads: Mutex::default() }
    }

    fn total(&self) -> usize {
        self.reads.lock().unwrap().iter().map(|(_, length)| length).sum()
    }

    fn count(&self) -> usize {
        self.reads.lock().unwrap().len()
    }

    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
}

impl Source for Watched {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.bytes.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        let length = rest.len().min(buffer.len()).min(self.step);
        buffer[..length].copy_from_slice(&rest[..length]);
        self.reads.lock().unwrap().push((offset, length));
        Ok(length)
    }
}

#[test]
fn an_ordinary_header_is_one_read() {
    let source = Watched::new(overlay(b"base.qcow2", Some(b"qcow2")));
    let mut buffer = Vec::new();
    let header = read_header(&source, source.len(), &mut buffer).unwrap();
    assert_eq!(header.backing_name(), Some(&b"base.qcow2"[..]));
    assert_eq!(*source.reads.lock().unwrap(), [(0, FIRST_READ)]);
    assert_eq!(buffer.len(), FIRST_READ);
}

#[test]
fn the_buffer_serves_for_the_next_image() {
    let mut buffer = Vec::new();
    for file in [v3(), v3()[..512].to_vec(), overlay(&[b'x'; 1023], Some(b"raw")), v3()] {
        let source = Watched::new(file);
        let header = read_header(&source, source.len(), &mut buffer).unwrap();
        assert_eq!(header.virtual_size(), 64 << 20);
    }
    let room = buffer.capacity();
    read_header(&Watched::new(v3()), 196_616, &mut buffer).unwrap();
    assert_eq!(buffer.capacity(), room);
}

#[test]
fn a_long_name_is_a_second_read_of_what_is_missing() {
    let name = [b'x'; 1000];
    let source = Watched::new(overlay(&name, Some(b"raw")));
    let mut buffer = Vec::new();
    let header = read_header(&source, source.len(), &mut buffer).unwrap();
    assert_eq!(header.backing_name(), Some(&name[..]));
    assert_eq!(*source.reads.lock().unwrap(), [(0, 1024), (1024, 1024)]);
}

#[test]
fn two_mebibytes_of_empty_extensions_are_read_in_a_dozen_steps() {
    let mut file = v3();
    file.resize(4 << 20, 0);
    file.put32(at::CLUSTER_BITS, 21).put64(at::L1, 2 << 20).put64(at::REFCOUNT_TABLE, 2 << 20);
    for at in (112..2 << 20).step_by(8) {
        file.put32(at, 0x1234_5678).put32(at + 4, 0);
    }
    let source = Watched::new(file);
    let mut buffer = Vec::new();
    let header = read_header(&source, source.len(), &mut buffer).unwrap();
    assert_eq!(header.extensions().count(), (2 << 20) / 8 - 14);
    assert_eq!(source.total(), 2 << 20);
    assert!(source.count() <= 12, "{}", source.count());
}

#[test]
fn what_is_not_qcow2_costs_one_read() {
    for content in [vec![0; 1 << 20], b"QFI\xfb\0\0\0\x01".repeat(1000), Vec::new()] {
        let source = Watched::new(content);
        let found = read_header(&source, source.len(), &mut Vec::new()).map(|_| ());
        assert!(matches!(found, Err(ReadError::Format(_))), "{found:?}");
        assert!(source.total() <= FIRST_READ);
    }
}

#[test]
fn a_refused_header_leaves_its_whole_cluster_for_the_salvage() {
    let mut file = overlay(&[b'x'; 1000], Some(b"raw"));
    file.put32(at::CRYPT, 3);
    let source = Watched::new(file);
    let mut buffer = Vec::new();
    let Err(ReadError::Format(error)) = read_header(&source, source.len(), &mut buffer) else {
        panic!("has to be refused");
    };
    assert_eq!(error.kind, ErrorKind::Unsupported { found: 3 });
    assert_eq!(buffer.len(), 65_536);
    let salvage = Salvage::of(&buffer, source.len(), error).unwrap();
    assert_eq!(salvage.backing_name, Some(&[b'x'; 1000][..]));
}

#[test]
fn short_reads_go_on() {
    let mut source = Watched::new(extended(&[ext(FORMAT, b"raw")]));
    source.step = 7;
    let mut buffer = Vec::new();
    let header = read_header(&source, source.len(), &mut buffer).unwrap();
    assert_eq!(header.backing_format(), Some(&b"raw"[..]));
}

#[test]
fn a_file_that_became_shorter_has_changed() {
    let source = Watched::new(v3()[..500].to_vec());
    let found = read_header(&source, 196_616, &mut Vec::new()).map(|_| ());
    let Err(ReadError::ChangedDuringRead { expected: 1024, found: 500 }) = found else {
        panic!("{found:?}");
    };
}

#[test]
fn an_error_of_the_source_is_told() {
    struct Broken;
    impl Source for Broken {
        fn len(&self) -> io::Result<u64> {
            Ok(1 << 20)
        }
        fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("medium"))
        }
    }
    let found = read_header(&Broken, 1 << 20, &mut Vec::new()).map(|_| ());
    assert!(matches!(found, Err(ReadError::Io(_))), "{found:?}");
}
