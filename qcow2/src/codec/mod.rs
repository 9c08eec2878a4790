//! Compressed clusters: from at most twice a cluster of bytes to exactly one cluster.
//!
//! Output goes straight into the caller's buffer and never beyond; what a decoder needs besides is bounded,
//! whatever the input says.
#![forbid(unsafe_code)]

mod deflate;
mod zstd;

use core::fmt;

use crate::header::Compression;
use deflate::Inflater;
use zstd::Decoder;

/// Why a compressed cluster can't be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecodeFault {
    /// The bytes are no such stream.
    Invalid,
    /// The stream ends before the cluster is full.
    TooShort,
    /// The cluster is full before the stream ends. Only zstd: QEMU lets deflate pass.
    TooLong,
    /// The stream asks for more memory than a cluster's decoder may need.
    Window,
    /// The stream has so many blocks that they cost more than what they hold.
    Blocks,
    /// The stream's checksum is another.
    Checksum,
}

impl fmt::Display for DecodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "not a compressed stream",
            Self::TooShort => "the stream ends before the cluster is full",
            Self::TooLong => "the cluster is full before the stream ends",
            Self::Window => "the stream asks for too much memory",
            Self::Blocks => "the stream has more blocks than make sense",
            Self::Checksum => "the stream's checksum does not match",
        })
    }
}

/// What the decoders keep between two clusters, so that they need not allocate anew.
#[derive(Default)]
pub(crate) struct Decoders {
    inflater: Option<Inflater>,
    zstd: Option<Decoder>,
}

impl Decoders {
    /// Fills `output`, which is one cluster, from the compressed `input`. What follows the stream in `input`
    /// doesn't matter: the length of a compressed cluster is only known in sectors.
    pub(crate) fn decode(
        &mut self,
        compression: Compression,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), DecodeFault> {
        match compression {
            Compression::Deflate => self.inflater.get_or_insert_default().decode(input, output),
            Compression::Zstd => self.zstd.get_or_insert_default().decode(input, output),
        }
    }
}

#[cfg(test)]
mod tests;
