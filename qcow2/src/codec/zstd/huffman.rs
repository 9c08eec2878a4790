//! Huffman codes, for literals.
#![forbid(unsafe_code)]

use super::bits::Backward;
use super::fse::Table;
use super::{DecodeFault, INVALID, take};

/// The longest code that libzstd accepts; the RFC says 11.
const LOG_MAX: u32 = 12;
/// Symbols whose weight can be told; the last symbol's follows from them.
const WEIGHTS_MAX: usize = 255;

/// A table of all codes, by the next bits.
pub(super) struct Codes {
    /// Symbol, and above it the length of its code.
    entries: [u16; 1 << LOG_MAX],
    log: u32,
}

impl Codes {
    /// From a description, which is taken off the front of `input`.
    pub(super) fn read(input: &mut &[u8]) -> Result<Self, DecodeFault> {
        let header = usize::from(take(input, 1)?.first().copied().ok_or(INVALID)?);
        let mut weights = [0_u8; WEIGHTS_MAX + 1];
        let count = if header < 128 {
            compressed_weights(take(input, header)?, &mut weights)?
        } else {
            let count = header - 127;
            let bytes = take(input, count.div_ceil(2))?;
            for (pair, byte) in weights.chunks_mut(2).zip(bytes) {
                if let [high, low] = pair {
                    (*high, *low) = (byte >> 4, byte & 15);
                }
            }
            // The nibble behind the last weight means nothing.
            weights.iter_mut().skip(count).for_each(|weight| *weight = 0);
            count
        };
        Self::new(&mut weights, count)
    }

    /// The last symbol has the weight that makes the sum a power of two.
    fn new(weights: &mut [u8; WEIGHTS_MAX + 1], count: usize) -> Result<Self, DecodeFault> {
        let mut sum = 0_u32;
        for weight in weights.iter().take(count) {
            if u32::from(*weight) > LOG_MAX {
                return Err(INVALID);
            }
            sum += 1 << weight >> 1;
        }
        if sum == 0 {
            return Err(INVALID);
        }
        let log = sum.ilog2() + 1;
        let left = (1 << log) - sum;
        if log > LOG_MAX || !left.is_power_of_two() {
            return Err(INVALID);
        }
        let last = u8::try_from(left.ilog2() + 1).map_err(|_| INVALID)?;
        *weights.get_mut(count).ok_or(INVALID)? = last;

        let mut entries = [0; 1 << LOG_MAX];
        let mut at = 0;
        // The lighter, the longer its code: those come first, in the order of symbols.
        for weight in 1..=log {
            for (symbol, found) in (0_u16..).zip(weights.iter().take(count + 1)) {
                if u32::from(*found) == weight {
                    let length = u16::try_from(log + 1 - weight).map_err(|_| INVALID)?;
                    let end = at + (1 << (weight - 1));
                    entries.get_mut(at..end).ok_or(INVALID)?.fill(symbol | length << 8);
                    at = end;
                }
            }
        }
        if at == 1 << log { Ok(Self { entries, log }) } else { Err(INVALID) }
    }

    /// Fills `output` from one stream, which has to end with it.
    pub(super) fn decode(&self, stream: &[u8], output: &mut [u8]) -> Result<(), DecodeFault> {
        let mut bits = Backward::new(stream)?;
        for to in output.iter_mut() {
            let next = usize::try_from(bits.peek(self.log)).unwrap_or_default();
            let [length, symbol] = self.entries[next % (1 << LOG_MAX)].to_be_bytes();
            bits.pass(length.into());
            *to = symbol;
        }
        if bits.is_done() { Ok(()) } else { Err(INVALID) }
    }
}

/// Weights coded by two states that take turns, until the bits run out.
fn compressed_weights(
    mut input: &[u8],
    weights: &mut [u8; WEIGHTS_MAX + 1],
) -> Result<usize, DecodeFault> {
    let table = Table::read(&mut input, 13, 6)?;
    let mut bits = Backward::new(input)?;
    let mut state = table.start(&mut bits);
    let mut other = table.start(&mut bits);
    if bits.overrun() {
        return Err(INVALID);
    }
    for count in 0..WEIGHTS_MAX - 1 {
        weights[count] = table.symbol(state);
        let next = table.next(state, &mut bits);
        if bits.overrun() {
            weights[count + 1] = table.symbol(other);
            return Ok(count + 2);
        }
        (state, other) = (other, next);
    }
    Err(INVALID)
}
