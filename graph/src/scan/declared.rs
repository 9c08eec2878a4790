//! What references declare their targets to be, and what those hold.

use crate::facts::EdgeKind;
use crate::scan::content::Content;
use crate::scan::edges::{Draft, find};
use crate::scan::printable;
use crate::scan::tables::Tables;

/// Compares what a reference declares with what its target holds. Says whether the chain ends at
/// the target: as plain bytes, or because QEMU would refuse it.
pub(super) fn judge_format(tables: &mut Tables, file: u32, target: u32, draft: &Draft) -> bool {
    let holds_qcow2 = match tables.content(target).1 {
        Content::Image(_) => true,
        Content::Other(found) => {
            // Undeclared, it is what QEMU finds.
            if let (Some(found), None) = (*found, &draft.format) {
                declare(tables, target, found.name().as_bytes());
            }
            false
        }
        Content::Broken(_) | Content::Unreadable(_) | Content::Elsewhere => return false,
    };
    let Some(format) = draft.format.as_deref() else { return false };
    let path = || printable(&tables.file_path(target));
    match (format, holds_qcow2) {
        (b"qcow2", true) | (b"raw" | b"file" | b"host_device", false) => false,
        (b"qcow2", false) => {
            let detail = format!("declares {} as qcow2, and it is not", path());
            find(tables, file, "declared-qcow2-is-not", detail, true);
            tables.files[target as usize].disowned = true;
            false
        }
        (b"raw" | b"file" | b"host_device", true) => {
            if draft.kind == EdgeKind::Backing {
                let detail =
                    format!("declares {} as raw; it holds a qcow2 header, read as data", path());
                find(tables, file, "declared-raw-holds-qcow2", detail, false);
            }
            true
        }
        (other, _) if !OTHER_FORMATS.contains(&other) => {
            let detail = format!("declares an unknown format: {}", printable(other));
            find(tables, file, "unknown-format", detail, true);
            holds_qcow2
        }
        (other, true) => {
            let detail = format!("declares {} as {}; it holds qcow2", path(), printable(other));
            find(tables, file, "declared-format-differs", detail, true);
            true
        }
        (other, false) => {
            declare(tables, target, other);
            false
        }
    }
}

/// Of several declarations the one that may lead on to other disks counts, and else the first in
/// alphabetical order: whoever was met first must not matter.
fn declare(tables: &mut Tables, target: u32, format: &[u8]) {
    let rank = |format: &[u8]| (!may_refer(format), format.to_vec());
    let declared = tables.declared.entry(target).or_insert_with(|| format.into());
    if rank(format) < rank(declared) {
        *declared = format.into();
    }
}

/// Formats of QEMU that are not read here.
const OTHER_FORMATS: &[&[u8]] = &[
    b"vmdk",
    b"qed",
    b"qcow",
    b"vdi",
    b"vhdx",
    b"vpc",
    b"parallels",
    b"luks",
    b"dmg",
    b"bochs",
    b"cloop",
];

/// Those of them that may have a backing file of their own.
const FORMATS_THAT_REFER: &[&[u8]] = &[b"vmdk", b"qed", b"qcow"];

/// Whether an image declared so may need images that nobody here can name.
pub(super) fn may_refer(format: &[u8]) -> bool {
    FORMATS_THAT_REFER.contains(&format)
}
