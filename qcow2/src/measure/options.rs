//! What the copy is to be like, in `qemu-img`'s words.
#![forbid(unsafe_code)]

use std::string::{String, ToString as _};

use core::str;

use crate::format::{CLUSTER_BITS_MAX, CLUSTER_BITS_MIN};

/// What the copy is to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// A raw file.
    Raw,
    /// A qcow2 image.
    #[non_exhaustive]
    Qcow2 {
        /// In bytes: a power of two.
        cluster_size: u64,
        /// The binary logarithm of the width of a refcount.
        refcount_order: u32,
        /// With subclusters.
        extended_l2: bool,
        /// What is allocated ahead.
        preallocation: Preallocation,
        /// Version 3, which can hold bitmaps.
        compat_1_1: bool,
        /// Over a backing file.
        has_backing_file: bool,
        /// Bytes of its LUKS header; 0 if it is not encrypted.
        luks_header: u64,
    },
}

/// What is allocated ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preallocation {
    /// Nothing.
    #[default]
    Off,
    /// The tables.
    Metadata,
    /// All; nothing is written.
    Falloc,
    /// All.
    Full,
}

/// An option that makes no sense, or that is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {why}")]
#[non_exhaustive]
pub struct OptionError {
    /// As it was given.
    pub option: String,
    /// What is wrong.
    pub why: &'static str,
}

fn wrong(option: &str, why: &'static str) -> OptionError {
    OptionError { option: option.to_string(), why }
}

impl Target {
    /// What `qemu-img create -f qcow2` makes.
    pub const QCOW2: Self = Self::Qcow2 {
        cluster_size: 65536,
        refcount_order: 4,
        extended_l2: false,
        preallocation: Preallocation::Off,
        compat_1_1: true,
        has_backing_file: false,
        luks_header: 0,
    };

    /// From the words of `-O` and `-o`.
    ///
    /// # Errors
    ///
    /// [`OptionError`] for a format, an option or a value that is not understood, and for what excludes each
    /// other.
    pub fn from_words(format: &str, options: &[impl AsRef<str>]) -> Result<Self, OptionError> {
        let all = || options.iter().flat_map(|words| words.as_ref().split(','));
        let mut pairs = all().filter(|word| !word.is_empty());
        match format {
            "raw" => {
                for pair in pairs.by_ref() {
                    let key = pair.split('=').next().unwrap_or_default();
                    if !["preallocation", "size", "nocow", "extent_size_hint"].contains(&key) {
                        return Err(wrong(pair, "no option of raw"));
                    }
                }
                Ok(Self::Raw)
            }
            "qcow2" => pairs.try_fold(Self::QCOW2, Self::with)?.checked(),
            _ => Err(wrong(format, "only qcow2 and raw are measured")),
        }
    }

    fn with(mut self, pair: &str) -> Result<Self, OptionError> {
        let Self::Qcow2 {
            cluster_size,
            refcount_order,
            extended_l2,
            preallocation,
            compat_1_1,
            has_backing_file,
            luks_header,
        } = &mut self
        else {
            return Ok(self);
        };
        let (key, value) = pair.split_once('=').unwrap_or((pair, "on"));
        match key {
            "cluster_size" => *cluster_size = cluster(pair, value)?,
            "refcount_bits" => {
                let bits =
                    value.parse().ok().filter(|bits: &u32| bits.is_power_of_two() && *bits <= 64);
                let bits = bits.ok_or_else(|| wrong(pair, "a power of two up to 64"))?;
                *refcount_order = bits.trailing_zeros();
            }
            "extended_l2" => *extended_l2 = switch(pair, value)?,
            "preallocation" => {
                *preallocation = match value {
                    "off" => Preallocation::Off,
                    "metadata" => Preallocation::Metadata,
                    "falloc" => Preallocation::Falloc,
                    "full" => Preallocation::Full,
                    _ => return Err(wrong(pair, "off, metadata, falloc or full")),
                }
            }
            "compat" => {
                *compat_1_1 = match value {
                    "0.10" | "v2" => false,
                    "1.1" | "v3" => true,
                    _ => return Err(wrong(pair, "0.10 or 1.1")),
                }
            }
            "backing_file" => *has_backing_file = true,
            "encrypt.format" => match value {
                "luks" => *luks_header = LUKS_HEADER,
                "aes" => {}
                _ => return Err(wrong(pair, "aes or luks")),
            },
            // They change nothing of the size; LUKS is measured with QEMU's choice of a cipher.
            "lazy_refcounts" | "compression_type" | "backing_fmt" | "data_file"
            | "data_file_raw" | "nocow" | "encrypt.key-secret" | "encrypt.iter-time"
            | "encrypt.hash-alg" | "keep_data_file" | "encryption" => {}
            _ => return Err(wrong(pair, "no option that is understood")),
        }
        Ok(self)
    }

    fn checked(self) -> Result<Self, OptionError> {
        if let Self::Qcow2 { cluster_size, refcount_order, extended_l2, compat_1_1, .. } = self {
            if extended_l2 && cluster_size < 1 << 14 {
                return Err(wrong("extended_l2", "needs clusters of 16k or more"));
            }
            if refcount_order != 4 && !compat_1_1 {
                return Err(wrong("refcount_bits", "other than 16 needs compat=1.1"));
            }
        }
        Ok(self)
    }
}

/// The LUKS header that QEMU makes for AES-256 in XTS mode: eight slots of 4,000 stripes of 64 bytes, each
/// filled up to 4 KiB, behind 4 KiB.
const LUKS_HEADER: u64 = 4096 + 8 * (64_u64 * 4000).next_multiple_of(4096);

fn switch(pair: &str, value: &str) -> Result<bool, OptionError> {
    match value {
        "on" | "yes" | "true" | "y" => Ok(true),
        "off" | "no" | "false" | "n" => Ok(false),
        _ => Err(wrong(pair, "on or off")),
    }
}

fn cluster(pair: &str, value: &str) -> Result<u64, OptionError> {
    let (number, shift) = match value.as_bytes() {
        [number @ .., b'k' | b'K'] => (number, 10),
        [number @ .., b'M' | b'm'] => (number, 20),
        number => (number, 0),
    };
    let size = str::from_utf8(number).ok().and_then(|number| number.parse::<u64>().ok());
    size.and_then(|size| size.checked_mul(1 << shift))
        .filter(|size| {
            size.is_power_of_two()
                && (CLUSTER_BITS_MIN..=CLUSTER_BITS_MAX).contains(&size.trailing_zeros())
        })
        .ok_or_else(|| wrong(pair, "a power of two from 512 to 2M"))
}
