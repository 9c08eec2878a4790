//! Bytes by which another program takes the file for something else.
#![forbid(unsafe_code)]

use std::format;

use super::bytes::{Stop, peek};
use super::claims::{Claims, Role};
use super::finding::{Severity, Tally};
use crate::foreign::Foreign;
use crate::source::Source;

/// Where a magic stands, counted from the beginning of the file.
const MAGICS: [(u64, &[u8], &str); 11] = [
    (0x8001, b"CD001", "an ISO 9660 file system"),
    (0x8801, b"CD001", "an ISO 9660 file system"),
    (0x9001, b"CD001", "an ISO 9660 file system"),
    (510, &[0x55, 0xaa], "a boot sector with a partition table"),
    (512, b"EFI PART", "a GUID partition table"),
    (512, b"LABELONE", "an LVM physical volume"),
    (257, b"ustar", "a tar archive"),
    (1080, &[0x53, 0xef], "an ext file system"),
    (0x10040, b"_BHRfS_M", "a btrfs file system"),
    (64, &[0x7f, 0x10, 0xda, 0xbe], "a VDI image"),
    (1024, &[0x10, 0x20, 0xf5, 0xf2], "an F2FS file system"),
];

/// The same, counted back from the end.
const TRAILERS: [(u64, &[u8], &str); 3] = [
    (512, b"conectix", "a VHD image"),
    (512, b"koly", "a DMG image"),
    (22, b"PK\x05\x06", "a ZIP archive"),
];

/// Looks for them. In guest data they may well be the guest's own.
pub(super) fn inspect(
    source: &dyn Source,
    len: u64,
    claims: &Claims,
    tally: &mut Tally,
) -> Result<(), Stop> {
    let back = TRAILERS
        .iter()
        .filter_map(|(from_end, magic, what)| Some((len.checked_sub(*from_end)?, *magic, *what)));
    for (at, magic, what) in MAGICS.into_iter().chain(back) {
        if at >= len || peek(source, at, magic.len())? != magic {
            continue;
        }
        let guests = matches!(claims.role(at), Some(Role::Data | Role::Compressed));
        let severity = if guests { Severity::Warning } else { Severity::Danger };
        tally.add("polyglot", severity, || {
            let where_ = if guests { ", in guest data" } else { "" };
            format!("byte {at}: looks like {what}, too{where_}")
        });
    }
    Ok(())
}

/// First bytes of formats that QEMU knows beside qcow2.
const FORMATS: [(&[u8], &str); 12] = [
    (b"KDMV", "VMDK"),
    (b"COWD", "VMDK"),
    (b"# Disk DescriptorFile", "VMDK descriptor"),
    (b"vhdxfile", "VHDX"),
    (b"conectix", "VHD"),
    (b"QED\0", "QED"),
    (b"LUKS\xba\xbe", "LUKS"),
    (b"WithoutFreeSpace", "Parallels"),
    (b"WithouFreSpacExt", "Parallels"),
    (b"Bochs Virtual HD Image", "Bochs"),
    (b"#!/bin/sh\n#V2.0 Format\n", "cloop"),
    (b"QFI\xfb\0\0\0\x01", "qcow (v1)"),
];

/// Which other format of disk images a file begins like.
pub(super) fn other_format(first: &[u8]) -> Option<&'static str> {
    let known = FORMATS.iter().find(|(magic, _)| first.starts_with(magic)).map(|(_, name)| *name);
    let vdi = first.get(64..68) == Some(&[0x7f, 0x10, 0xda, 0xbe]);
    let probed = || Foreign::probe(first).map(Foreign::name);
    known.or(vdi.then_some("VDI")).or_else(probed)
}
