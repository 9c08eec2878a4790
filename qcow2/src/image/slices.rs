//! The cache of L2 tables: bounded, in slices of at most 4 KiB, read by many threads at once.
//!
//! A table may be 2 MiB long; a random read wants one entry of it. So a table is cached in slices. The
//! cache is set-associative: a slice has eight places to be, behind one lock that readers share. Slices
//! that are all zeros, as large tables often are, occupy a place but no memory.
#![forbid(unsafe_code)]

use std::boxed::Box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};
use std::vec::Vec;

use crate::format::Be64;

/// Words of a slice at most: 4 KiB.
pub(super) const SLICE_WORDS: usize = 512;

/// Places of a set.
const WAYS: usize = 8;
/// Sets: 1024 of 8 slices of 4 KiB are 32 MiB, as much as QEMU takes for one image.
const SET_BITS: u32 = 10;

/// What all words of an empty slice are.
static ZEROS: [Be64; SLICE_WORDS] = [Be64::new(0); SLICE_WORDS];

/// A slice: of which image, and where in its file it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) image: u32,
    pub(super) offset: u64,
}

struct Slot {
    key: Key,
    /// `None` if all words are zero.
    words: Option<Box<[Be64]>>,
    used: AtomicBool,
}

/// See the module.
#[derive(Default)]
pub(super) struct Slices {
    sets: OnceLock<Box<[RwLock<Vec<Slot>>]>>,
}

impl Slices {
    /// Calls `found` with the slice's words, at most `len` of them, loading them if need be.
    ///
    /// `load` is called outside of any lock, maybe by several threads for the same slice.
    #[inline]
    pub(super) fn with<R, E>(
        &self,
        key: Key,
        len: usize,
        load: impl FnOnce(&mut [Be64]) -> Result<(), E>,
        found: impl FnOnce(&[Be64]) -> R,
    ) -> Result<R, E> {
        let set = self.set(key);
        if let Some(set) = set {
            let slots = set.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(slot) = slots.iter().find(|slot| slot.key == key) {
                if !slot.used.load(Ordering::Relaxed) {
                    slot.used.store(true, Ordering::Relaxed);
                }
                return Ok(found(view(&slot.words, len)));
            }
        }
        self.miss(set, key, len, load, found)
    }

    #[cold]
    fn miss<R, E>(
        &self,
        set: Option<&RwLock<Vec<Slot>>>,
        key: Key,
        len: usize,
        load: impl FnOnce(&mut [Be64]) -> Result<(), E>,
        found: impl FnOnce(&[Be64]) -> R,
    ) -> Result<R, E> {
        let mut words = std::vec![Be64::new(0); len.min(SLICE_WORDS)].into_boxed_slice();
        load(&mut words)?;
        let words = words.iter().any(|word| word.get() != 0).then_some(words);
        let answer = found(view(&words, len));
        if let Some(set) = set {
            let mut slots = set.write().unwrap_or_else(PoisonError::into_inner);
            insert(&mut slots, Slot { key, words, used: AtomicBool::new(true) });
        }
        Ok(answer)
    }

    #[inline]
    fn set(&self, key: Key) -> Option<&RwLock<Vec<Slot>>> {
        let sets =
            self.sets.get_or_init(|| (0..1 << SET_BITS).map(|_| RwLock::default()).collect());
        // Slices begin at multiples of 512; the multiplier is that of Fibonacci hashing.
        let mixed = (key.offset >> 9 ^ u64::from(key.image) << 44)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            >> (64 - SET_BITS);
        sets.get(usize::try_from(mixed).unwrap_or_default())
    }
}

#[inline]
fn view(words: &Option<Box<[Be64]>>, len: usize) -> &[Be64] {
    match words {
        Some(words) => words,
        None => ZEROS.get(..len).unwrap_or(&ZEROS),
    }
}

/// Puts a slice into its set, in the place of one that was not used since the last such visit.
fn insert(slots: &mut Vec<Slot>, new: Slot) {
    if let Some(same) = slots.iter_mut().find(|slot| slot.key == new.key) {
        *same = new;
        return;
    }
    if slots.len() < WAYS {
        slots.push(new);
        return;
    }
    let unused = slots.iter().position(|slot| !slot.used.load(Ordering::Relaxed));
    if unused.is_none() {
        for slot in slots.iter() {
            slot.used.store(false, Ordering::Relaxed);
        }
    }
    // Moving the victim's successors forward makes the oldest of equals the next victim.
    slots.remove(unused.unwrap_or(0));
    slots.push(new);
}
