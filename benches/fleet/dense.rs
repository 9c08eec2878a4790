//! An image whose every guest cluster is allocated: all the metadata that there can be, and holes for data.

use super::Random;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const CLUSTER: u64 = 64 << 10;
const COPIED: u64 = 1 << 63;

/// An image of 64 KiB clusters with 16-bit refcounts, all of which are used.
pub struct Dense {
    /// Where it lies.
    pub path: PathBuf,
    /// Clusters of the guest's disk, all allocated.
    pub clusters: u64,
    /// Bytes of L2 tables and refcount blocks: what a check has to read.
    pub metadata: u64,
}

impl Dense {
    /// Writes an image of `size` bytes: its clusters in the guest's order, or shuffled.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn write(path: &Path, size: u64, is_shuffled: bool) -> io::Result<Self> {
        let clusters = size / CLUSTER;
        let tables = clusters.div_ceil(CLUSTER / 8);
        let l1 = (tables * 8).div_ceil(CLUSTER);
        let per_block = CLUSTER / 2;
        let (mut blocks, mut table) = (1, 1);
        let all = loop {
            let all = 1 + table + blocks + l1 + tables + clusters;
            let (need, need_table) = (all.div_ceil(per_block), (blocks * 8).div_ceil(CLUSTER));
            if (need, need_table) == (blocks, table) {
                break all;
            }
            (blocks, table) = (need, need_table);
        };
        let (first_block, first_l1) = (1 + table, 1 + table + blocks);
        let (first_table, first_data) = (first_l1 + l1, first_l1 + l1 + tables);

        let mut order: Vec<u64> = (0..clusters).collect();
        if is_shuffled {
            let mut random = Random(clusters);
            for last in (1..order.len()).rev() {
                order.swap(last, random.below(last + 1));
            }
        }
        let file = File::create_new(path)?;
        let mut out = io::BufWriter::with_capacity(1 << 20, &file);
        let mut header = Vec::new();
        header.extend(0x5146_49fb_u32.to_be_bytes());
        header.extend(3_u32.to_be_bytes());
        header.extend([0; 12]);
        header.extend(16_u32.to_be_bytes());
        header.extend(size.to_be_bytes());
        header.extend([0; 4]);
        header.extend(u32::try_from(tables).unwrap_or(u32::MAX).to_be_bytes());
        header.extend((first_l1 * CLUSTER).to_be_bytes());
        header.extend(CLUSTER.to_be_bytes());
        header.extend(u32::try_from(table).unwrap_or(u32::MAX).to_be_bytes());
        header.extend([0; 12 + 24]);
        header.extend(4_u32.to_be_bytes());
        header.extend(104_u32.to_be_bytes());
        header.resize(usize::try_from(CLUSTER).unwrap_or_default(), 0);
        out.write_all(&header)?;
        let mut words = |count: u64, used: u64, word: &dyn Fn(u64) -> u64| -> io::Result<()> {
            (0..count * CLUSTER / 8).try_for_each(|index| {
                let word = if index < used { word(index) } else { 0 };
                out.write_all(&word.to_be_bytes())
            })
        };
        words(table, blocks, &|block| (first_block + block) * CLUSTER)?;
        words(blocks, all.div_ceil(4), &|four| {
            let used = (all - four * 4).min(4);
            0x0001_0001_0001_0001 << (16 * (4 - used))
        })?;
        words(l1, tables, &|table| COPIED + (first_table + table) * CLUSTER)?;
        words(tables, clusters, &|cluster| {
            let place = usize::try_from(cluster).ok().and_then(|at| order.get(at));
            COPIED + (first_data + place.copied().unwrap_or_default()) * CLUSTER
        })?;
        out.flush()?;
        file.write_at(&[0], all * CLUSTER - 1)?;
        Ok(Self { path: path.to_owned(), clusters, metadata: (blocks + tables) * CLUSTER })
    }
}
