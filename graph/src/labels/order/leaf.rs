//! A leaf of the list: where disks begin lies side by side, apart from where they end.

use super::entry::{Entry, Run, is_target, with_target};
use super::small;
use crate::sizes::cut;
use triomphe::Arc as Shared;

/// Entries in a leaf, at most. Listing disks waits for memory once per leaf: with 256 that was most of its time.
/// In tests a leaf has two words of kinds.
pub(crate) const LEAF: usize = if cfg!(fuzzing) { 16 } else { cut(1024, 128) };

/// Up to [`LEAF`] entries. Whoever lists disks reads a slice of starts and meets no end.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    /// No entry has a smaller tag, and every entry before the leaf has one.
    pub(super) first: u32,
    starts: u16,
    ends: u16,
    targets: u16,
    /// Free places before the starts: so an insertion or a removal moves those on its nearer side.
    head: u16,
    block: Shared<Block>,
}

#[derive(Clone, Debug)]
struct Block {
    /// The marks of the starts behind `head`, of the ends at the back, each in the order of the list.
    marks: [u32; LEAF],
    /// Of the starts, where their marks stand: 5 bytes each.
    generations: [u8; LEAF],
    /// A bit for each entry in the order of the list: whether it is an end.
    kinds: [u64; WORDS],
    /// How many ends there are before each word of those.
    before: [u16; WORDS],
}

const WORDS: usize = LEAF.div_ceil(64);
const _: () = assert!(WORDS.is_power_of_two(), "`last_word` halves them");

impl Leaf {
    pub(super) fn new(first: u32, entries: &[Entry]) -> Self {
        let (marks, generations) = ([0; LEAF], [0; LEAF]);
        let mut block = Block { marks, generations, kinds: [0; WORDS], before: [0; WORDS] };
        let ends = entries.iter().filter(|entry| entry.is_close()).count();
        let targets = entries.iter().filter(|entry| entry.is_target()).count();
        let head = (LEAF - entries.len()) / 2;
        let (mut start, mut end) = (head, LEAF - ends);
        for (at, entry) in entries.iter().enumerate() {
            let place = if entry.is_close() { &mut end } else { &mut start };
            block.marks[*place] = entry.mark;
            if !entry.is_close() {
                block.generations[*place] = entry.generation;
            }
            *place += 1;
            block.kinds[at / 64] |= u64::from(entry.is_close()) << (at % 64);
        }
        let mut before = 0;
        for (word, ends) in block.kinds.iter().zip(&mut block.before) {
            *ends = before;
            before += small(word.count_ones() as usize);
        }
        let block = Shared::new(block);
        let (starts, ends, targets) = (small(start - head), small(ends), small(targets));
        Self { first, starts, ends, targets, head: small(head), block }
    }

