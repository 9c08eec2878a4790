//! Zstandard.
#![forbid(unsafe_code)]

use super::DecodeFault;

#[derive(Default)]
pub(super) struct Decoder {}

impl Decoder {
    pub(super) fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<(), DecodeFault> {
        let mut d = ruzstd::decoding::FrameDecoder::new();
        let mut input = input;
        let mut done = 0;
        use std::io::Read as _;
        while done < output.len() {
            d.init(&mut input).map_err(|_| DecodeFault::Invalid)?;
            loop {
                d.decode_blocks(&mut input, ruzstd::decoding::BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(|_| DecodeFault::Invalid)?;
                let n = d.read(&mut output[done..]).map_err(|_| DecodeFault::Invalid)?;
                done += n;
                if d.is_finished() {
                    break;
                }
            }
        }
        Ok(())
    }
}
