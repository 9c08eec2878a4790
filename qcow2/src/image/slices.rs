//! The cache of L2 tables: bounded, in slices of at most 4 KiB, read by many threads at once.
//!
//! A table may be 2 MiB long; a random read wants one entry of it. So a table is cached in slices. The
//! cache is set-associative: a slice has eight places to be. Slices that are all zeros, as large tables often
//! are, occupy a place but no memory.
//!
//! Whoever finds what he looks for writes nothing that others read, and waits for nobody: each set has a version,
//! odd while a slice is being replaced, and what was read counts if the version is even and still the same
//! afterwards (a sequence lock; its words are atomic, so that a torn read is merely thrown away).
#![forbid(unsafe_code)]

use std::boxed::Box;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Mutex, OnceLock, PoisonError};

use core::array;

use crate::format::Be64;

/// Words of a slice at most: 4 KiB.
pub(super) const SLICE_WORDS: usize = 512;

/// Places of a set.
const WAYS: usize = 8;
/// Sets: 1024 of 8 slices of 4 KiB are 32 MiB, as much as QEMU takes for one image.
const SET_BITS: u32 = 10;

/// Where no slice begins: files end before.
const NOTHING: u64 = u64::MAX;

/// A slice: of which image, and where in its file it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) image: u32,
    pub(super) offset: u64,
}

/// See the module.
#[derive(Default)]
pub(super) struct Slices {
    sets: OnceLock<Box<[OnceLock<Box<Set>>]>>,
}

type Words = Box<[AtomicU64]>;

struct Set {
    /// Odd while a slice is being replaced.
    version: AtomicU32,
    /// A bit for each place that was used since the last visit of one who looked for a victim.
    used: AtomicU32,
    /// A bit for each place whose words are all zero.
    zeros: AtomicU32,
    images: [AtomicU32; WAYS],
    offsets: [AtomicU64; WAYS],
    /// Allocated once, for whichever slice comes first.
    words: [OnceLock<Words>; WAYS],
    /// Whoever replaces a slice; the place that is looked at first.
    writer: Mutex<usize>,
}

impl Slices {
    /// Copies words of a slice, from its word `from` on, loading the slice if need be: `len` words of it.
    ///
    /// `load` is called outside of any lock, maybe by several threads for the same slice.
    #[inline]
    pub(super) fn copy<E>(
        &self,
        key: Key,
        len: usize,
        from: usize,
        words: &mut [Be64],
        load: impl FnOnce(&mut [Be64]) -> Result<(), E>,
    ) -> Result<(), E> {
        let set = self.set(key);
        match set {
            Some(set) if set.copy(key, from, words) => Ok(()),
            _ => Self::miss(set, key, len, from, words, load),
        }
    }

    /// Word `index` of a slice, if the slice is there.
    #[inline]
    pub(super) fn word(&self, key: Key, index: usize) -> Option<u64> {
        let mut word = [Be64::new(0)];
        self.set(key)?.copy(key, index, &mut word).then_some(word[0].get())
    }

    #[cold]
    fn miss<E>(
        set: Option<&Set>,
        key: Key,
        len: usize,
        from: usize,
        words: &mut [Be64],
        load: impl FnOnce(&mut [Be64]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut slice = [Be64::new(0); SLICE_WORDS];
        let slice = slice.get_mut(..len).unwrap_or_default();
        load(slice)?;
        for (to, word) in words.iter_mut().zip(slice.get(from..).unwrap_or_default()) {
            *to = *word;
        }
        if let Some(set) = set {
            set.insert(key, slice);
        }
        Ok(())
    }

    #[inline]
    fn set(&self, key: Key) -> Option<&Set> {
        let sets =
            self.sets.get_or_init(|| (0..1 << SET_BITS).map(|_| OnceLock::default()).collect());
        // Slices begin at multiples of 512; the multiplier is that of Fibonacci hashing.
        let mixed = (key.offset >> 9 ^ u64::from(key.image) << 44)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            >> (64 - SET_BITS);
        let set = sets.get(usize::try_from(mixed).unwrap_or_default())?;
        Some(set.get_or_init(|| Box::new(Set::new())))
    }
}

impl Set {
    fn new() -> Self {
        Self {
            version: AtomicU32::new(0),
            used: AtomicU32::new(0),
            zeros: AtomicU32::new(0),
            images: array::from_fn(|_| AtomicU32::new(0)),
            offsets: array::from_fn(|_| AtomicU64::new(NOTHING)),
            words: array::from_fn(|_| OnceLock::new()),
            writer: Mutex::new(0),
        }
    }

    /// Which place holds a slice.
    #[inline]
    fn way(&self, key: Key) -> Option<usize> {
        let offset =
            self.offsets.iter().position(|found| found.load(Ordering::Relaxed) == key.offset)?;
        if self.images.get(offset)?.load(Ordering::Relaxed) == key.image {
            return Some(offset);
        }
        // Another image's slice lies at the same place in its file.
        self.offsets.iter().zip(&self.images).position(|(offset, image)| {
            offset.load(Ordering::Relaxed) == key.offset
                && image.load(Ordering::Relaxed) == key.image
        })
    }

