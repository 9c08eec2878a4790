//! A guest that writes: to a disk, as QEMU would, cluster by cluster, and forces it out.
//!
//! No more of the format than overlays and bases of the tests have: 16-bit refcounts, one refcount
//! block, no compression, no subclusters.

use std::io;
use std::path::Path;

use diskdag_qcow2::create::{Backing, Create};
use diskdag_qcow2::{ClusterBits, Header};
use diskdag_snapshot::fs::{Access, Fs, FsFile, read_up_to, write_all};
use diskdag_snapshot::sim::SimFs;

use crate::images::{Reader, Still};

/// The size of a disk of the tests, in bytes.
pub(crate) const DISK: u64 = 8 << 10;

/// Small clusters make small files, of which all torn states can be looked at.
const CLUSTER_BITS: u32 = 9;

/// The cluster is the image's own already.
const COPIED: u64 = 1 << 63;

/// The offset in an entry of an L1 or L2 table.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;

/// Makes an image, durably but for its name, with a backing file or without.
pub(crate) fn make(fs: &SimFs, path: &Path, backing: Option<&str>) -> io::Result<()> {
    let backing = backing.map(|name| Backing { name: name.as_bytes(), format: Some(b"qcow2") });
    let cluster_bits = ClusterBits::new(CLUSTER_BITS).expect("the smallest");
    let create = Create { virtual_size: DISK, cluster_bits, backing, ..Create::default() };
    let layout = create.build().map_err(io::Error::other)?;
    let file = fs.create(path, 0o644)?;
    for (offset, bytes) in &layout.pieces {
        write_all(&*file, *offset, bytes)?;
    }
    file.set_len(layout.len)?;
    file.sync()?;
    fs.sync_dir(path.parent().expect("a directory"))
}

/// Writes `bytes` from `offset` on, within one cluster, and forces them out.
pub(crate) fn write(fs: &SimFs, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let still = Still::of(&fs.disk());
    let whole =
        Reader::default().read(&still, path).map_err(|why| io::Error::other(why.to_string()))?;
    let file = fs.open(path, Access::Write)?;
    let head = read_up_to(&*file, 0, 4096)?;
    let header = Header::parse_prefix(&head, file.len()?).map_err(io::Error::other)?;
    let size = header.cluster_size();
    let image =
        Tables { file: &*file, size, refcounts: word(&*file, header.refcount_table_offset().0)? };

    let per_table = size / 8;
    let (cluster, within) = (offset / size, offset % size);
    let l1_at = header.l1_table_offset().0 + cluster / per_table * 8;
    let l2 = match word(&*file, l1_at)? & OFFSET {
        0 => {
            let l2 = image.allocate(&vec![0; usize::try_from(size).expect("small")])?;
            put_word(&*file, l1_at, l2 | COPIED)?;
            l2
        }
        there => there,
    };
    let l2_at = l2 + cluster % per_table * 8;
    match word(&*file, l2_at)? & OFFSET {
        0 => {
            // What the layers below have of the cluster comes along.
            let start = usize::try_from(cluster * size).expect("small");
            let mut copy = whole[start..start + usize::try_from(size).expect("small")].to_vec();
            let within = usize::try_from(within).expect("small");
            copy[within..within + bytes.len()].copy_from_slice(bytes);
            let data = image.allocate(&copy)?;
            put_word(&*file, l2_at, data | COPIED)?;
        }
        data => write_all(&*file, data + within, bytes)?,
    }
    file.sync()
}

struct Tables<'f> {
    file: &'f dyn FsFile,
    size: u64,
    refcounts: u64,
}

impl Tables<'_> {
    /// A new cluster at the end of the file, counted before anything leads to it.
    fn allocate(&self, bytes: &[u8]) -> io::Result<u64> {
        let offset = self.file.len()?.next_multiple_of(self.size);
        let entry = offset / self.size * 2;
        assert!(entry < self.size, "one refcount block is enough for the tests");
        write_all(self.file, self.refcounts + entry, &[0, 1])?;
        write_all(self.file, offset, bytes)?;
        Ok(offset)
    }
}

fn word(file: &dyn FsFile, offset: u64) -> io::Result<u64> {
    let mut word = [0; 8];
    let bytes = read_up_to(file, offset, 8)?;
    word[..bytes.len()].copy_from_slice(&bytes);
    Ok(u64::from_be_bytes(word))
}

fn put_word(file: &dyn FsFile, offset: u64, word: u64) -> io::Result<()> {
    write_all(file, offset, &word.to_be_bytes())
}

#[test]
fn a_guest_reads_what_it_wrote_and_check_finds_nothing() {
    let fs = SimFs::default();
    let (base, top) = (Path::new("/base"), Path::new("/top"));
    make(&fs, base, None).unwrap();
    write(&fs, base, 0, &[1; 512]).unwrap();
    write(&fs, base, 1024, &[2; 100]).unwrap();
    make(&fs, top, Some("base")).unwrap();
    write(&fs, top, 1124, &[3; 100]).unwrap();
    write(&fs, top, 1124, &[4; 50]).unwrap();
    let still = Still::of(&fs.disk());
    let content = Reader::default().read(&still, top).unwrap();
    assert_eq!(content.len(), usize::try_from(DISK).unwrap());
    assert_eq!(content[..512], [1; 512]);
    assert_eq!(content[1024..1124], [2; 100]);
    assert_eq!(content[1124..1174], [4; 50]);
    assert_eq!(content[1174..1224], [3; 50]);
    assert!(content[1224..].iter().all(|byte| *byte == 0));
    for path in [base, top] {
        assert!(Reader::default().is_sound(&still, path), "{}", path.display());
    }
}
