//! Files that change while they are read.

use std::fs::{File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use diskdag_qcow2::source::MappedSource;
use diskdag_qcow2::{Chain, GuestOffset, Image, Layer};

use crate::forge::{CLUSTER, COPIED, DATA, Forge, L2};
use crate::support::{path, scratch};

fn forged(directory: &Path) -> std::path::PathBuf {
    let file = path(directory, "image.qcow2");
    std::fs::write(&file, &Forge::new().l2(0, COPIED | DATA).l2(1, COPIED | DATA).0).unwrap();
    file
}

fn chain(image: &Image) -> Chain {
    Chain::new(vec![Layer::image(image.active().unwrap())])
}

fn code(chain: &Chain, at: u64) -> &'static str {
    let mut buffer = [0; 4096];
    match chain.read_at(GuestOffset(at), &mut buffer) {
        Ok(_) => "read",
        Err(error) => error.error.code(),
    }
}

fn cut(file: &Path, length: u64) {
    OpenOptions::new().write(true).open(file).unwrap().set_len(length).unwrap();
}

#[test]
fn cut_short_while_it_is_read() {
    let directory = scratch();
    let file = forged(directory.path());
    let image = Image::open(File::open(&file).unwrap()).unwrap();
    let chain = chain(&image);
    assert_eq!(code(&chain, 0), "read");
    assert!(chain.unchanged().is_ok());
    cut(&file, DATA + 100);
    assert_eq!(code(&chain, 0), "changed-during-read", "the data is gone");
    assert_eq!(chain.unchanged().unwrap_err().error.code(), "changed-during-read");
    cut(&file, L2 + 8);
    let extents: Vec<_> = chain.extents().collect();
    let error = extents.last().unwrap().as_ref().unwrap_err();
    assert_eq!(error.error.code(), "changed-during-read", "the table is gone");
}

#[test]
fn cut_short_under_a_map() {
    let directory = scratch();
    let file = forged(directory.path());
    let opened = File::open(&file).unwrap();
    // SAFETY: not kept on purpose; the pages that are gone are not touched, which is what this test is about.
    let source = unsafe { MappedSource::new(&opened) }.unwrap();
    let chain = chain(&Image::open(source).unwrap());
    assert_eq!(code(&chain, 0), "read");
    cut(&file, L2 + 8);
    assert_eq!(code(&chain, 0), "changed-during-read");
    assert_eq!(chain.unchanged().unwrap_err().error.code(), "changed-during-read");
}

#[test]
fn rewritten_while_it_is_read() {
    let directory = scratch();
    let file = forged(directory.path());
    let image = Image::open(File::open(&file).unwrap()).unwrap();
    let chain = chain(&image);
    let mut writer = OpenOptions::new().write(true).open(&file).unwrap();
    writer.seek(SeekFrom::Start(L2)).unwrap();
    writer.write_all(&(DATA | 0x200).to_be_bytes()).unwrap();
    // The clock of a file system may stand still for milliseconds; a time of our own can't.
    let then = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
    writer.set_modified(then).unwrap();
    assert_eq!(code(&chain, 0), "changed-during-read", "an error that the change explains");
    assert_eq!(code(&chain, 2 * CLUSTER), "read");
    assert_eq!(chain.unchanged().unwrap_err().error.code(), "changed-during-read");
}

#[test]
fn grown_while_it_is_read() {
    let directory = scratch();
    let file = path(directory.path(), "image.qcow2");
    std::fs::write(&file, &Forge::new().l2(0, COPIED | (DATA + CLUSTER)).0).unwrap();
    let chain = chain(&Image::open(File::open(&file).unwrap()).unwrap());
    assert_eq!(code(&chain, 0), "read", "zeros: it lies beyond the end");
    cut(&file, 7 * CLUSTER);
    assert_eq!(code(&chain, 0), "changed-during-read", "now it doesn't");
}
