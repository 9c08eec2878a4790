//! Formats of disk images that QEMU opens and nobody here does: they are told from raw disks, and nothing else.
#![forbid(unsafe_code)]

/// A format of disk images that is not read here. Some of them name other files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Foreign {
    /// QEMU's first, with a backing file of its own kind.
    Qcow,
    /// QEMU's enhanced disk.
    Qed,
    /// VirtualBox's.
    Vdi,
    /// VMware's: an image, or a text that names the files that hold it.
    Vmdk,
    /// Hyper-V's.
    Vhdx,
    /// Virtual PC's, also called VHD. One of fixed size begins like a raw disk.
    Vpc,
    /// Parallels'.
    Parallels,
    /// Bochs's.
    Bochs,
    /// A compressed loop device's.
    Cloop,
    /// A LUKS volume without qcow2 around it.
    Luks,
}

const BOCHS: [(usize, &[u8]); 3] =
    [(0, b"Bochs Virtual HD Image\0"), (32, b"Redolog\0"), (48, b"Growing\0")];
const CLOOP: &[u8] =
    b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n";

impl Foreign {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Qcow,
        Self::Qed,
        Self::Vdi,
        Self::Vmdk,
        Self::Vhdx,
        Self::Vpc,
        Self::Parallels,
        Self::Bochs,
        Self::Cloop,
        Self::Luks,
    ];

    /// How many bytes QEMU looks at.
    pub const PROBED: usize = 512;

    /// QEMU's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Qcow => "qcow",
            Self::Qed => "qed",
            Self::Vdi => "vdi",
            Self::Vmdk => "vmdk",
            Self::Vhdx => "vhdx",
            Self::Vpc => "vpc",
            Self::Parallels => "parallels",
            Self::Bochs => "bochs",
            Self::Cloop => "cloop",
            Self::Luks => "luks",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name().as_bytes() == name)
    }

    /// What QEMU takes a file for whose first bytes are these, where it takes it neither for qcow2 nor for raw.
    ///
    /// Bytes beyond [`PROBED`](Self::PROBED) don't matter; those that are missing count as zeros.
    #[must_use]
    pub fn probe(first: &[u8]) -> Option<Self> {
        let first = first.get(..Self::PROBED).unwrap_or(first);
        let has =
            |at: usize, magic: &[u8]| first.get(at..).is_some_and(|bytes| bytes.starts_with(magic));
        let format = match () {
            () if has(0, b"QFI\xfb\0\0\0\x01") => Self::Qcow,
            () if has(0, b"QED\0") => Self::Qed,
            () if has(64, &[0x7f, 0x10, 0xda, 0xbe]) => Self::Vdi,
            () if has(0, b"KDMV") || has(0, b"COWD") || is_vmdk_text(first) => Self::Vmdk,
            () if has(0, b"vhdxfile") => Self::Vhdx,
            () if has(0, b"conectix") => Self::Vpc,
            () if (has(0, b"WithoutFreeSpace") || has(0, b"WithouFreSpacExt"))
                && has(16, &[2, 0, 0, 0]) =>
            {
                Self::Parallels
            }
            () if BOCHS.iter().all(|(at, text)| has(*at, text))
                && (has(64, &[0, 0, 1, 0]) || has(64, &[0, 0, 2, 0])) =>
            {
                Self::Bochs
            }
            () if has(0, CLOOP) => Self::Cloop,
            () if has(0, b"LUKS\xba\xbe\0\x01") => Self::Luks,
            () => return None,
        };
        Some(format)
    }
}

/// Whether a text begins with comments and empty lines, and then a line that tells its version.
fn is_vmdk_text(mut text: &[u8]) -> bool {
    loop {
        let (line, rest) = match text.iter().position(|byte| *byte == b'\n') {
            Some(end) => text.split_at(end + 1),
            None => return false,
        };
        if !line.starts_with(b"#") {
            let line = line.trim_ascii_end();
            if !line.iter().all(|byte| *byte == b' ') {
                return matches!(line, b"version=1" | b"version=2" | b"version=3");
            }
        }
        text = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::Foreign;

    #[test]
    fn a_vmdk_text_is_known_by_its_version() {
        let is = |text: &[u8]| Foreign::probe(text) == Some(Foreign::Vmdk);
        assert!(is(b"# Disk DescriptorFile\nversion=1\nCID=0\n"));
        assert!(is(b"#\r\n  \n#x\nversion=3\r\n"));
        assert!(!is(b"# Disk DescriptorFile\nversion=4\n"));
        assert!(!is(b"# Disk DescriptorFile\nCID=0\nversion=1\n"));
        assert!(!is(b"# no end"));
        assert!(!is(b""));
    }

    #[test]
    fn a_name_is_its_own() {
        for format in Foreign::ALL {
            assert_eq!(Foreign::named(format.name().as_bytes()), Some(format));
        }
        assert_eq!(Foreign::named(b"qcow2"), None);
    }
}
