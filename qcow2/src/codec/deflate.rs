//! Raw deflate, as QEMU writes it: a window of 4 KiB.
#![forbid(unsafe_code)]

use flate2::{Decompress, FlushDecompress, Status};

use super::DecodeFault;

/// Binary logarithm of the window: QEMU's `inflateInit2(-12)`.
const WINDOW_BITS: u8 = 12;

pub(super) struct Inflater(Decompress);

impl Default for Inflater {
    fn default() -> Self {
        Self(Decompress::new_with_window_bits(false, WINDOW_BITS))
    }
}

impl Inflater {
    /// As QEMU's `qcow2_zlib_decompress`: the output has to be full; that the stream goes on is no error.
    pub(super) fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<(), DecodeFault> {
        self.0.reset(false);
        let status = self.0.decompress(input, output, FlushDecompress::Finish);
        let full = self.0.total_out() == output.len() as u64;
        match status {
            Ok(_) if full => Ok(()),
            Ok(Status::Ok | Status::BufError | Status::StreamEnd) => Err(DecodeFault::TooShort),
            Err(_) => Err(DecodeFault::Invalid),
        }
    }
}
