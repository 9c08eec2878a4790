//! Another backing file's name for an overlay, in one step that no crash tears.
//!
//! QEMU rewrites the whole first cluster in place for that. Here the new name goes where nothing points to and
//! is forced out; then one write inside of the first sector, which holds the name's place and length, switches
//! over, and is forced out too. Whatever a crash leaves names the old backing file or the new one.

use std::io;
use std::path::{Path, PathBuf};

use diskdag_qcow2::format::BACKING_NAME_MAX;
use diskdag_qcow2::{FindingKind, Header};

use crate::disk::head;
use crate::fs::{Access, Claim, Fs, FsFile, write_all};

/// Why an overlay was not re-pointed. Nothing was changed, unless it says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepointError {
    /// It cannot be opened, read or written to. Before the switch that changes nothing.
    #[error("cannot {doing} '{}'", path.display())]
    Io {
        /// The step.
        doing: &'static str,
        /// The overlay.
        path: PathBuf,
        /// What the system answered.
        #[source]
        cause: io::Error,
    },
    /// The switch was written, and whether it got there is not known.
    #[error("whether '{}' names its new backing file is not known", path.display())]
    Undecided {
        /// The overlay.
        path: PathBuf,
        /// What the system answered.
        #[source]
        cause: io::Error,
    },
    /// It is no qcow2 image, or one that may not be written to.
    #[error("'{}' {what}", path.display())]
    Unfit {
        /// The overlay.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// Somebody has it open.
    #[error("'{}' is in use by {by}", path.display())]
    InUse {
        /// The overlay.
        path: PathBuf,
        /// Who.
        by: String,
    },
    /// The name is empty, longer than 1023 bytes, or holds a NUL.
    #[error("no image can name a backing file so: {why}")]
    BadName {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The first cluster has no room for it beside the old one.
    #[error("'{}' has no room for {need} bytes beside the old name", path.display())]
    NoRoom {
        /// The overlay.
        path: PathBuf,
        /// The new name's length.
        need: usize,
    },
}

/// The place and the length of the backing file's name, in the header.
const POINTER: u64 = 8;
/// The autoclear features, in the same sector.
const AUTOCLEAR: u64 = 88;

/// Makes the overlay at `path` name another backing file, of the same format. Whether what it reads stays the same
/// is the caller's to know. Durable when it returns `Ok`: two forced writes.
///
/// # Errors
///
/// [`RepointError`], by kind.
pub fn repoint(fs: &dyn Fs, path: &Path, name: &[u8]) -> Result<(), RepointError> {
    let why = match name {
        [] => Some("it is empty"),
        _ if name.contains(&0) => Some("it holds a NUL"),
        _ if name.len() as u64 > u64::from(BACKING_NAME_MAX) => {
            Some("it is longer than 1023 bytes")
        }
        _ => None,
    };
    if let Some(why) = why {
        return Err(RepointError::BadName { why });
    }
    let failed = |doing| move |cause| RepointError::Io { doing, path: path.to_owned(), cause };
    let file = fs.open(path, Access::Write).map_err(failed("open"))?;
    if let Claim::InUse { by } = file.claim().map_err(failed("lock"))? {
        return Err(RepointError::InUse { path: path.to_owned(), by });
    }
    let switch = prepare(&*file, path, name)?;
    write_all(&*file, switch.name_at, name).map_err(failed("write to"))?;
    file.sync_data().map_err(failed("sync"))?;
    write_all(&*file, POINTER, &switch.bytes).map_err(failed("write to"))?;
    file.sync_data().map_err(|cause| RepointError::Undecided { path: path.to_owned(), cause })
}

/// Where the name goes, and what makes it the name.
struct Switch {
    name_at: u64,
    /// From [`POINTER`] on.
    bytes: Vec<u8>,
}

fn prepare(file: &dyn FsFile, path: &Path, name: &[u8]) -> Result<Switch, RepointError> {
    let failed = |cause| RepointError::Io { doing: "read", path: path.to_owned(), cause };
    let unfit = |what: String| RepointError::Unfit { path: path.to_owned(), what };
    let len = file.len().map_err(failed)?;
    // The old name is in it, and so is all that lies before that.
    let bytes = head(file, len).map_err(failed)?;
    let header = Header::parse_prefix(&bytes, len).map_err(|error| unfit(error.to_string()))?;
    if header.backing_name().is_none() {
        return Err(unfit("has no backing file".into()));
    }
    if header.features().unknown_incompatible() != 0 {
        return Err(unfit("needs features that are not known here".into()));
    }
    let harmful = |kind: FindingKind| matches!(kind, FindingKind::Corrupt | FindingKind::Overlap);
    if let Some(finding) = header.findings(len).find(|finding| harmful(finding.kind)) {
        return Err(unfit(format!("must not be written to: {}", finding.kind.code())));
    }
    let raw = header.raw();
    let old_at = raw.backing_file_offset.get();
    let old_end = old_at + u64::from(raw.backing_file_size.get());
    let no_room = || RepointError::NoRoom { path: path.to_owned(), need: name.len() };
    // With the name further back the list of extensions has to end by itself.
    let list_end = list_end(&header, &bytes).filter(|end| *end <= old_at).ok_or_else(no_room)?;
    let need = name.len() as u64;
    let behind = old_end.next_multiple_of(8);
    // In front of the old one if there is room, so that names that follow each other don't wander off.
    let name_at = if list_end + need <= old_at {
        list_end
    } else if behind + need <= header.cluster_size() {
        behind
    } else {
        return Err(no_room());
    };
    let mut switch = name_at.to_be_bytes().to_vec();
    switch.extend_from_slice(&u32::try_from(need).unwrap_or(u32::MAX).to_be_bytes());
    // A writer clears the autoclear features that it doesn't know; bitmaps and raw data files stay true.
    const KNOWN: u64 = 0b11;
    if let Some(v3) = header.raw_v3()
        && v3.autoclear_features.get() & !KNOWN != 0
    {
        let between =
            usize::try_from(POINTER + 12).unwrap_or(0)..usize::try_from(AUTOCLEAR).unwrap_or(0);
        switch.extend_from_slice(bytes.get(between).unwrap_or_default());
        switch.extend_from_slice(&(v3.autoclear_features.get() & KNOWN).to_be_bytes());
    }
    Ok(Switch { name_at, bytes: switch })
}

/// Where the list of extensions ends, its end marker included; `None` if it has none.
fn list_end(header: &Header<'_>, bytes: &[u8]) -> Option<u64> {
    let after = |extension: diskdag_qcow2::Extension<'_>| {
        extension.offset + (extension.data.len() as u64).next_multiple_of(8)
    };
    let marker = header.extensions().last().map_or(u64::from(header.header_length()), after);
    let from = usize::try_from(marker).ok()?;
    // Its type; its length is of no meaning, and nobody writes another than 0.
    let is_marker = bytes.get(from..from + 8)?.iter().all(|byte| *byte == 0);
    is_marker.then_some(marker + 8)
}
