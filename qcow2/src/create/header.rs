//! The first cluster: header, extensions and backing name, in QEMU's order (`qcow2_update_header`).
#![forbid(unsafe_code)]

use alloc::vec::Vec;

use super::{Create, CreateError};
use crate::format::{
    BACKING_FORMAT_MAX, BACKING_NAME_MAX, Be32, Be64, COMPATIBLE_LAZY_REFCOUNTS,
    COMPRESSION_DEFLATE, COMPRESSION_ZSTD, CRYPT_NONE, EXTENSION_BACKING_FORMAT,
    EXTENSION_DATA_FILE, EXTENSION_END, EXTENSION_FEATURE_NAMES, HEADER_LENGTH_QEMU,
    HEADER_LENGTH_V2, INCOMPATIBLE_COMPRESSION, INCOMPATIBLE_DATA_FILE, INCOMPATIBLE_EXTENDED_L2,
    MAGIC, RawExtension, RawFeatureName, RawHeader, RawHeaderV3,
};
use crate::header::Compression;

/// Where the tables lie, as the header tells it.
pub(super) struct Tables {
    pub(super) l1_size: u32,
    pub(super) l1_table_offset: u64,
    pub(super) refcount_table_offset: u64,
    pub(super) refcount_table_clusters: u32,
}

/// The bytes of the first cluster up to the last that is not zero by nature.
pub(super) fn first_cluster(options: &Create<'_>, tables: &Tables) -> Result<Vec<u8>, CreateError> {
    check_names(options)?;
    let area = extensions(options)?;
    let v3 = options.version >= 3;
    let length = if v3 { HEADER_LENGTH_QEMU } else { HEADER_LENGTH_V2 };
    let name_at = u64::from(length) + area.len() as u64;
    let name = options.backing.map_or(&b""[..], |backing| backing.name);
    let (need, max) = (name_at + name.len() as u64, options.cluster_bits.size());
    if need > max {
        return Err(CreateError::DoesNotFit { need, max });
    }
    let v2 = RawHeader {
        magic: Be32::new(MAGIC),
        version: Be32::new(options.version),
        backing_file_offset: Be64::new(if name.is_empty() { 0 } else { name_at }),
        backing_file_size: Be32::new(u32::try_from(name.len()).unwrap_or(u32::MAX)),
        cluster_bits: Be32::new(options.cluster_bits.get()),
        size: Be64::new(options.virtual_size),
        crypt_method: Be32::new(CRYPT_NONE),
        l1_size: Be32::new(tables.l1_size),
        l1_table_offset: Be64::new(tables.l1_table_offset),
        refcount_table_offset: Be64::new(tables.refcount_table_offset),
        refcount_table_clusters: Be32::new(tables.refcount_table_clusters),
        nb_snapshots: Be32::new(0),
        snapshots_offset: Be64::new(0),
    };
    let mut bytes = Vec::new();
    if v3 {
        bytes.extend_from_slice(bytemuck::bytes_of(&v3_header(options, v2)));
        bytes.extend_from_slice(&[compression(options), 0, 0, 0, 0, 0, 0, 0]);
    } else {
        bytes.extend_from_slice(bytemuck::bytes_of(&v2));
    }
    bytes.extend_from_slice(&area);
    bytes.extend_from_slice(name);
    Ok(bytes)
}

fn v3_header(options: &Create<'_>, v2: RawHeader) -> RawHeaderV3 {
    let bit = |set: bool, bit: u64| if set { bit } else { 0 };
    let incompatible = bit(options.data_file.is_some(), INCOMPATIBLE_DATA_FILE)
        | bit(options.extended_l2, INCOMPATIBLE_EXTENDED_L2)
        | bit(compression(options) != COMPRESSION_DEFLATE, INCOMPATIBLE_COMPRESSION);
    RawHeaderV3 {
        v2,
        incompatible_features: Be64::new(incompatible),
        compatible_features: Be64::new(bit(options.lazy_refcounts, COMPATIBLE_LAZY_REFCOUNTS)),
        autoclear_features: Be64::new(0),
        refcount_order: Be32::new(options.refcount_order.into()),
        header_length: Be32::new(HEADER_LENGTH_QEMU),
    }
}

const fn compression(options: &Create<'_>) -> u8 {
    match options.compression {
        Compression::Deflate => COMPRESSION_DEFLATE,
        Compression::Zstd => COMPRESSION_ZSTD,
    }
}

fn check_names(options: &Create<'_>) -> Result<(), CreateError> {
    let check = |field, name: &[u8], max: u32| {
        let why = if name.is_empty() {
            "is empty"
        } else if name.contains(&0) {
            "holds a NUL byte"
        } else if name.len() as u64 > u64::from(max) {
            "is too long"
        } else {
            return Ok(());
        };
        Err(CreateError::BadName { field, why })
    };
    if let Some(backing) = options.backing {
        check("backing name", backing.name, BACKING_NAME_MAX)?;
        if let Some(format) = backing.format {
            check("backing format", format, BACKING_FORMAT_MAX)?;
        }
    }
    options.data_file.map_or(Ok(()), |name| check("data file name", name, u32::MAX))
}

fn extensions(options: &Create<'_>) -> Result<Vec<u8>, CreateError> {
    let mut area = Vec::new();
    if let Some(format) = options.backing.and_then(|backing| backing.format) {
        push(&mut area, options, EXTENSION_BACKING_FORMAT, format)?;
    }
    if let Some(name) = options.data_file {
        push(&mut area, options, EXTENSION_DATA_FILE, name)?;
    }
    // As QEMU: where clusters are small the space is left to the backing file's name.
    if options.version >= 3 && options.cluster_bits.size() > 4096 {
        push(&mut area, options, EXTENSION_FEATURE_NAMES, bytemuck::cast_slice(&feature_names()))?;
    }
    for (kind, data) in options.extensions {
        push(&mut area, options, *kind, data)?;
    }
    push(&mut area, options, EXTENSION_END, b"")?;
    Ok(area)
}

fn push(
    area: &mut Vec<u8>,
    options: &Create<'_>,
    kind: u32,
    data: &[u8],
) -> Result<(), CreateError> {
    let length = u32::try_from(data.len()).map_err(|_| CreateError::DoesNotFit {
        need: data.len() as u64,
        max: options.cluster_bits.size(),
    })?;
    let head = RawExtension { kind: Be32::new(kind), length: Be32::new(length) };
    area.extend_from_slice(bytemuck::bytes_of(&head));
    area.extend_from_slice(data);
    area.resize(area.len().next_multiple_of(8), 0);
    Ok(())
}

/// The names that the specification gives, so that a reader that knows less can tell what it doesn't know.
fn feature_names() -> [RawFeatureName; 8] {
    [
        (0, 0, "dirty bit"),
        (0, 1, "corrupt bit"),
        (0, 2, "external data file"),
        (0, 3, "compression type"),
        (0, 4, "extended L2 entries"),
        (1, 0, "lazy refcounts"),
        (2, 0, "bitmaps"),
        (2, 1, "raw external data"),
    ]
    .map(|(kind, bit, text)| {
        let mut name = [0; 46];
        for (to, from) in name.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        RawFeatureName { kind, bit, name }
    })
}
