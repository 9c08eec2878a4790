//! The names that a LUKS header gives to its cipher, taken apart as QEMU takes them apart.
#![forbid(unsafe_code)]

use std::format;
use std::string::String;

use crate::table::LuksHeader;

/// How a LUKS volume is encrypted, in QEMU's words. What QEMU doesn't know is as the header says it, with
/// bytes that are not UTF-8 replaced: escape it for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LuksCipher {
    /// The cipher and the width of its key: `aes-256`, say.
    pub algorithm: String,
    /// The mode: `xts`, say.
    pub mode: String,
    /// The generator of initial vectors: `plain64`, say.
    pub ivgen: String,
    /// The hash of the generator; only `essiv` has one.
    pub ivgen_hash: Option<String>,
    /// The hash of passphrases and of the master key.
    pub hash: String,
}

impl LuksCipher {
    /// As the header says it.
    #[must_use]
    pub fn of(header: &LuksHeader<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let whole = text(header.cipher_mode());
        let (mode, generator) = whole.split_once('-').unwrap_or((&whole, ""));
        let (ivgen, ivgen_hash) = match generator.split_once(':') {
            Some((ivgen, hash)) => (ivgen, Some(hash.into())),
            None => (generator, None),
        };
        // Of the two keys of XTS each has half of the bits.
        let bits = u64::from(header.key_bytes()) * if mode == "xts" { 4 } else { 8 };
        Self {
            algorithm: format!("{}-{bits}", text(header.cipher_name())),
            mode: mode.into(),
            ivgen: ivgen.into(),
            ivgen_hash,
            hash: text(header.hash()),
        }
    }
}