    /// Leaves nothing in it.
    pub(super) fn clear(&mut self) {
        (self.starts, self.ends, self.targets, self.head) = (0, 0, 0, 0);
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.starts + self.ends)
    }

    pub(super) fn disks(&self) -> u32 {
        self.starts.into()
    }

    pub(super) fn targets(&self) -> u32 {
        self.targets.into()
    }

    /// Where disks begin, in the order of the list.
    #[inline]
    pub(super) fn starts(&self) -> Run<'_> {
        let (head, starts) = (usize::from(self.head), usize::from(self.starts));
        let Block { marks, generations, .. } = &*self.block;
        Run { marks: &marks[head..][..starts], generations: &generations[head..][..starts] }
    }

    /// The marks of where disks end, in the order of the list.
    pub(super) fn ends(&self) -> &[u32] {
        &self.block.marks[LEAF - usize::from(self.ends)..]
    }

    fn start(&self, index: usize) -> Option<Entry> {
        let Run { marks, generations } = self.starts();
        Some(Entry { mark: *marks.get(index)?, generation: *generations.get(index)? })
    }

    fn end(&self, index: usize) -> Option<Entry> {
        self.ends().get(index).map(|mark| Entry { mark: *mark, generation: 0 })
    }

    /// All entries, in the order of the list.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let mut ends = 0;
        (0..self.len()).filter_map(move |at| {
            if !self.is_end(at) {
                return self.start(at - ends);
            }
            ends += 1;
            self.end(ends - 1)
        })
    }

    /// The entry at a place.
    pub(super) fn entry(&self, at: usize) -> Option<Entry> {
        self.entry_behind(at, self.ends_before(at))
    }

    /// The entry at a place before which so many ends are.
    pub(super) fn entry_behind(&self, at: usize, ends: usize) -> Option<Entry> {
        match at < self.len() {
            true if self.is_end(at) => self.end(ends),
            true => self.start(at - ends),
            false => None,
        }
    }

    /// The entry before such a place.
    pub(super) fn entry_before(&self, at: usize, ends: usize) -> Option<Entry> {
        let before = at.checked_sub(1)?;
        if self.is_end(before) { self.end(ends - 1) } else { self.start(before - ends) }
    }

    fn is_end(&self, at: usize) -> bool {
        self.block.kinds[at / 64] >> (at % 64) & 1 == 1
    }

    /// How many ends there are before a place.
    pub(super) fn ends_before(&self, at: usize) -> usize {
        match self.block.kinds.get(at / 64) {
            Some(word) => {
                let kept = word & ((1 << (at % 64)) - 1);
                usize::from(self.block.before[at / 64]) + kept.count_ones() as usize
            }
            None => self.ends.into(),
        }
    }

    /// The place of a start, by its number among the starts.
    pub(super) fn place_of_start(&self, index: usize) -> usize {
        if self.ends == 0 {
            return index;
        }
        let Block { kinds, before, .. } = &*self.block;
        let starts = |word: usize| word * 64 - usize::from(before[word]);
        let word = last_word(|word| starts(word) <= index);
        word * 64 + select(!kinds[word], index - starts(word))
    }

    /// The place of an end, by its number among the ends.
    pub(super) fn place_of_end(&self, index: usize) -> usize {
        let Block { kinds, before, .. } = &*self.block;
        let word = last_word(|word| usize::from(before[word]) <= index);
        word * 64 + select(kinds[word], index - usize::from(before[word]))
    }

    /// Puts an entry at a place before which so many ends are. There must be room.
    pub(super) fn insert(&mut self, at: usize, before: usize, entry: Entry) {
        let ends = usize::from(self.ends);
        if entry.is_close() {
            if self.room() == 0 {
                self.move_starts(self.head / 2);
            }
            let block = Shared::make_mut(&mut self.block);
            let from = LEAF - ends;
            block.marks.copy_within(from..from + before, from - 1);
            block.marks[from + before - 1] = entry.mark;
            self.ends += 1;
        } else {
            self.insert_start(at - before, entry);
        }
        let block = Shared::make_mut(&mut self.block);
        let own = at / 64;
        for word in (own + 1..WORDS).rev() {
            let comes = block.kinds[word - 1] >> 63;
            block.kinds[word] = block.kinds[word] << 1 | comes;
            block.before[word] += u16::from(entry.is_close());
            block.before[word] -= u16::from(comes == 1);
        }
        let bit = 1 << (at % 64);
        let word = &mut block.kinds[own];
        let moved = *word & !(bit - 1);
        *word = *word & (bit - 1) | moved << 1 | if entry.is_close() { bit } else { 0 };
    }

    fn insert_start(&mut self, index: usize, entry: Entry) {
        let is_nearer_front = index < usize::from(self.starts) / 2;
        if is_nearer_front && self.head == 0 && self.room() > 1 {
            // For the next ones here, too.
            self.move_starts(self.room() / 2);
        }
        let (head, starts) = (usize::from(self.head), usize::from(self.starts));
        let goes_front = head > 0 && (is_nearer_front || self.room() == 0);
        let (moved, to) = match goes_front {
            true => (head..head + index, head - 1),
            false => (head + index..head + starts, head + index + 1),
        };
        let place = if goes_front { head + index - 1 } else { head + index };
        let block = Shared::make_mut(&mut self.block);
        block.marks.copy_within(moved.clone(), to);
        block.marks[place] = entry.mark;
        block.generations.copy_within(moved, to);
        block.generations[place] = entry.generation;
        self.head -= u16::from(goes_front);
        self.starts += 1;
        self.targets += u16::from(entry.is_target());
    }

    /// Free places between the starts and the ends.
    fn room(&self) -> u16 {
        small(LEAF) - self.head - self.starts - self.ends
    }

    /// Moves the starts so that there are so many free places before them.
    fn move_starts(&mut self, head: u16) {
        let moved = usize::from(self.head)..usize::from(self.head + self.starts);
        let block = Shared::make_mut(&mut self.block);
        block.marks.copy_within(moved.clone(), head.into());
        block.generations.copy_within(moved, head.into());
        self.head = head;
    }

    /// Takes out the entry at a place before which so many ends are.
    pub(super) fn remove(&mut self, at: usize, before: usize) {
        let is_end = self.is_end(at);
        let (head, starts) = (usize::from(self.head), usize::from(self.starts));
        let ends = usize::from(self.ends);
        let block = Shared::make_mut(&mut self.block);
        if is_end {
            let from = LEAF - ends;
            block.marks.copy_within(from..from + before, from + 1);
            self.ends -= 1;
        } else {
            let place = head + at - before;
            self.targets -= u16::from(is_target(block.marks[place]));
            let is_nearer_front = at - before < starts / 2;
            let (moved, to) = match is_nearer_front {
                true => (head..place, head + 1),
                false => (place + 1..head + starts, place),
            };
            block.marks.copy_within(moved.clone(), to);
            block.generations.copy_within(moved, to);
            self.head += u16::from(is_nearer_front);
            self.starts -= 1;
        }
        let own = at / 64;
        let below = (1 << (at % 64)) - 1;
        let word = block.kinds[own];
        block.kinds[own] = word & below | word >> 1 & !below;
        for word in own + 1..WORDS {
            let goes = block.kinds[word] & 1;
            block.kinds[word - 1] |= goes << 63;
            block.kinds[word] >>= 1;
            block.before[word] += u16::from(goes == 1);
            block.before[word] -= u16::from(is_end);
        }
    }

    /// Notes whether an edge outside the forest leads to a disk, by its number among the starts.
    /// Whether that is news.
    pub(super) fn set_target(&mut self, index: usize, is_target: bool) -> bool {
        let place = usize::from(self.head) + index;
        let mark = self.block.marks[place];
        let now = with_target(mark, is_target);
        if now == mark {
            return false;
        }
        Shared::make_mut(&mut self.block).marks[place] = now;
        if is_target {
            self.targets += 1;
        } else {
            self.targets -= 1;
        }
        true
    }
}

