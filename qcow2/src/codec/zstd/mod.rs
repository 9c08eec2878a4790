//! Zstandard (RFC 8878), for clusters: the whole output is at hand, so it is its own window.
//!
//! Why a decoder of our own: what a stream makes of a few bytes must be bounded while it is being
//! made. A block of 128 KiB can claim 4 GiB of matches; here each copy is checked against the cluster's
//! end, and against the 128 KiB that a block may have, before it is made. The tables are of fixed size
//! (17 KiB), the literals of one block take at most 128 KiB, and nothing else is allocated.

mod bits;
mod block;
mod checksum;
mod frame;
mod fse;
mod huffman;
mod literals;
mod sequences;

pub(super) use frame::Decoder;

use super::DecodeFault;

/// Bytes that one block may have, compressed or not.
const BLOCK_MAX: usize = 128 << 10;

/// What is wrong with nearly everything.
const INVALID: DecodeFault = DecodeFault::Invalid;

/// Takes `length` bytes off the front.
fn take<'a>(input: &mut &'a [u8], length: usize) -> Result<&'a [u8], DecodeFault> {
    let (taken, rest) = input.split_at_checked(length).ok_or(INVALID)?;
    *input = rest;
    Ok(taken)
}

/// Takes a little-endian number of at most eight bytes off the front.
fn number(input: &mut &[u8], length: usize) -> Result<u64, DecodeFault> {
    Ok(take(input, length)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// A number of bytes, from one of at most 32 bits.
fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
