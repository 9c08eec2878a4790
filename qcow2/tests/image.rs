//! How the tests make images, and break them.

use diskdag_qcow2::create::{Backing, Create, Layout};

/// Header fields by name: where they lie.
pub mod at {
    pub const VERSION: usize = 4;
    pub const NAME_OFFSET: usize = 8;
    pub const NAME_SIZE: usize = 16;
    pub const CLUSTER_BITS: usize = 20;
    pub const SIZE: usize = 24;
    pub const CRYPT: usize = 32;
    pub const L1_SIZE: usize = 36;
    pub const L1: usize = 40;
    pub const REFCOUNT_TABLE: usize = 48;
    pub const REFCOUNT_CLUSTERS: usize = 56;
    pub const SNAPSHOTS: usize = 60;
    pub const SNAPSHOTS_OFFSET: usize = 64;
    pub const INCOMPATIBLE: usize = 72;
    pub const COMPATIBLE: usize = 80;
    pub const AUTOCLEAR: usize = 88;
    pub const REFCOUNT_ORDER: usize = 96;
    pub const HEADER_LENGTH: usize = 100;
    pub const COMPRESSION: usize = 104;
}

pub const FORMAT: u32 = 0xe279_2aca;
pub const NAMES: u32 = 0x6803_f857;
pub const BITMAPS: u32 = 0x2385_2875;
pub const LUKS: u32 = 0x0537_be77;
pub const DATA_FILE: u32 = 0x4441_5441;

/// The whole file.
pub fn flat(layout: &Layout) -> Vec<u8> {
    let mut file = vec![0; usize::try_from(layout.len).unwrap()];
    for (offset, bytes) in &layout.pieces {
        file[usize::try_from(*offset).unwrap()..][..bytes.len()].copy_from_slice(bytes);
    }
    file
}

pub fn make(options: &Create<'_>) -> Vec<u8> {
    flat(&options.build().unwrap())
}

/// Version 3, 64 KiB clusters, 64 MiB.
pub fn v3() -> Vec<u8> {
    make(&Create { virtual_size: 64 << 20, ..Create::default() })
}

/// Version 2, 64 KiB clusters, 64 MiB.
pub fn v2() -> Vec<u8> {
    make(&Create { version: 2, virtual_size: 64 << 20, ..Create::default() })
}

/// Version 3, over a backing file.
pub fn overlay(name: &[u8], format: Option<&[u8]>) -> Vec<u8> {
    let backing = Some(Backing { name, format });
    make(&Create { virtual_size: 64 << 20, backing, ..Create::default() })
}

/// Version 3 with these extensions (type, length as told, data) behind a header of 112 bytes, and an end
/// marker behind them.
pub fn extended(extensions: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let mut file = v3();
    file[112..65_536].fill(0);
    let mut at = 112;
    for (kind, length, data) in extensions {
        file.put32(at, *kind).put32(at + 4, *length).put(at + 8, data);
        at += 8 + data.len().next_multiple_of(8);
    }
    file
}

/// A stored extension whose length is true.
pub fn ext(kind: u32, data: &[u8]) -> (u32, u32, &[u8]) {
    (kind, u32::try_from(data.len()).unwrap(), data)
}

/// The data of a bitmaps extension.
pub fn bitmaps(count: u32, reserved: u32, size: u64, offset: u64) -> Vec<u8> {
    [&count.to_be_bytes()[..], &reserved.to_be_bytes(), &size.to_be_bytes(), &offset.to_be_bytes()]
        .concat()
}

pub trait Put {
    fn put(&mut self, at: usize, bytes: &[u8]) -> &mut Self;

    fn put32(&mut self, at: usize, value: u32) -> &mut Self {
        self.put(at, &value.to_be_bytes())
    }

    fn put64(&mut self, at: usize, value: u64) -> &mut Self {
        self.put(at, &value.to_be_bytes())
    }
}

impl Put for Vec<u8> {
    fn put(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        self[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }
}

/// Numbers that look random and are the same every time (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    pub fn pick<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }
}