/// The last word before which there are not too many: the first always is one.
fn last_word(is_before: impl Fn(usize) -> bool) -> usize {
    let steps = (0..WORDS.ilog2()).rev().map(|bits| 1 << bits);
    steps.fold(0, |word, step| word + if is_before(word + step) { step } else { 0 })
}

/// The place of the bit with this number among those that are set in a word.
fn select(mut word: u64, mut index: usize) -> usize {
    let mut at = 0;
    for half in [32, 16, 8, 4, 2, 1] {
        let ones = (word & ((1 << half) - 1)).count_ones() as usize;
        if index >= ones {
            index -= ones;
            word >>= half;
            at += half;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::DiskId;

    /// Insertions and removals anywhere, beside a vector.
    #[test]
    fn agrees_with_a_vector() {
        let (mut leaf, mut model) = (Leaf::new(0, &[]), Vec::new());
        let mut random = 7_u32;
        let mut below = |bound: usize| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as usize % bound
        };
        for slot in 0..20_000 {
            if model.len() == LEAF || (!model.is_empty() && below(5) < 2) {
                let at = below(model.len());
                model.remove(at);
                leaf.remove(at, leaf.ends_before(at));
            } else {
                let disk = DiskId { slot, generation: 1 };
                let entry = if below(3) == 0 { Entry::close(slot) } else { Entry::open(disk) };
                // Often at the front, and often at the back.
                let at = match slot / 1_000 % 3 {
                    0 => below(model.len() + 1),
                    1 => below(model.len().min(3) + 1),
                    _ => model.len() - below(model.len().min(3) + 1),
                };
                model.insert(at, entry);
                leaf.insert(at, leaf.ends_before(at), entry);
            }
            assert!(leaf.entries().eq(model.iter().copied()), "{slot}");
            let made = Leaf::new(0, &model);
            assert!(made.entries().eq(leaf.entries()));
            for index in (0..leaf.starts().len()).step_by(17) {
                assert_eq!(leaf.entry(leaf.place_of_start(index)), leaf.start(index));
            }
            for index in (0..leaf.ends().len()).step_by(17) {
                assert_eq!(leaf.entry(leaf.place_of_end(index)), leaf.end(index));
            }
            assert_eq!(leaf.entry(model.len()), None);
        }
    }
}
