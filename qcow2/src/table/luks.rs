//! The public part of a LUKS header: what `qemu-img info` tells of an encrypted image. Salts, digests and
//! key material are not handed out.
#![forbid(unsafe_code)]

use core::mem::offset_of;

use crate::error::{Allowed, Error, ErrorKind, Structure};
use crate::format::{
    LUKS_KEY_ENABLED, LUKS_MAGIC, LUKS_SECTOR, LUKS_VERSION, RawLuksHeader, RawLuksKeySlot,
};
use crate::units::HostOffset;

/// A LUKS header, version 1. Text is any bytes up to the first NUL: escape it for a person.
#[derive(Clone, Copy)]
pub struct LuksHeader<'a>(&'a RawLuksHeader);

/// A key slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LuksKeySlot {
    /// Whether it holds a key.
    pub active: bool,
    /// Iterations of the hash over its passphrase.
    pub iterations: u32,
    /// Where its key material begins, in bytes from the LUKS header.
    pub key_offset: u64,
    /// Into how many stripes that is spread.
    pub stripes: u32,
}

impl<'a> LuksHeader<'a> {
    /// How many bytes [`parse`](Self::parse) needs.
    pub const LEN: usize = size_of::<RawLuksHeader>();

    /// Parses the header that `bytes` begin with, and that lies at `at` in the file.
    ///
    /// # Errors
    ///
    /// `Truncated` if there are fewer than [`LEN`](Self::LEN) bytes; `BadField` for another magic or version.
    pub fn parse(bytes: &'a [u8], at: HostOffset) -> Result<Self, Error> {
        let bad = |field, offset: usize, kind| {
            Error::new(Structure::Luks, field, at.get().saturating_add(offset as u64), kind)
        };
        let fixed = bytes.get(..Self::LEN);
        let Some(raw) = fixed.and_then(|fixed| bytemuck::try_from_bytes(fixed).ok()) else {
            let (need, have) = (Self::LEN as u64, bytes.len() as u64);
            return Err(bad("header", 0, ErrorKind::Truncated { need, have }));
        };
        let raw: &RawLuksHeader = raw;
        if raw.magic != LUKS_MAGIC {
            let number = |magic: [u8; 6]| {
                magic.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte))
            };
            let allowed = Allowed::Exactly(number(LUKS_MAGIC));
            return Err(bad("magic", 0, ErrorKind::BadField { found: number(raw.magic), allowed }));
        }
        let version = raw.version.get();
        if version != LUKS_VERSION {
            let allowed = Allowed::Exactly(LUKS_VERSION.into());
            let kind = ErrorKind::BadField { found: version.into(), allowed };
            return Err(bad("version", offset_of!(RawLuksHeader, version), kind));
        }
        Ok(Self(raw))
    }

    /// The cipher: `aes`, say.
    #[must_use]
    pub fn cipher_name(&self) -> &'a [u8] {
        text(&self.0.cipher_name)
    }

    /// Its mode and the generator of its initial vectors: `xts-plain64`, say.
    #[must_use]
    pub fn cipher_mode(&self) -> &'a [u8] {
        text(&self.0.cipher_mode)
    }

    /// The hash: `sha256`, say.
    #[must_use]
    pub fn hash(&self) -> &'a [u8] {
        text(&self.0.hash_spec)
    }

    /// Bytes of the master key; with the cipher's name this tells `aes-128` from `aes-256`.
    #[must_use]
    pub fn key_bytes(&self) -> u32 {
        self.0.key_bytes.get()
    }

    /// The uuid, as text.
    #[must_use]
    pub fn uuid(&self) -> &'a [u8] {
        text(&self.0.uuid)
    }

    /// Where the encrypted data would begin, in bytes from this header.
    #[must_use]
    pub fn payload_offset(&self) -> u64 {
        u64::from(self.0.payload_offset.get()) * LUKS_SECTOR
    }

    /// Iterations of the hash over the master key.
    #[must_use]
    pub fn master_key_iterations(&self) -> u32 {
        self.0.mk_digest_iterations.get()
    }

    /// The eight key slots.
    pub fn key_slots(&self) -> impl ExactSizeIterator<Item = LuksKeySlot> + 'a {
        self.0.key_slots.iter().map(|slot: &RawLuksKeySlot| LuksKeySlot {
            active: slot.active.get() == LUKS_KEY_ENABLED,
            iterations: slot.iterations.get(),
            key_offset: u64::from(slot.key_material_offset.get()) * LUKS_SECTOR,
            stripes: slot.stripes.get(),
        })
    }
}

impl core::fmt::Debug for LuksHeader<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("LuksHeader").finish_non_exhaustive()
    }
}

fn text(padded: &[u8]) -> &[u8] {
    padded.split(|byte| *byte == 0).next().unwrap_or_default()
}
