//! Frames.
#![forbid(unsafe_code)]

use super::block::{History, Output};
use super::checksum::xxh64;
use super::{BLOCK_MAX, DecodeFault, INVALID, number, size, take};

const MAGIC: u64 = 0xfd2f_b528;
/// Magics of frames to be skipped, without their lowest four bits.
const SKIPPABLE: u64 = 0x184d_2a50;
/// The largest window that libzstd accepts unless told otherwise.
const WINDOW_MAX: u64 = (1 << 27) + 1;

/// A compressed block of ten bytes can make us build tables for ten microseconds and give nothing: a cluster may
/// have so many of them, and one more for each so many bytes. Encoders put 128 KiB into one.
const BLOCKS_FREE: usize = 1024;
const BLOCK_BYTES: usize = 1024;

/// A decoder; what it keeps is memory.
#[derive(Default)]
pub(in crate::codec) struct Decoder {
    history: History,
    /// Compressed blocks that the cluster may still have.
    blocks: usize,
}

struct FrameHeader {
    content: Option<u64>,
    checksum: bool,
}

impl Decoder {
    /// Decodes frames until `output` is full, as QEMU's `qcow2_zstd_decompress`. The last frame has to end
    /// there; what follows it does not matter.
    pub(in crate::codec) fn decode(
        &mut self,
        mut input: &[u8],
        output: &mut [u8],
    ) -> Result<(), DecodeFault> {
        self.blocks = BLOCKS_FREE + output.len() / BLOCK_BYTES;
        let mut output = Output::new(output);
        while !output.is_full() {
            let before = input.len();
            self.frame(&mut input, &mut output)?;
            if input.len() == before {
                return Err(INVALID);
            }
        }
        Ok(())
    }

    fn frame(&mut self, input: &mut &[u8], output: &mut Output<'_>) -> Result<(), DecodeFault> {
        if input.is_empty() {
            return Err(DecodeFault::TooShort);
        }
        let magic = number(input, 4)?;
        if magic & !15 == SKIPPABLE {
            let length = size(number(input, 4)?);
            return take(input, length).map(|_| ());
        }
        if magic != MAGIC {
            return Err(INVALID);
        }
        let header = FrameHeader::read(input)?;
        // The memory stays, what was in it doesn't.
        self.history.offsets = History::default().offsets;
        self.history.tables = super::sequences::Tables::default();
        self.history.literals.begin_frame();
        output.begin_frame();
        loop {
            let block = number(input, 3)?;
            let (last, kind, length) = (block & 1 != 0, block >> 1 & 3, size(block >> 3));
            if length > BLOCK_MAX {
                return Err(INVALID);
            }
            match kind {
                0 => output.push(take(input, length)?)?,
                1 => {
                    let byte = take(input, 1)?.first().copied().ok_or(INVALID)?;
                    output.fill(byte, length)?;
                }
                2 => {
                    self.blocks = self.blocks.checked_sub(1).ok_or(DecodeFault::Blocks)?;
                    self.history.block(take(input, length)?, output)?;
                }
                _ => return Err(INVALID),
            }
            if last {
                break;
            }
        }
        if header.content.is_some_and(|content| content != output.frame().len() as u64) {
            return Err(INVALID);
        }
        // The lower half of the hash.
        if header.checksum && number(input, 4)? != xxh64(output.frame()) & 0xffff_ffff {
            return Err(DecodeFault::Checksum);
        }
        Ok(())
    }
}

impl FrameHeader {
    fn read(input: &mut &[u8]) -> Result<Self, DecodeFault> {
        let descriptor = number(input, 1)?;
        let single = descriptor & 0x20 != 0;
        if descriptor & 8 != 0 {
            return Err(INVALID);
        }
        let window = if single {
            None
        } else {
            let window = number(input, 1)?;
            let base = 1_u64 << (10 + (window >> 3));
            Some(base + base / 8 * (window & 7))
        };
        let dictionary = number(input, [0, 1, 2, 4][size(descriptor & 3) % 4])?;
        if dictionary != 0 {
            return Err(INVALID);
        }
        let content = match (descriptor >> 6, single) {
            (0, false) => None,
            (0, true) => Some(number(input, 1)?),
            (1, _) => Some(number(input, 2)? + 256),
            (2, _) => Some(number(input, 4)?),
            _ => Some(number(input, 8)?),
        };
        if window.or(content).is_some_and(|window| window > WINDOW_MAX) {
            return Err(DecodeFault::Window);
        }
        Ok(Self { content, checksum: descriptor & 4 != 0 })
    }
}
