//! Images whose metadata is dense: an entry for every cluster. Data is a hole, or real bytes.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

const CLUSTER: u64 = 64 << 10;
const ENTRIES: u64 = CLUSTER / 8;
/// Refcounts of 16 bits in a block.
const REFCOUNTS: u64 = CLUSTER / 2;
const COPIED: u64 = 1 << 63;

/// Where neighbouring guest clusters lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Side by side: the whole disk is one extent.
    Ordered,
    /// Nowhere near each other: every cluster is an extent.
    Shuffled,
}

/// What to write: version 3, clusters of 64 KiB, refcounts of 16 bits.
#[derive(Clone, Copy, Debug)]
pub struct Dense<'a> {
    /// Of the guest's disk, in bytes: a power of two.
    pub size: u64,
    /// Where the data lies.
    pub order: Order,
    /// A backing file, qcow2.
    pub backing: Option<&'a str>,
    /// Which of so many layers it is: each cluster is in one of them.
    pub layer: (u64, u64),
    /// Write the data, rather than leave a hole where it would be.
    pub is_filled: bool,
}

impl Dense<'_> {
    /// A disk of `size` bytes without a backing file, all of it allocated, its data a hole.
    pub fn hollow(size: u64, order: Order) -> Self {
        Self { size, order, backing: None, layer: (0, 1), is_filled: false }
    }

    /// Bytes of L2 tables and refcount blocks of a hollow disk: what a check has to read.
    pub fn metadata(&self) -> u64 {
        let (first, tables) = tables(self.size);
        // In front of the L2 tables: the header, the refcount table, the blocks, the L1 table.
        let l1 = (tables * 8).div_ceil(CLUSTER);
        first - (2 + l1) * CLUSTER + tables * CLUSTER
    }

    /// Writes the image. Metadata comes first, data behind it.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let guest = self.size / CLUSTER;
        let has = |cluster: u64| mix(cluster) % self.layer.1 == self.layer.0;
        let data = (0..guest).filter(|cluster| has(*cluster)).count() as u64;
        let tables = guest.div_ceil(ENTRIES);
        let l1 = (tables * 8).div_ceil(CLUSTER);
        let fixed = 2 + l1 + tables + data;
        let mut blocks = 1;
        while (fixed + blocks).div_ceil(REFCOUNTS) > blocks {
            blocks += 1;
        }
        assert!(blocks <= ENTRIES, "the refcount table is one cluster");
        let (l1_at, l2_at) = (2 + blocks, 2 + blocks + l1);
        let data_at = l2_at + tables;
        let total = data_at + data;

        let mut file = BufWriter::with_capacity(1 << 20, File::create_new(path)?);
        let mut header = Vec::from(*b"QFI\xfb\0\0\0\x03");
        let name = self.backing.unwrap_or_default();
        header.extend(if name.is_empty() { 0_u64 } else { 104 + 16 + 8 }.to_be_bytes());
        header.extend(u32::try_from(name.len()).unwrap_or_default().to_be_bytes());
        header.extend(16_u32.to_be_bytes());
        header.extend(self.size.to_be_bytes());
        header.extend(0_u32.to_be_bytes());
        header.extend(u32::try_from(tables).unwrap_or_default().to_be_bytes());
        header.extend((l1_at * CLUSTER).to_be_bytes());
        header.extend(CLUSTER.to_be_bytes());
        header.extend(1_u32.to_be_bytes());
        header.extend([0; 12 + 24]);
        header.extend(4_u32.to_be_bytes());
        header.extend(104_u32.to_be_bytes());
        if !name.is_empty() {
            // The format of the backing file.
            header.extend(*b"\xe2\x79\x2a\xca\0\0\0\x05qcow2\0\0\0");
        }
        header.extend([0; 8]);
        header.extend(name.as_bytes());
        file.write_all(&header)?;
        file.seek(SeekFrom::Start(CLUSTER))?;
        for block in 0..blocks {
            file.write_all(&((2 + block) * CLUSTER).to_be_bytes())?;
        }
        file.seek(SeekFrom::Start(2 * CLUSTER))?;
        for _ in 0..total {
            file.write_all(&1_u16.to_be_bytes())?;
        }
        file.seek(SeekFrom::Start(l1_at * CLUSTER))?;
        for table in 0..tables {
            file.write_all(&(((l2_at + table) * CLUSTER) | COPIED).to_be_bytes())?;
        }
        file.seek(SeekFrom::Start(l2_at * CLUSTER))?;
        let mut next = 0_u64;
        for cluster in 0..guest {
            let entry = if has(cluster) {
                let place = match self.order {
                    Order::Ordered => next,
                    // An odd factor and a power of two: every place once.
                    Order::Shuffled => next.wrapping_mul(0x9e37_79b1) & (data - 1),
                };
                next += 1;
                ((data_at + place) * CLUSTER) | COPIED
            } else {
                0
            };
            file.write_all(&entry.to_be_bytes())?;
        }
        if self.is_filled {
            file.seek(SeekFrom::Start(data_at * CLUSTER))?;
            let mut bytes = vec![0; 1 << 16];
            for cluster in 0..data {
                for (at, byte) in bytes.iter_mut().enumerate() {
                    *byte = (at as u64 * 7 + cluster + self.layer.0 * 31).to_le_bytes()[0];
                }
                file.write_all(&bytes)?;
            }
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.set_len(total * CLUSTER)
    }
}

/// Spreads numbers evenly.
fn mix(number: u64) -> u64 {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29) >> 7
}

/// The clusters of an image that [`Dense`] wrote: where its L2 tables lie, and how many there are.
pub fn tables(size: u64) -> (u64, u64) {
    let guest = size / CLUSTER;
    let tables = guest.div_ceil(ENTRIES);
    let l1 = (tables * 8).div_ceil(CLUSTER);
    let mut blocks = 1;
    while (2 + l1 + tables + guest + blocks).div_ceil(REFCOUNTS) > blocks {
        blocks += 1;
    }
    ((2 + blocks + l1) * CLUSTER, tables)
}