    /// Copies words of a slice, if it is there and nobody replaced it meanwhile.
    #[inline]
    fn copy(&self, key: Key, from: usize, words: &mut [Be64]) -> bool {
        let version = self.version.load(Ordering::Acquire);
        let Some(way) = self.way(key) else { return false };
        let bit = 1 << way;
        if self.zeros.load(Ordering::Relaxed) & bit != 0 {
            words.fill(Be64::new(0));
        } else {
            let slice = self.words.get(way).and_then(OnceLock::get);
            let Some(slice) = slice.and_then(|slice| slice.get(from..)) else { return false };
            for (to, word) in words.iter_mut().zip(slice) {
                *to = bytemuck::cast(word.load(Ordering::Relaxed));
            }
        }
        // No load of the above is done after this one.
        fence(Ordering::Acquire);
        if version & 1 != 0 || self.version.load(Ordering::Relaxed) != version {
            return false;
        }
        if self.used.load(Ordering::Relaxed) & bit == 0 {
            self.used.fetch_or(bit, Ordering::Relaxed);
        }
        true
    }

    /// Puts a slice into a place that was not used since the last such visit.
    fn insert(&self, key: Key, slice: &[Be64]) {
        let mut hand = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if self.way(key).is_some() {
            return;
        }
        let used = self.used.load(Ordering::Relaxed);
        let order = (0..WAYS).map(|step| (*hand + step) % WAYS);
        let way = order.clone().find(|way| used & 1 << way == 0).unwrap_or(*hand);
        *hand = (way + 1) % WAYS;
        let bit = 1 << way;
        let (Some(image), Some(offset), Some(words)) =
            (self.images.get(way), self.offsets.get(way), self.words.get(way))
        else {
            return;
        };
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        // No store of what follows is seen before that one.
        fence(Ordering::Release);
        image.store(key.image, Ordering::Relaxed);
        offset.store(key.offset, Ordering::Relaxed);
        if slice.iter().all(|word| word.get() == 0) {
            self.zeros.fetch_or(bit, Ordering::Relaxed);
        } else {
            let words = words.get_or_init(|| (0..SLICE_WORDS).map(|_| AtomicU64::new(0)).collect());
            for (to, word) in words.iter().zip(slice) {
                to.store(bytemuck::cast(*word), Ordering::Relaxed);
            }
            self.zeros.fetch_and(!bit, Ordering::Relaxed);
        }
        // All were used: what was not, when the next victim is looked for, is older than what is from now on.
        let all = used | bit == (1 << WAYS) - 1;
        if all {
            self.used.store(bit, Ordering::Relaxed);
        } else {
            self.used.fetch_or(bit, Ordering::Relaxed);
        }
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, SLICE_WORDS, Slices};
    use crate::format::Be64;

    /// A slice of which each word says whose it is.
    fn fill(key: Key, words: &mut [Be64]) {
        for (at, word) in words.iter_mut().enumerate() {
            let zeros = key.offset.is_multiple_of(3);
            *word = Be64::new(if zeros {
                0
            } else {
                key.offset << 12 | u64::from(key.image) << 9 | at as u64
            });
        }
    }

    fn looks_right(slices: &Slices, key: Key, from: usize) -> bool {
        let (mut found, mut expected) = ([Be64::new(1); 9], [Be64::new(0); SLICE_WORDS]);
        fill(key, &mut expected);
        let mut loaded = false;
        let load = |words: &mut [Be64]| {
            loaded = true;
            fill(key, words);
            Ok::<(), ()>(())
        };
        assert_eq!(slices.copy(key, SLICE_WORDS, from, &mut found, load), Ok(()));
        assert_eq!(found[..], expected[from..from + 9], "{key:?} from {from}");
        loaded
    }

    #[test]
    fn a_slice_is_loaded_once_and_a_thousand_others_drive_it_out() {
        let slices = Slices::default();
        let key = |offset: u64| Key { image: 1, offset: offset << 12 };
        assert!(looks_right(&slices, key(1), 3));
        assert!(!looks_right(&slices, key(1), 500));
        assert!(looks_right(&slices, Key { image: 2, ..key(1) }, 3), "another image's");
        for offset in 2..12_000 {
            assert!(looks_right(&slices, key(offset), 0));
        }
        assert!(looks_right(&slices, key(1), 3));
    }

    #[test]
    fn what_was_used_lately_stays() {
        let slices = Slices::default();
        let key = |offset: u64| Key { image: 0, offset: offset << 12 };
        looks_right(&slices, key(1), 0);
        for offset in 2..12_000 {
            looks_right(&slices, key(offset), 0);
            assert!(!looks_right(&slices, key(1), 0), "after {offset}");
        }
    }

    /// Replacing and reading at once, in as few sets as there are: whoever reads gets one slice's words, whole.
    #[test]
    fn readers_never_see_half_a_slice() {
        let slices = Slices::default();
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                let slices = &slices;
                scope.spawn(move || {
                    for step in 0..5_000_u64 {
                        let offset = step.wrapping_mul(7 + thread * 2) % 12_000;
                        let key = Key { image: 0, offset: offset << 12 };
                        looks_right(slices, key, usize::try_from(step % 500).unwrap());
                    }
                });
            }
        });
    }
}
