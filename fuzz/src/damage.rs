//! Damage that knows where an image has its metadata: words of tables and refcounts are changed to values that
//! mean something there.

use diskdag_qcow2::Header;

/// Where an image has metadata.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Where 64-bit words lie; those that matter more stand here several times.
    words: Vec<usize>,
    /// Bytes of refcounts.
    refcounts: Vec<usize>,
    cluster: u64,
}

/// The most words of one image that are looked for.
const MOST: usize = 1 << 16;

impl Places {
    /// Of any bytes; `None` if they have no header that makes sense.
    pub fn of(file: &[u8]) -> Option<Self> {
        let header = Header::parse(file).ok()?;
        let size = usize::try_from(header.cluster_size()).ok()?;
        let word = |at: usize| {
            let bytes = file.get(at..at.checked_add(8)?)?;
            Some(u64::from_be_bytes(bytes.try_into().ok()?))
        };
        let place = |word: u64| usize::try_from(word & 0x00ff_ffff_ffff_fe00).unwrap_or(usize::MAX);
        let offset = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
        let mut words = Vec::new();
        let mut l1_tables = vec![(offset(header.l1_table_offset().get()), header.l1_size())];
        let snapshots = offset(header.snapshots_offset().get());
        if header.snapshot_count() > 0 {
            words.extend((snapshots..snapshots.saturating_add(56)).step_by(8));
            if let (Some(table), Some(size)) = (word(snapshots), word(snapshots.saturating_add(8)))
            {
                l1_tables.push((place(table), u32::try_from(size >> 32).unwrap_or_default()));
            }
        }
        if let Some(bitmaps) = header.bitmaps() {
            let directory = offset(bitmaps.directory.get());
            words.extend((directory..directory.saturating_add(24)).step_by(8));
            if let Some(table) = word(directory).map(place) {
                words.extend((table..table.saturating_add(32)).step_by(8));
            }
        }
        for (start, entries) in l1_tables {
            for at in (0..entries as usize).map_while(|index| start.checked_add(index * 8)) {
                let Some(entry) = word(at) else { break };
                if entry == 0 || words.len() > MOST {
                    continue;
                }
                words.extend([at; 4]);
                let table = place(entry);
                let all = (table..table.saturating_add(size)).step_by(8);
                words.extend(
                    all.map_while(|at| Some((at, word(at)?)))
                        .filter(|(_, word)| *word != 0)
                        .map(|(at, _)| at),
                );
            }
        }
        let table = offset(header.refcount_table_offset().get());
        words.extend([table, table, table, table.saturating_add(8)]);
        words.retain(|at| word(*at).is_some());
        let block = word(table).map(place).unwrap_or(usize::MAX);
        let width = 1_usize << header.refcount_order();
        let counted = (file.len().div_ceil(size) * width).div_ceil(8).min(size);
        let refcounts = (block..block.saturating_add(counted).min(file.len())).collect();
        Some(Self { words, refcounts, cluster: header.cluster_size() })
    }

    /// Breaks one thing, and says what. `below` gives a number below the one it gets.
    pub fn damage(&self, file: &mut [u8], below: &mut dyn FnMut(usize) -> usize) -> String {
        let size = self.cluster;
        if !self.refcounts.is_empty() && below(4) == 0 {
            let at = self.refcounts[below(self.refcounts.len())];
            let value = [0, 1, 2, 3, 0x55, 0xff][below(6)];
            if let Some(byte) = file.get_mut(at) {
                *byte = value;
            }
            return format!("refcount byte {at} = {value:#x}");
        }
        let length = file.len() as u64;
        let mut pick = || -> Option<(usize, u64)> {
            let at = *self.words.get(below(self.words.len().max(1)))?;
            Some((at, u64::from_be_bytes(file.get(at..at + 8)?.try_into().ok()?)))
        };
        let (Some((at, old)), Some((_, other))) = (pick(), pick()) else {
            return "nothing".to_owned();
        };
        let new = match below(14) {
            0 => 0,
            1 => old ^ (1 << 63),
            2 => old ^ (1 << 62),
            3 => old ^ (1 << (56 + below(6))),
            4 => old ^ (1 << below(9)),
            5 => old ^ 512,
            6 => old.wrapping_add(size),
            7 => (old & (3 << 62)) | (length / size * size),
            8 => (old & (3 << 62)) | (length.next_multiple_of(size) + size * 5),
            9 => (old & (3 << 62)) | (1 << 40),
            10 => other,
            11 => (old & (3 << 62)) | (size * below(8) as u64),
            12 => old ^ (1 << below(64)),
            _ => old.wrapping_sub(size),
        };
        file[at..at + 8].copy_from_slice(&new.to_be_bytes());
        format!("word {at}: {old:#x} -> {new:#x}")
    }
}
