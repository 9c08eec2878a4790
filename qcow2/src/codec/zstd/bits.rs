//! The two bit streams: forwards for the descriptions of tables, backwards for what they code.
#![forbid(unsafe_code)]

use super::{DecodeFault, INVALID};

/// Reads from the last byte's highest set bit, which is a marker, down to the first byte's lowest bit.
#[derive(Clone, Copy)]
pub(super) struct Backward<'a> {
    bytes: &'a [u8],
    /// Bits that are left; below 0 zeros were read that are not there.
    left: i64,
}

impl<'a> Backward<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, DecodeFault> {
        let last = bytes.last().copied().filter(|last| *last != 0).ok_or(INVALID)?;
        let padding = last.leading_zeros() as usize + 1;
        let left = i64::try_from(bytes.len() * 8 - padding).map_err(|_| INVALID)?;
        Ok(Self { bytes, left })
    }

    /// The next `count` bits, at most 56, without passing them. Zeros follow the end.
    #[inline]
    pub(super) fn peek(&self, count: u32) -> u64 {
        let from = self.left - i64::from(count);
        let mask = (1 << count) - 1;
        if let Ok(from) = usize::try_from(from) {
            return self.word(from / 8) >> (from % 8) & mask;
        }
        match u32::try_from(self.left) {
            Ok(left) => (self.word(0) & ((1 << left) - 1)) << (count - left),
            Err(_) => 0,
        }
    }

    /// Passes `count` bits.
    #[inline]
    pub(super) fn pass(&mut self, count: u32) {
        self.left -= i64::from(count);
    }

    /// Reads `count` bits, at most 56.
    #[inline]
    pub(super) fn read(&mut self, count: u32) -> u64 {
        let bits = self.peek(count);
        self.pass(count);
        bits
    }

    /// Whether at least `count` bits are left.
    #[inline]
    pub(super) fn has(&self, count: u32) -> bool {
        self.left >= i64::from(count)
    }

    /// Whether more was read than there is.
    #[inline]
    pub(super) fn overrun(&self) -> bool {
        self.left < 0
    }

    /// Whether exactly everything was read.
    #[inline]
    pub(super) fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Eight bytes from `at` on, little-endian; zeros behind the last.
    #[inline]
    fn word(&self, at: usize) -> u64 {
        let rest = self.bytes.get(at..).unwrap_or_default();
        match rest.first_chunk() {
            Some(eight) => u64::from_le_bytes(*eight),
            None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        }
    }
}

/// Reads from the first byte's lowest bit on.
pub(super) struct Forward<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Forward<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Reads `count` bits, at most 16.
    pub(super) fn read(&mut self, count: u32) -> Result<u32, DecodeFault> {
        let end = self.at + count as usize;
        if end > self.bytes.len() * 8 {
            return Err(INVALID);
        }
        let mut word = 0;
        let bytes = self.bytes.get(self.at / 8..).unwrap_or_default();
        for (place, byte) in bytes.iter().take(4).enumerate() {
            word |= u32::from(*byte) << (8 * place);
        }
        let bits = word >> (self.at % 8) & ((1 << count) - 1);
        self.at = end;
        Ok(bits)
    }

    /// Goes back one bit.
    pub(super) fn unread(&mut self) {
        self.at = self.at.saturating_sub(1);
    }

    /// What begins with the next whole byte.
    pub(super) fn rest(self) -> &'a [u8] {
        self.bytes.get(self.at.div_ceil(8)..).unwrap_or_default()
    }
}
