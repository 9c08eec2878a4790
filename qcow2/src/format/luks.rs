//! The LUKS header, version 1, of an encrypted image: `docs/on-disk-format.pdf` of cryptsetup. Offsets in
//! it count from its own start, in sectors of 512 bytes.
#![forbid(unsafe_code)]

use core::mem::{align_of, offset_of, size_of};

use bytemuck::{Pod, Zeroable};

use super::{Be16, Be32};

/// `LUKS`, 0xba, 0xbe.
pub const LUKS_MAGIC: [u8; 6] = *b"LUKS\xba\xbe";
/// The version that QEMU reads and writes.
pub const LUKS_VERSION: u16 = 1;
/// [`RawLuksKeySlot::active`] of a slot in use.
pub const LUKS_KEY_ENABLED: u32 = 0x00ac_71f3;
/// [`RawLuksKeySlot::active`] of a slot not in use.
pub const LUKS_KEY_DISABLED: u32 = 0x0000_dead;
/// How many key slots there are.
pub const LUKS_KEY_SLOTS: usize = 8;
/// The unit of offsets, in bytes.
pub const LUKS_SECTOR: u64 = 512;
/// Clusters that QEMU reads of the header at most (`QCOW_MAX_CRYPT_CLUSTERS`).
pub const LUKS_CLUSTERS_MAX: u64 = 32;

/// The header.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct RawLuksHeader {
    /// 0: [`LUKS_MAGIC`].
    pub magic: [u8; 6],
    /// 6: [`LUKS_VERSION`].
    pub version: Be16,
    /// 8: `aes`, say, padded with zeros.
    pub cipher_name: [u8; 32],
    /// 40: `xts-plain64`, say.
    pub cipher_mode: [u8; 32],
    /// 72: `sha256`, say.
    pub hash_spec: [u8; 32],
    /// 104: where the encrypted data begins, in sectors.
    pub payload_offset: Be32,
    /// 108: bytes of the master key.
    pub key_bytes: Be32,
    /// 112: checksum of the master key.
    pub mk_digest: [u8; 20],
    /// 132: its salt.
    pub mk_digest_salt: [u8; 32],
    /// 164: its iterations.
    pub mk_digest_iterations: Be32,
    /// 168: as text, padded with zeros.
    pub uuid: [u8; 40],
    /// 208: the key slots.
    pub key_slots: [RawLuksKeySlot; LUKS_KEY_SLOTS],
}

/// A key slot.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct RawLuksKeySlot {
    /// 0: [`LUKS_KEY_ENABLED`] or [`LUKS_KEY_DISABLED`].
    pub active: Be32,
    /// 4: iterations of the passphrase's hash.
    pub iterations: Be32,
    /// 8: its salt.
    pub salt: [u8; 32],
    /// 40: where the key material begins, in sectors.
    pub key_material_offset: Be32,
    /// 44: into how many stripes it is spread.
    pub stripes: Be32,
}

const _: () = {
    assert!(offset_of!(RawLuksHeader, version) == 6);
    assert!(offset_of!(RawLuksHeader, cipher_name) == 8);
    assert!(offset_of!(RawLuksHeader, cipher_mode) == 40);
    assert!(offset_of!(RawLuksHeader, hash_spec) == 72);
    assert!(offset_of!(RawLuksHeader, payload_offset) == 104);
    assert!(offset_of!(RawLuksHeader, key_bytes) == 108);
    assert!(offset_of!(RawLuksHeader, mk_digest) == 112);
    assert!(offset_of!(RawLuksHeader, mk_digest_salt) == 132);
    assert!(offset_of!(RawLuksHeader, mk_digest_iterations) == 164);
    assert!(offset_of!(RawLuksHeader, uuid) == 168);
    assert!(offset_of!(RawLuksHeader, key_slots) == 208);
    assert!(size_of::<RawLuksHeader>() == 592 && align_of::<RawLuksHeader>() == 1);
    assert!(offset_of!(RawLuksKeySlot, iterations) == 4);
    assert!(offset_of!(RawLuksKeySlot, salt) == 8);
    assert!(offset_of!(RawLuksKeySlot, key_material_offset) == 40);
    assert!(offset_of!(RawLuksKeySlot, stripes) == 44);
    assert!(size_of::<RawLuksKeySlot>() == 48 && align_of::<RawLuksKeySlot>() == 1);
};
