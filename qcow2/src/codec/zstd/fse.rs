//! Finite state entropy: tables of states, each with a symbol and the way to the next state.
#![forbid(unsafe_code)]

use super::bits::{Backward, Forward};
use super::{DecodeFault, INVALID};

/// Binary logarithm of the largest table.
const LOG_MAX: u32 = 9;

#[derive(Clone, Copy, Default)]
struct State {
    symbol: u8,
    bits: u8,
    base: u16,
}

/// A table, whose size is a power of two of at most 512 states.
#[derive(Clone)]
pub(super) struct Table {
    states: [State; 1 << LOG_MAX],
    log: u32,
}

/// A state in some table.
#[derive(Clone, Copy, Default)]
pub(super) struct At(u16);

impl Table {
    /// The table of one symbol, which needs no bits.
    pub(super) fn of_one(symbol: u8) -> Self {
        let mut states = [State::default(); 1 << LOG_MAX];
        states[0].symbol = symbol;
        Self { states, log: 0 }
    }

    /// From how often each symbol occurs among the states; -1 is "less than once".
    pub(super) fn new(frequencies: &[i16], log: u32) -> Result<Self, DecodeFault> {
        let size = 1_usize << log.min(LOG_MAX);
        let mut states = [State::default(); 1 << LOG_MAX];
        let mut next = [0_u16; 256];
        let mut high = size;
        for (symbol, (frequency, next)) in (0_u8..=255).zip(frequencies.iter().zip(&mut next)) {
            if *frequency == -1 {
                high = high.checked_sub(1).ok_or(INVALID)?;
                states.get_mut(high).ok_or(INVALID)?.symbol = symbol;
                *next = 1;
            }
        }
        let (step, mask) = ((size >> 1) + (size >> 3) + 3, size - 1);
        let mut at = 0;
        for (symbol, (frequency, next)) in (0_u8..=255).zip(frequencies.iter().zip(&mut next)) {
            let Ok(frequency) = u16::try_from(*frequency) else { continue };
            if frequency == 0 {
                continue;
            }
            *next = frequency;
            for _ in 0..frequency {
                states.get_mut(at).ok_or(INVALID)?.symbol = symbol;
                at = (at + step) & mask;
                // Visits every state once: the step is odd. Bounded by the size.
                while at >= high {
                    if high == 0 {
                        return Err(INVALID);
                    }
                    at = (at + step) & mask;
                }
            }
        }
        if at != 0 {
            return Err(INVALID);
        }
        for state in states.iter_mut().take(size) {
            let next = next.get_mut(usize::from(state.symbol)).ok_or(INVALID)?;
            if *next == 0 {
                return Err(INVALID);
            }
            let bits = log - next.ilog2();
            state.bits = u8::try_from(bits).map_err(|_| INVALID)?;
            let base = (usize::from(*next) << bits).checked_sub(size).ok_or(INVALID)?;
            state.base = u16::try_from(base).map_err(|_| INVALID)?;
            *next += 1;
        }
        Ok(Self { states, log })
    }

    /// From a description, which is taken off the front of `input`. At most `symbols` symbols, at most
    /// `1 << max_log` states.
    pub(super) fn read(
        input: &mut &[u8],
        symbols: usize,
        max_log: u32,
    ) -> Result<Self, DecodeFault> {
        let mut bits = Forward::new(input);
        let log = bits.read(4)? + 5;
        if log > max_log.min(LOG_MAX) {
            return Err(INVALID);
        }
        let mut frequencies = [0_i16; 256];
        let (mut left, mut symbol) = (1_u32 << log, 0);
        while left > 0 {
            // As few bits as tell the values that are left, and one less for the lower of them.
            let width = (left + 1).ilog2() + 1;
            let spare = (1 << width) - 1 - (left + 1);
            let mut value = bits.read(width)?;
            let low = value & ((1 << (width - 1)) - 1);
            if low < spare {
                bits.unread();
                value = low;
            } else if value != low {
                value -= spare;
            }
            let frequency = i16::try_from(value).map_err(|_| INVALID)? - 1;
            left = left.checked_sub(frequency.unsigned_abs().into()).ok_or(INVALID)?;
            if symbol >= symbols {
                return Err(INVALID);
            }
            *frequencies.get_mut(symbol).ok_or(INVALID)? = frequency;
            symbol += 1;
            // Behind a symbol that doesn't occur: how many more don't, by up to three.
            let mut repeated = if frequency == 0 { 3 } else { 0 };
            while repeated == 3 {
                repeated = bits.read(2)?;
                symbol += repeated as usize;
            }
        }
        *input = bits.rest();
        Self::new(&frequencies, log)
    }

    /// The first state.
    #[inline]
    pub(super) fn start(&self, bits: &mut Backward<'_>) -> At {
        At(u16::try_from(bits.read(self.log)).unwrap_or_default())
    }

    /// The symbol of a state.
    #[inline]
    pub(super) fn symbol(&self, at: At) -> u8 {
        self.states[usize::from(at.0) % (1 << LOG_MAX)].symbol
    }

    /// The next state.
    #[inline]
    pub(super) fn next(&self, at: At, bits: &mut Backward<'_>) -> At {
        let state = self.states[usize::from(at.0) % (1 << LOG_MAX)];
        let read = u16::try_from(bits.read(state.bits.into())).unwrap_or_default();
        At(state.base.wrapping_add(read))
    }
}
