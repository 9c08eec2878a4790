//! Do two chains hold the same? What `qemu-img compare` answers.
//!
//! Only what may differ is read: not what is nowhere or zeros on both sides, and not what both chains have
//! from the same disk of the same file, such as a base that they share. Holes of the files are not read either.
//!
//! # Cost
//!
//! That of reading what may differ; where there is much of it in a row, a second thread reads one of them. A forged image of a few MiB can map one cluster at so many places that its disk
//! is terabytes of data, which no sound one does: after 256 MiB that were read before there is an error.
#![forbid(unsafe_code)]

mod again;
mod pair;
mod walk;

use core::fmt;

use pair::difference;
use walk::Walk;

use crate::chain::{Chain, ChainError};
use crate::control::Control;
use crate::units::GuestOffset;

/// How much is read at a time, in bytes: what both sides read stays in a core's second cache until it was compared.
const CHUNK: u64 = 256 << 10;
/// How much is read for one comparison, at most: many pieces in a row, if each chain has them in many places.
const RUN: u64 = 64 << 20;

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Comparison {
    /// The guest reads the same from both. Where one is longer its rest reads as zeros.
    Identical {
        /// Whether one is longer.
        sizes_differ: bool,
    },
    /// The first byte that differs.
    ContentDiffers {
        /// Where it is.
        at: GuestOffset,
        /// Whether it lies beyond the end of the shorter one.
        beyond_shorter: bool,
    },
    /// Strict: one is longer.
    SizeDiffers,
    /// Strict: something is allocated in one chain and not in the other, or is data in one and zeros in the
    /// other.
    AllocationDiffers {
        /// Where that begins.
        at: GuestOffset,
    },
}

/// One of the two chains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first.
    First,
    /// The second.
    Second,
}

/// Why two chains could not be compared.
#[derive(Debug)]
#[non_exhaustive]
pub struct CompareError {
    /// Which of the two.
    pub side: Side,
    /// What was done.
    pub doing: Doing,
    /// Where, in bytes of the guest's disk.
    pub at: GuestOffset,
    /// What is wrong.
    pub error: ChainError,
}

/// What was done when it went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Asking what is allocated.
    Mapping,
    /// Reading.
    Reading,
}

impl fmt::Display for CompareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.doing {
            Doing::Mapping => write!(f, "what is allocated could not be asked: {}", self.error),
            Doing::Reading => write!(f, "cannot be read at offset {}: {}", self.at, self.error),
        }
    }
}

impl core::error::Error for CompareError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Compares what the guest reads from two chains, front to back, up to the first difference.
///
/// `strict`: the sizes have to be the same too, and what is allocated anywhere in one chain has to be in the
/// other, in the same form: as data, as zeros, compressed. Takes up to six MiB beside the chains' own memory.
///
/// # Errors
///
/// [`CompareError`], with the chain that it is about.
pub fn compare(first: &Chain, second: &Chain, strict: bool) -> Result<Comparison, CompareError> {
    compare_controlled(first, second, strict, &Control::none())
}

/// The same, for as long as `control` lets it go on: it is asked before each MiB that is read. Progress is told
/// in bytes of the guest's disk.
///
/// # Errors
///
/// [`CompareError`]; stopped, it is [`ImageError::Stopped`](crate::ImageError::Stopped) of some layer.
pub fn compare_controlled(
    first: &Chain,
    second: &Chain,
    strict: bool,
    control: &Control,
) -> Result<Comparison, CompareError> {
    let sizes_differ = first.size() != second.size();
    if strict && sizes_differ {
        return Ok(Comparison::SizeDiffers);
    }
    let mut a = Walk::new(first, Side::First, control);
    let mut b = Walk::new(second, Side::Second, control);
    let common = first.size().min(second.size());
    let (mut at, mut run) = (0, None::<(u64, [bool; 2])>);
    loop {
        let next = next(&mut a, &mut b, at, common, strict);
        let todo = next.as_ref().map_or(Todo::Nothing, |(todo, _)| *todo);
        // Whatever comes next, an error or another kind, comes behind what is to be read before it.
        if let Some((start, zeros)) = run
            && (todo != Todo::Read { zeros } || at - start >= RUN)
        {
            if let Some(found) = difference([&mut a, &mut b], zeros, start, at)? {
                let at = GuestOffset(found);
                return Ok(Comparison::ContentDiffers { at, beyond_shorter: false });
            }
            run = None;
        }
        let (todo, end) = next?;
        match todo {
            Todo::End => break,
            Todo::Nothing => {}
            Todo::Differs => return Ok(Comparison::AllocationDiffers { at: GuestOffset(at) }),
            Todo::Read { zeros } => drop(run.get_or_insert((at, zeros))),
        }
        at = end;
    }
    for (walk, other) in [(&mut a, second.size()), (&mut b, first.size())] {
        let size = walk.chain.size();
        while at < size && size > other {
            let extent = walk.extent(at)?;
            let end = extent.end.min(size);
            if !extent.is_zero() {
                walk.note(at, end - at)?;
                if let Some(found) = walk.first_nonzero(at, end)? {
                    let at = GuestOffset(found);
                    return Ok(Comparison::ContentDiffers { at, beyond_shorter: true });
                }
            }
            at = end;
        }
    }
    Ok(Comparison::Identical { sizes_differ })
}

/// What is to be done with the next bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Todo {
    /// There are none.
    End,
    /// They are the same.
    Nothing,
    /// They are not allocated alike.
    Differs,
    /// To be read, but for a chain where they are known to be zeros.
    Read { zeros: [bool; 2] },
}

/// What is to be done from `at` on, and how far.
fn next(
    a: &mut Walk<'_>,
    b: &mut Walk<'_>,
    at: u64,
    common: u64,
    strict: bool,
) -> Result<(Todo, u64), CompareError> {
    if at >= common {
        return Ok((Todo::End, at));
    }
    let (one, other) = (a.extent(at)?, b.extent(at)?);
    let end = one.end.min(other.end).min(common);
    if strict && one.form() != other.form() {
        return Ok((Todo::Differs, end));
    }
    let shared = match (a.chain.layers().get(one.depth), b.chain.layers().get(other.depth)) {
        (Some(one), Some(other)) => one.is_same_disk(other),
        _ => false,
    };
    let zeros = [one.is_zero(), other.is_zero()];
    if shared || zeros == [true, true] {
        return Ok((Todo::Nothing, end));
    }
    if !one.is_zero() {
        a.note(at, end - at)?;
    }
    if !other.is_zero() {
        b.note(at, end - at)?;
    }
    Ok((Todo::Read { zeros }, end))
}
