//! A qcow2 header written by hand, for images that `qemu-img` will not make.
//!
//! From QEMU's docs/interop/qcow2.rst and nothing else; it shares no code with the product.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Bits of the incompatible features.
pub(crate) mod feature {
    pub(crate) const DIRTY: u64 = 1 << 0;
    pub(crate) const CORRUPT: u64 = 1 << 1;
    pub(crate) const DATA_FILE: u64 = 1 << 2;
}

const BACKING_FORMAT: u32 = 0xE279_2ACA;
const DATA_FILE_NAME: u32 = 0x4441_5441;

/// What to write. The result is an empty disk that `qemu-img check` finds clean.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) version: u32,
    pub(crate) cluster_bits: u32,
    pub(crate) size: u64,
    pub(crate) backing: Option<Vec<u8>>,
    pub(crate) backing_format: Option<Vec<u8>>,
    pub(crate) data_file: Option<Vec<u8>>,
    pub(crate) incompatible: u64,
}

impl Image {
    /// A version 3 image of 32 KiB in clusters of 512 bytes, without backing file: 1.5 KiB.
    pub(crate) fn new() -> Image {
        Image {
            version: 3,
            cluster_bits: 9,
            size: 32 << 10,
            backing: None,
            backing_format: None,
            data_file: None,
            incompatible: 0,
        }
    }

    /// An overlay that names its backing file, declared qcow2, in exactly these bytes.
    pub(crate) fn over(backing: impl AsRef<OsStr>) -> Image {
        Image::new().backing(backing, "qcow2")
    }

    /// Names a backing file and its format.
    pub(crate) fn backing(mut self, name: impl AsRef<OsStr>, format: &str) -> Image {
        self.backing = Some(name.as_ref().as_bytes().to_vec());
        self.backing_format = Some(format.as_bytes().to_vec());
        // A long name needs a larger first cluster; 1,023 bytes are the most that QEMU takes.
        if name.as_ref().len() > 300 {
            self.cluster_bits = 12;
        }
        self
    }

    /// Names a backing file and says nothing of its format, as old tools did.
    pub(crate) fn undeclared(backing: impl AsRef<OsStr>) -> Image {
        let mut image = Image::over(backing);
        image.backing_format = None;
        image
    }

    /// Names an external data file.
    pub(crate) fn data_file(mut self, name: impl AsRef<OsStr>) -> Image {
        self.data_file = Some(name.as_ref().as_bytes().to_vec());
        self.incompatible |= feature::DATA_FILE;
        self
    }

    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let cluster = 1_usize << self.cluster_bits;
        let at = |index: usize| u64::try_from(index * cluster).unwrap();
        let l2_reach = at(1) * at(1) / 8;
        let l1_entries = u32::try_from(self.size.div_ceil(l2_reach)).unwrap();
        assert!(l1_entries as usize * 8 <= cluster, "the L1 table of this writer is one cluster");

        let mut file = vec![0; 3 * cluster + l1_entries as usize * 8];
        let mut put = |offset: usize, bytes: &[u8]| {
            file[offset..offset + bytes.len()].copy_from_slice(bytes);
        };
        put(0, b"QFI\xfb");
        put(4, &self.version.to_be_bytes());
        put(20, &self.cluster_bits.to_be_bytes());
        put(24, &self.size.to_be_bytes());
        put(36, &l1_entries.to_be_bytes());
        put(40, &at(3).to_be_bytes());
        put(48, &at(1).to_be_bytes());
        put(56, &1_u32.to_be_bytes());
        let mut end = 72;
        if self.version >= 3 {
            put(72, &self.incompatible.to_be_bytes());
            put(96, &4_u32.to_be_bytes());
            put(100, &104_u32.to_be_bytes());
            end = 104;
        }
        let mut extension = |kind: u32, data: Option<&Vec<u8>>| {
            let Some(data) = data else { return };
            put(end, &kind.to_be_bytes());
            put(end + 4, &u32::try_from(data.len()).unwrap().to_be_bytes());
            put(end + 8, data);
            end += 8 + data.len().next_multiple_of(8);
        };
        extension(BACKING_FORMAT, self.backing_format.as_ref());
        extension(DATA_FILE_NAME, self.data_file.as_ref());
        // The end marker is the eight zeros that are there already.
        let end = end + 8;
        if let Some(name) = &self.backing {
            assert!(end + name.len() <= cluster, "the name does not fit into the first cluster");
            put(end, name);
            put(8, &u64::try_from(end).unwrap().to_be_bytes());
            put(16, &u32::try_from(name.len()).unwrap().to_be_bytes());
        }
        // One refcount block; header, table, block and L1 are in use once each.
        put(cluster, &at(2).to_be_bytes());
        for index in 0..4 {
            put(2 * cluster + 2 * index, &1_u16.to_be_bytes());
        }
        file
    }
}
