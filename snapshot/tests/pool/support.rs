//! A pool in a directory of a test's own.

use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use diskdag_qcow2::chain::{Follow, Policy, Undeclared};
use diskdag_qcow2::create::Create as NewImage;
use diskdag_qcow2::{Chain, GuestOffset};
use diskdag_snapshot::pool::Config;
use diskdag_snapshot::{Control, Host, Pool, SnapshotName};
use tempfile::TempDir;

pub(crate) struct Fleet {
    pub(crate) pool: Pool,
    pub(crate) dir: PathBuf,
    _folder: TempDir,
}

impl Fleet {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().canonicalize().unwrap();
        let host = Host::real(NonZeroUsize::MIN);
        let pool = Pool::init(&host, &dir, &config).unwrap();
        Self { pool, dir, _folder: folder }
    }

    /// An image of 1 MiB whose guest reads `content` at its beginning: raw data in a first data cluster.
    pub(crate) fn image(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.dir.join(name);
        let layout = NewImage { virtual_size: 1 << 20, ..NewImage::default() }.build().unwrap();
        let file = std::fs::File::create_new(&path).unwrap();
        layout.write_to(&file).unwrap();
        drop(file);
        write_guest(&path, content);
        path
    }

    pub(crate) fn control() -> Control {
        Control::default()
    }
}

/// Writes at the beginning of the disk as a guest does that finds nothing allocated: one L2 table and one
/// data cluster at the end of the file, counted, and then linked.
pub(crate) fn write_guest(path: &Path, content: &[u8]) {
    const CLUSTER: u64 = 64 << 10;
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let field = |at| {
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, at).unwrap();
        u64::from_be_bytes(bytes)
    };
    let end = file.metadata().unwrap().len().next_multiple_of(CLUSTER);
    let (l2, data) = (end, end + CLUSTER);
    let (l1, refcount_table) = (field(40), field(48));
    let block = field(refcount_table);
    file.set_len(end + 2 * CLUSTER).unwrap();
    file.write_all_at(content, data).unwrap();
    file.write_all_at(&(data | 1 << 63).to_be_bytes(), l2).unwrap();
    for cluster in [l2, data] {
        file.write_all_at(&1_u16.to_be_bytes(), block + cluster / CLUSTER * 2).unwrap();
    }
    file.write_all_at(&(l2 | 1 << 63).to_be_bytes(), l1).unwrap();
}

pub(crate) fn read_guest(path: &Path, len: usize) -> Vec<u8> {
    let policy =
        Policy { follow: Follow::Anywhere, undeclared: Undeclared::Refuse, ..Policy::default() };
    let chain = Chain::open(path, &policy).unwrap();
    let mut bytes = vec![0; len];
    chain.read_at(GuestOffset(0), &mut bytes).unwrap();
    bytes
}

pub(crate) fn name(text: &str) -> SnapshotName {
    SnapshotName::new(text).unwrap()
}
