//! Images built from arbitrary bytes, with the bytes that the guest has to see.

/// Arbitrary bytes as choices; zeros when they have run out.
pub struct Choices<'b>(pub &'b [u8]);

impl Choices<'_> {
    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    pub fn below(&mut self, end: usize) -> usize {
        (usize::from(self.byte()) << 8 | usize::from(self.byte())) % end.max(1)
    }
}

/// An image, and what the guest reads of it.
pub struct Built {
    pub file: Vec<u8>,
    /// What the layer itself has, by guest byte; `None` where the backing file is asked.
    pub guest: Vec<Option<u8>>,
    pub cluster: usize,
}

impl Built {
    /// Clusters that hold guest data, or the tables for it, uncompressed.
    pub fn l2_offset(&self) -> usize {
        4 * self.cluster
    }
}

const COPIED: u64 = 1 << 63;
const COMPRESSED: u64 = 1 << 62;

/// A version 3 image of `clusters` guest clusters, at most as many as one L2 table maps: clusters of 512 bytes,
/// or, with subclusters, of 16 KiB.
pub fn build(choices: &mut Choices<'_>, clusters: usize, extended: bool) -> Built {
    let bits = if extended { 14_u32 } else { 9 };
    let cluster = 1_usize << bits;
    let words = if extended { 2 } else { 1 };
    let clusters = clusters.min(cluster / 8 / words);
    let mut file = vec![0; 5 * cluster];
    let mut guest = Vec::new();
    let mut references = vec![1_u16; 5];
    for index in 0..clusters {
        let fill = choices.byte() | 1;
        let (entry, bitmap, content) = match choices.byte() % 8 {
            0 | 1 => (0, 0, vec![None; cluster]),
            2 if !extended => (1, 0, vec![Some(0); cluster]),
            3 if !extended => {
                let at = append(&mut file, &mut references, &[], cluster);
                (at | COPIED | 1, 0, vec![Some(0); cluster])
            }
            4 if !extended => {
                // A stored block of deflate, which needs no compressor; a byte into the cluster.
                let length = u16::try_from(cluster).unwrap_or_default().to_le_bytes();
                let not = length.map(|byte| !byte);
                let data = vec![fill; cluster];
                let blob = [&[0xee, 1][..], &length, &not, &data].concat();
                let first = append(&mut file, &mut references, &blob[..cluster], cluster);
                append(&mut file, &mut references, &blob[cluster..], cluster);
                // Two sectors of 512 bytes, of which the first begins a byte later.
                (COMPRESSED | 1 << 61 | (first + 1), 0, data.into_iter().map(Some).collect())
            }
            2..=4 => {
                let (allocated, other) = (word(choices), word(choices));
                let zero = other & !allocated;
                let at = append(&mut file, &mut references, &vec![fill; cluster], cluster);
                let content = (0..cluster).map(|byte| match byte / (cluster / 32) {
                    sub if allocated >> sub & 1 == 1 => Some(fill),
                    sub if zero >> sub & 1 == 1 => Some(0),
                    _ => None,
                });
                let bitmap = u64::from(allocated) | u64::from(zero) << 32;
                (at | COPIED, bitmap, content.collect())
            }
            _ => {
                let at = append(&mut file, &mut references, &vec![fill; cluster], cluster);
                (at | COPIED, u32::MAX.into(), vec![Some(fill); cluster])
            }
        };
        put(&mut file, 4 * cluster + 8 * words * index, &entry.to_be_bytes());
        if extended {
            put(&mut file, 4 * cluster + 16 * index + 8, &bitmap.to_be_bytes());
        }
        guest.extend(content);
    }
    let at = |index: usize| ((index * cluster) as u64).to_be_bytes();
    put(&mut file, 0, b"QFI\xfb\0\0\0\x03");
    put(&mut file, 20, &bits.to_be_bytes());
    put(&mut file, 24, &(guest.len() as u64).to_be_bytes());
    put(&mut file, 36, &1_u32.to_be_bytes());
    put(&mut file, 40, &at(3));
    put(&mut file, 48, &at(1));
    put(&mut file, 56, &1_u32.to_be_bytes());
    put(&mut file, 72, &(u64::from(extended) << 4).to_be_bytes());
    put(&mut file, 96, &4_u32.to_be_bytes());
    put(&mut file, 100, &104_u32.to_be_bytes());
    put(&mut file, cluster, &at(2));
    for (index, count) in references.iter().take(cluster / 2).enumerate() {
        put(&mut file, 2 * cluster + 2 * index, &count.to_be_bytes());
    }
    put(&mut file, 3 * cluster, &((4 * cluster) as u64 | COPIED).to_be_bytes());
    Built { file, guest, cluster }
}

fn word(choices: &mut Choices<'_>) -> u32 {
    u32::from_be_bytes([(); 4].map(|()| choices.byte()))
}

/// A new cluster at the end of the file: where it begins.
fn append(file: &mut Vec<u8>, references: &mut Vec<u16>, data: &[u8], cluster: usize) -> u64 {
    let at = file.len();
    file.extend(data);
    file.resize(at + cluster, 0);
    references.push(1);
    at as u64
}

fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}
