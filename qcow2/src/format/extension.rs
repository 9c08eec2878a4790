//! Header extensions: type, length, data, padding to 8 bytes. They begin where the header ends (byte 72
//! in version 2) and end at [`EXTENSION_END`], at the backing file's name, or with the first cluster.
#![forbid(unsafe_code)]

use core::mem::{align_of, offset_of, size_of};

use bytemuck::{Pod, Zeroable};

use super::{Be32, Be64};

/// Ends the list.
pub const EXTENSION_END: u32 = 0;
/// The name of the backing file's format.
pub const EXTENSION_BACKING_FORMAT: u32 = 0xe279_2aca;
/// Names for feature bits, [`RawFeatureName`] each.
pub const EXTENSION_FEATURE_NAMES: u32 = 0x6803_f857;
/// Where the persistent bitmaps are, [`RawBitmaps`].
pub const EXTENSION_BITMAPS: u32 = 0x2385_2875;
/// Where the LUKS header is, [`RawLuks`].
pub const EXTENSION_LUKS: u32 = 0x0537_be77;
/// The name of the external data file.
pub const EXTENSION_DATA_FILE: u32 = 0x4441_5441;
/// Data is padded to a multiple of this many bytes.
pub const EXTENSION_PAD: u32 = 8;

/// What precedes the data of every extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct RawExtension {
    /// 0: one of the `EXTENSION_` constants, or unknown.
    pub kind: Be32,
    /// 4: bytes of data, padding not counted.
    pub length: Be32,
}

/// One entry of [`EXTENSION_FEATURE_NAMES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct RawFeatureName {
    /// 0: 0 incompatible, 1 compatible, 2 autoclear.
    pub kind: u8,
    /// 1: the bit, 0 to 63.
    pub bit: u8,
    /// 2: padded with zeros, not terminated if it fills the field.
    pub name: [u8; 46],
}

/// The data of [`EXTENSION_BITMAPS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct RawBitmaps {
    /// 0: at least one.
    pub nb_bitmaps: Be32,
    /// 4: zero.
    pub reserved: Be32,
    /// 8: bytes of the bitmap directory.
    pub bitmap_directory_size: Be64,
    /// 16: where the bitmap directory lies, at a cluster's start.
    pub bitmap_directory_offset: Be64,
}

/// The data of [`EXTENSION_LUKS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct RawLuks {
    /// 0: where the LUKS header lies, at a cluster's start.
    pub offset: Be64,
    /// 8: its bytes, key material included.
    pub length: Be64,
}

const _: () = {
    assert!(offset_of!(RawExtension, length) == 4);
    assert!(size_of::<RawExtension>() == 8 && align_of::<RawExtension>() == 1);
    assert!(offset_of!(RawFeatureName, bit) == 1);
    assert!(offset_of!(RawFeatureName, name) == 2);
    assert!(size_of::<RawFeatureName>() == 48 && align_of::<RawFeatureName>() == 1);
    assert!(offset_of!(RawBitmaps, reserved) == 4);
    assert!(offset_of!(RawBitmaps, bitmap_directory_size) == 8);
    assert!(offset_of!(RawBitmaps, bitmap_directory_offset) == 16);
    assert!(size_of::<RawBitmaps>() == 24 && align_of::<RawBitmaps>() == 1);
    assert!(offset_of!(RawLuks, length) == 8);
    assert!(size_of::<RawLuks>() == 16 && align_of::<RawLuks>() == 1);
};
