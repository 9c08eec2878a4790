//! The literals of a block.
#![forbid(unsafe_code)]

use std::boxed::Box;
use std::vec::Vec;

use super::huffman::Codes;
use super::{BLOCK_MAX, DecodeFault, INVALID, number, size, take};

/// The literals of the current block, and the codes that the next may use again.
#[derive(Default)]
pub(super) struct Literals {
    pub(super) bytes: Vec<u8>,
    codes: Option<Box<Codes>>,
    /// Whether the codes are this frame's. If not they are only memory.
    is_current: bool,
}

impl Literals {
    /// Forgets the codes; the memory stays.
    pub(super) fn begin_frame(&mut self) {
        self.is_current = false;
    }

    /// Takes the section of literals off the front of a block.
    pub(super) fn read(&mut self, block: &mut &[u8]) -> Result<(), DecodeFault> {
        let first = *block.first().ok_or(INVALID)?;
        let (kind, format) = (first & 3, first >> 2 & 3);
        self.bytes.clear();
        if kind < 2 {
            let (length, shift) = match format {
                1 => (2, 4),
                3 => (3, 4),
                _ => (1, 3),
            };
            let regenerated = size(number(block, length)? >> shift);
            if regenerated > BLOCK_MAX {
                return Err(INVALID);
            }
            if kind == 0 {
                self.bytes.extend_from_slice(take(block, regenerated)?);
            } else {
                let byte = take(block, 1)?.first().copied().ok_or(INVALID)?;
                self.bytes.resize(regenerated, byte);
            }
            return Ok(());
        }
        let (length, width) = match format {
            0 | 1 => (3, 10),
            2 => (4, 14),
            _ => (5, 18),
        };
        let header = number(block, length)? >> 4;
        let regenerated = size(header & ((1 << width) - 1));
        let compressed = size(header >> width & ((1 << width) - 1));
        if regenerated > BLOCK_MAX {
            return Err(INVALID);
        }
        let mut section = take(block, compressed)?;
        if kind == 2 {
            self.is_current = false;
            let codes = Codes::read(&mut section)?;
            match &mut self.codes {
                Some(place) => **place = codes,
                None => self.codes = Some(Box::new(codes)),
            }
            self.is_current = true;
        }
        let codes = self.codes.as_deref().filter(|_| self.is_current).ok_or(INVALID)?;
        self.bytes.resize(regenerated, 0);
        if format == 0 {
            return codes.decode(section, &mut self.bytes);
        }
        // Four streams: the lengths of three stand in front, each makes a quarter, rounded up.
        let mut lengths = [0; 3];
        for length in &mut lengths {
            *length = size(number(&mut section, 2)?);
        }
        let quarter = regenerated.div_ceil(4);
        let (to_a, rest) = self.bytes.split_at_mut_checked(quarter).ok_or(INVALID)?;
        let (to_b, rest) = rest.split_at_mut_checked(quarter).ok_or(INVALID)?;
        let (to_c, to_d) = rest.split_at_mut_checked(quarter).ok_or(INVALID)?;
        let [a, b, c] = lengths;
        let (a, b) = (take(&mut section, a)?, take(&mut section, b)?);
        let c = take(&mut section, c)?;
        codes.decode_four([a, b, c, section], [to_a, to_b, to_c, to_d])
    }
}
