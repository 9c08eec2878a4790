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
        let mut stream = Stream { bits: Backward::new(stream)?, output };
        while stream.may_go_on() {
            stream.four(self);
        }
        stream.finish(self)
    }

    /// Fills each output from its stream. They take turns, so that the processor need not wait for any.
    pub(super) fn decode_four(
        &self,
        streams: [&[u8]; 4],
        outputs: [&mut [u8]; 4],
    ) -> Result<(), DecodeFault> {
        let ([a, b, c, d], [to_a, to_b, to_c, to_d]) = (streams, outputs);
        let mut a = Stream { bits: Backward::new(a)?, output: to_a };
        let mut b = Stream { bits: Backward::new(b)?, output: to_b };
        let mut c = Stream { bits: Backward::new(c)?, output: to_c };
        let mut d = Stream { bits: Backward::new(d)?, output: to_d };
        while a.may_go_on() && b.may_go_on() && c.may_go_on() && d.may_go_on() {
            a.four(self);
            b.four(self);
            c.four(self);
            d.four(self);
        }
        a.finish(self)?;
        b.finish(self)?;
        c.finish(self)?;
        d.finish(self)
    }
}

/// A stream, and what is left of its output.
struct Stream<'s, 'o> {
    bits: Backward<'s>,
    output: &'o mut [u8],
}

impl Stream<'_, '_> {
    /// Whether four symbols may be had with one look at the bits.
    #[inline]
    fn may_go_on(&self) -> bool {
        self.output.len() >= 4 && self.bits.has(56)
    }

    /// Four symbols, of at most twelve bits each.
    #[inline]
    fn four(&mut self, codes: &Codes) {
        let output = core::mem::take(&mut self.output);
        let Some((now, later)) = output.split_first_chunk_mut::<4>() else { return };
        let mut word = self.bits.peek(56) << 8;
        let mut passed = 0;
        for to in now {
            let [length, symbol] = codes.entry(word >> (64 - codes.log));
            word <<= length;
            passed += u32::from(length);
            *to = symbol;
        }
        self.bits.pass(passed);
        self.output = later;
    }

    /// What is left, symbol by symbol. All bits have to be used up.
    fn finish(&mut self, codes: &Codes) -> Result<(), DecodeFault> {
        for to in self.output.iter_mut() {
            let [length, symbol] = codes.entry(self.bits.peek(codes.log));
            self.bits.pass(length.into());
            *to = symbol;
        }
        if self.bits.is_done() { Ok(()) } else { Err(INVALID) }
    }
}

impl Codes {
    /// The length and the symbol of the code that these bits begin with.
    #[inline]
    fn entry(&self, bits: u64) -> [u8; 2] {
        let index = usize::try_from(bits).unwrap_or_default();
        self.entries[index % (1 << LOG_MAX)].to_be_bytes()
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
