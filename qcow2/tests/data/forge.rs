//! Images written word by word, and a source that counts what is read of them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diskdag_qcow2::chain::Extent;
use diskdag_qcow2::source::Source;
use diskdag_qcow2::{Chain, GuestOffset, Image, ImageError, Layer};

/// 64 KiB.
pub(crate) const CLUSTER: u64 = 1 << 16;
/// Where the tables of a forged image lie; data begins at the sixth cluster.
pub(crate) const L1: u64 = 3 * CLUSTER;
pub(crate) const L2: u64 = 4 * CLUSTER;
pub(crate) const DATA: u64 = 5 * CLUSTER;
pub(crate) const COPIED: u64 = 1 << 63;
pub(crate) const COMPRESSED: u64 = 1 << 62;

/// An image being forged: version 3, clusters of 64 KiB, one L1 entry, one L2 table, 384 KiB.
#[derive(Clone)]
pub(crate) struct Forge(pub Vec<u8>);

impl Forge {
    /// A disk of 64 MiB, of which nothing is allocated.
    pub(crate) fn new() -> Self {
        let mut forge = Self(vec![0; 6 * CLUSTER as usize]);
        forge.bytes(0, b"QFI\xfb").u32(4, 3).u32(20, 16).u64(24, 64 << 20);
        forge.u32(36, 1).u64(40, L1).u64(48, CLUSTER).u32(56, 1);
        forge.u32(96, 4).u32(100, 104);
        forge.u64(CLUSTER, 2 * CLUSTER).u64(L1, COPIED | L2);
        for cluster in 0..6 {
            forge.bytes(2 * CLUSTER + 2 * cluster, &[0, 1]);
        }
        let data = DATA as usize;
        forge.0[data..data + CLUSTER as usize].fill(0x5a);
        forge
    }

    pub(crate) fn bytes(&mut self, at: u64, bytes: &[u8]) -> &mut Self {
        self.0[at as usize..][..bytes.len()].copy_from_slice(bytes);
        self
    }

    pub(crate) fn u32(&mut self, at: u64, value: u32) -> &mut Self {
        self.bytes(at, &value.to_be_bytes())
    }

    pub(crate) fn u64(&mut self, at: u64, value: u64) -> &mut Self {
        self.bytes(at, &value.to_be_bytes())
    }

    /// The entry of a guest cluster.
    pub(crate) fn l2(&mut self, cluster: u64, entry: u64) -> &mut Self {
        self.u64(L2 + 8 * cluster, entry)
    }

    pub(crate) fn image(&self) -> Forged {
        Forged::new(self.0.clone())
    }
}

/// A forged image, opened over a source that counts.
pub(crate) struct Forged {
    pub(crate) image: Image,
    pub(crate) counts: Arc<Counts>,
}

#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) reads: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) beyond: AtomicU64,
}

pub(crate) struct Counting {
    bytes: Vec<u8>,
    counts: Arc<Counts>,
}

impl Source for Counting {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.bytes.get(offset..));
        let rest = rest.unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.counts.reads.fetch_add(1, Ordering::Relaxed);
        self.counts.bytes.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        if buffer.len() > length {
            self.counts.beyond.fetch_add(1, Ordering::Relaxed);
        }
        Ok(length)
    }
}

impl Forged {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self::try_new(bytes).unwrap()
    }

    pub(crate) fn try_new(bytes: Vec<u8>) -> Result<Self, ImageError> {
        let counts = Arc::new(Counts::default());
        let source = Counting { bytes, counts: Arc::clone(&counts) };
        Ok(Self { image: Image::open(source)?, counts })
    }

    pub(crate) fn chain(&self) -> Result<Chain, ImageError> {
        Ok(Chain::new(vec![Layer::image(self.image.active()?)]))
    }

    /// Reads one guest cluster.
    pub(crate) fn read(&self, cluster: u64) -> Result<Vec<u8>, ImageError> {
        let mut buffer = vec![0xcc; CLUSTER as usize];
        self.image.active()?.read_at(GuestOffset(cluster * CLUSTER), &mut buffer)?;
        Ok(buffer)
    }

    /// Why a guest cluster can't be read, in a word.
    pub(crate) fn refused(&self, cluster: u64) -> &'static str {
        match self.read(cluster) {
            Ok(_) => "read",
            Err(error) => error.code(),
        }
    }

    /// All extents, or why there are none.
    pub(crate) fn extents(&self) -> Result<Vec<Extent>, &'static str> {
        let chain = self.chain().map_err(|error| error.code())?;
        chain.extents().map(|extent| extent.map_err(|error| error.error.code())).collect()
    }

    /// How often and how much was read so far; nothing may have been read beyond the end.
    pub(crate) fn cost(&self) -> (u64, u64) {
        assert_eq!(self.counts.beyond.load(Ordering::Relaxed), 0, "read beyond the end");
        (self.counts.reads.load(Ordering::Relaxed), self.counts.bytes.load(Ordering::Relaxed))
    }
}
