//! Files of ours that are recorded nowhere: overlays that never took their place, and what a purge that was cut off
//! has left in the trash.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use diskdag_qcow2::Header;

use crate::error::{Error, ErrorKind};
use crate::fs::{Access, Fs, Kind, Stat, read_up_to};
use crate::marker::Marker;
use crate::name::FileName;
use crate::operate::gc::stat;
use crate::pool::{FOLDER, Session};

/// One of them.
pub(super) struct Leftover {
    pub(super) path: PathBuf,
    pub(super) stat: Stat,
    /// Why it is garbage.
    pub(super) reason: String,
}

/// Looks through the pool for files that were made here and are recorded nowhere.
pub(super) fn leftovers(session: &Session<'_>) -> Result<Vec<Leftover>, Error> {
    let pool = session.pool;
    let mut found = Vec::new();
    let recorded: BTreeMap<&Path, ()> = session
        .state
        .trash
        .values()
        .map(|record| (&*record.file, ()))
        .chain(session.state.snapshots.values().map(|record| (&*record.file, ())))
        .collect();
    let mut open = vec![pool.top().to_owned()];
    while let Some(dir) = open.pop() {
        let entries = pool.fs().list(&dir).map_err(|cause| ErrorKind::io("list", &dir, cause))?;
        for entry in entries {
            let path = dir.join(&entry.name);
            match entry.kind {
                Kind::Directory if entry.name != FOLDER => open.push(path),
                Kind::File => {
                    let Some(name) = FileName::parse(&entry.name) else { continue };
                    let is_recorded =
                        pool.recorded(&path).is_some_and(|path| recorded.contains_key(&*path));
                    if is_recorded || name.id() >= session.state.next_id {
                        continue;
                    }
                    let Some(stat) = stat(pool.fs(), &path)? else { continue };
                    if let Some(reason) = is_leftover(pool.fs(), &path, &stat, &name)? {
                        found.push(Leftover { path, stat, reason });
                    }
                }
                _ => {}
            }
        }
    }
    Ok(found)
}

/// Why a file of one of our names is garbage, if it is. A snapshot's name alone proves nothing: the file is
/// somebody's disk. An overlay with our mark that names itself as its backing file never was one.
fn is_leftover(
    fs: &dyn Fs,
    path: &Path,
    stat: &Stat,
    name: &FileName,
) -> Result<Option<String>, ErrorKind> {
    if let FileName::Trash { .. } = name {
        return Ok(Some("lies in the trash, and is recorded no more: a purge was cut off".into()));
    }
    let failed = |cause| ErrorKind::io("read", path, cause);
    let file = fs.open(path, Access::Read).map_err(failed)?;
    let head = read_up_to(&*file, 0, 4096).map_err(failed)?;
    let Ok(header) = Header::parse_prefix(&head, stat.len) else {
        // A write that was cut off at its beginning: nothing but zeros.
        let is_empty = stat.len <= 1 << 20
            && read_up_to(&*file, 0, 1 << 20).map_err(failed)?.iter().all(|byte| *byte == 0);
        let pending = matches!(name, FileName::Pending { .. });
        return Ok((is_empty && pending).then(|| "was never written".into()));
    };
    let own_name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let names_itself = header
        .backing_name()
        .is_some_and(|backing| backing.strip_prefix(b"./").unwrap_or(backing) == own_name);
    let is_ours = Marker::of(&header).is_some_and(|marker| marker.id == name.id());
    let never_live = names_itself || matches!(name, FileName::Pending { .. });
    Ok((is_ours && never_live).then(|| "is an overlay that never took its place".into()))
}
