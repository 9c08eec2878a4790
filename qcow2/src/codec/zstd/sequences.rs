//! The sequences of a block: so many literals, then a match so long and so far back.
#![forbid(unsafe_code)]

use super::bits::Backward;
use super::fse::{At, Table};
use super::{DecodeFault, INVALID, number, take};

/// Base and further bits of the codes for how many literals precede a match.
const LITERALS: [(u32, u8); 36] = [
    (0, 0),
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 0),
    (12, 0),
    (13, 0),
    (14, 0),
    (15, 0),
    (16, 1),
    (18, 1),
    (20, 1),
    (22, 1),
    (24, 2),
    (28, 2),
    (32, 3),
    (40, 3),
    (48, 4),
    (64, 6),
    (128, 7),
    (256, 8),
    (512, 9),
    (1024, 10),
    (2048, 11),
    (4096, 12),
    (8192, 13),
    (16384, 14),
    (32768, 15),
    (65536, 16),
];
/// Base and further bits of the codes for a match's length.
const MATCHES: [(u32, u8); 53] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 0),
    (12, 0),
    (13, 0),
    (14, 0),
    (15, 0),
    (16, 0),
    (17, 0),
    (18, 0),
    (19, 0),
    (20, 0),
    (21, 0),
    (22, 0),
    (23, 0),
    (24, 0),
    (25, 0),
    (26, 0),
    (27, 0),
    (28, 0),
    (29, 0),
    (30, 0),
    (31, 0),
    (32, 0),
    (33, 0),
    (34, 0),
    (35, 1),
    (37, 1),
    (39, 1),
    (41, 1),
    (43, 2),
    (47, 2),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 5),
    (131, 7),
    (259, 8),
    (515, 9),
    (1027, 10),
    (2051, 11),
    (4099, 12),
    (8195, 13),
    (16387, 14),
    (32771, 15),
    (65539, 16),
];
/// How often each code occurs where the stream doesn't say: RFC 8878, 3.1.1.3.2.2.
const LITERALS_DEFAULT: [i16; 36] = [
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1,
    -1, -1, -1, -1,
];
const MATCHES_DEFAULT: [i16; 53] = [
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
];
const OFFSETS_DEFAULT: [i16; 29] =
    [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1];

/// The tables that the next block may use again.
#[derive(Default)]
pub(super) struct Tables {
    literals: Option<Table>,
    offsets: Option<Table>,
    matches: Option<Table>,
}

/// One sequence.
#[derive(Clone, Copy)]
pub(super) struct Sequence {
    pub(super) literals: usize,
    /// How far back as coded: 1 to 3 mean one of the last ones.
    pub(super) offset: u64,
    pub(super) length: usize,
}

/// The sequences of one block, one after the other.
pub(super) struct Sequences<'a> {
    tables: Option<(&'a Table, &'a Table, &'a Table)>,
    bits: Backward<'a>,
    states: (At, At, At),
    left: u32,
}

impl Tables {
    /// Reads what is left of a block.
    pub(super) fn read<'a>(
        &'a mut self,
        mut block: &'a [u8],
    ) -> Result<Option<Sequences<'a>>, DecodeFault> {
        let count = match number(&mut block, 1)? {
            0 if block.is_empty() => return Ok(None),
            0 => return Err(INVALID),
            few @ 1..=127 => few,
            some @ 128..=254 => ((some - 128) << 8) + number(&mut block, 1)?,
            _ => 0x7f00 + number(&mut block, 2)?,
        };
        let modes = number(&mut block, 1)?;
        if modes & 3 != 0 {
            return Err(INVALID);
        }
        let mode = |shift: u32| modes >> shift & 3;
        choose(&mut self.literals, mode(6), &mut block, &LITERALS_DEFAULT, 6, (36, 9))?;
        choose(&mut self.offsets, mode(4), &mut block, &OFFSETS_DEFAULT, 5, (32, 8))?;
        choose(&mut self.matches, mode(2), &mut block, &MATCHES_DEFAULT, 6, (53, 9))?;
        let (Some(literals), Some(offsets), Some(matches)) =
            (&self.literals, &self.offsets, &self.matches)
        else {
            return Err(INVALID);
        };
        let mut bits = Backward::new(block)?;
        let states =
            (literals.start(&mut bits), offsets.start(&mut bits), matches.start(&mut bits));
        let left = u32::try_from(count).map_err(|_| INVALID)?;
        Ok(Some(Sequences { tables: Some((literals, offsets, matches)), bits, states, left }))
    }
}

/// A table by its mode: the default, of one symbol, described, or the last one again.
fn choose(
    table: &mut Option<Table>,
    mode: u64,
    block: &mut &[u8],
    default: &[i16],
    default_log: u32,
    (symbols, max_log): (usize, u32),
) -> Result<(), DecodeFault> {
    match mode {
        0 => *table = Some(Table::new(default, default_log)?),
        1 => {
            let symbol = take(block, 1)?.first().copied().ok_or(INVALID)?;
            if usize::from(symbol) >= symbols {
                return Err(INVALID);
            }
            *table = Some(Table::of_one(symbol));
        }
        2 => *table = Some(Table::read(block, symbols, max_log)?),
        _ => {}
    }
    if table.is_some() { Ok(()) } else { Err(INVALID) }
}

impl Sequences<'_> {
    /// The next one; `None` after the last, when all bits have to be used up.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Sequence>, DecodeFault> {
        let Some((literals, offsets, matches)) = self.tables else { return Ok(None) };
        if self.left == 0 {
            return if self.bits.is_done() { Ok(None) } else { Err(INVALID) };
        }
        self.left -= 1;
        let bits = &mut self.bits;
        let (at_literals, at_offsets, at_matches) = self.states;
        // Never more than 31: a code of a description is checked when it is read.
        let code = u32::from(offsets.symbol(at_offsets)).min(31);
        let (match_base, match_bits) = coded(&MATCHES, matches.symbol(at_matches))?;
        let (literal_base, literal_bits) = coded(&LITERALS, literals.symbol(at_literals))?;
        let offset = (1 << code) + bits.read(code);
        let length = u64::from(match_base) + bits.read(match_bits);
        let literal = u64::from(literal_base) + bits.read(literal_bits);
        if self.left > 0 {
            self.states.0 = literals.next(at_literals, bits);
            self.states.2 = matches.next(at_matches, bits);
            self.states.1 = offsets.next(at_offsets, bits);
        }
        if bits.overrun() {
            return Err(INVALID);
        }
        Ok(Some(Sequence { literals: super::size(literal), offset, length: super::size(length) }))
    }
}

#[inline]
fn coded(codes: &[(u32, u8)], code: u8) -> Result<(u32, u32), DecodeFault> {
    let (base, bits) = codes.get(usize::from(code)).ok_or(INVALID)?;
    Ok((*base, u32::from(*bits)))
}
