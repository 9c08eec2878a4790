//! How far an overlay of `create`, `restore` or `clone` came, told from what lies on the disk.

use std::path::{Path, PathBuf};

use super::failed;
use crate::catalogue::{OpId, OverlayMember, OverlayVerb};
use crate::error::ErrorKind;
use crate::fs::{Access, Kind, is_absent, read_up_to};
use crate::marker::Marker;
use crate::overlay::{Place, directory, look, waiting_path};
use crate::pool::Pool;

/// How far one overlay came.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// Nothing of it is there.
    NotBegun,
    /// It lies where it was written, or waits there; the live path is not ours.
    Waiting,
    /// As that, and the live file has the other name as a second one.
    Linked,
    /// It has its place. The old file, if there was one, lies aside.
    Taken {
        /// Nobody has written to it.
        pristine: bool,
        /// Where it is now, if a person has moved it since.
        moved: Option<PathBuf>,
    },
    /// None of these.
    Unexplained(String),
}

/// One overlay and how far it came.
#[derive(Clone)]
pub(super) struct Seen<'m> {
    pub(super) member: &'m OverlayMember,
    pub(super) stage: Stage,
}

/// Looks at the three paths of a member. FORMAT.md has the table.
pub(super) fn stage(
    pool: &Pool,
    op: OpId,
    verb: OverlayVerb,
    member: &OverlayMember,
) -> Result<Stage, ErrorKind> {
    let (live, side) = (pool.path(&member.live), pool.path(&member.side));
    let at = |path: &Path| look(pool.fs(), path, op, member).map_err(failed("look at", path));
    let (at_live, at_side) = (at(&live)?, at(&side)?);
    let pristine = at_live == Place::Pristine;
    if verb == OverlayVerb::Clone {
        return Ok(match (&at_live, &at_side) {
            (live, _) if live.is_overlay() => Stage::Taken { pristine, moved: None },
            (_, Place::Absent) => Stage::NotBegun,
            (_, side) if side.is_nobodys() => Stage::Waiting,
            _ => Stage::Unexplained(format!("{} is not what was written there", side.display())),
        });
    }
    let waiting = waiting_path(&live, member)?;
    let at_waiting = at(&waiting)?;
    Ok(match (&at_live, &at_side, &at_waiting) {
        (live, Place::Other, _) if live.is_overlay() => Stage::Taken { pristine, moved: None },
        (Place::Other | Place::Absent, Place::Absent, Place::Absent) => Stage::NotBegun,
        (Place::Other | Place::Absent, side, Place::Absent) if side.is_nobodys() => Stage::Waiting,
        // A rename made of a link was cut off between its two names.
        (Place::Other | Place::Absent, side, waiting)
            if side.is_nobodys() && waiting.is_nobodys() =>
        {
            Stage::Waiting
        }
        (Place::Other | Place::Absent, Place::Absent, waiting) if waiting.is_nobodys() => {
            Stage::Waiting
        }
        (Place::Other, Place::Other, waiting)
            if (waiting.is_nobodys() || *waiting == Place::Absent)
                && same_file(pool, &live, &side)? =>
        {
            Stage::Linked
        }
        // The overlay never got there; whether `side` is the disk's last name is not known.
        (Place::Absent, Place::Other, waiting) if waiting.is_nobodys() => {
            Stage::Unexplained(format!("is gone; what it was lies at {}", side.display()))
        }
        (Place::Absent, Place::Other, _) => Stage::Taken {
            pristine: false,
            moved: Some(moved_to(pool, op, member)?.unwrap_or_default()),
        },
        (live, Place::Absent, _) if live.is_overlay() => {
            Stage::Unexplained(format!("is an overlay of {}, which is gone", side.display()))
        }
        (Place::Other, Place::Other, _) => match moved_to(pool, op, member)? {
            Some(moved) => Stage::Taken { pristine: false, moved: Some(moved) },
            None => Stage::Unexplained(format!(
                "somebody has put another file there; what it was lies at {}",
                side.display()
            )),
        },
        // Forcing out a file does not promise its name: where the file system keeps no order between the two, the
        // power took back the exchange, and left what a machine had forced out into the overlay.
        (Place::Other, Place::Used, _) => Stage::Unexplained(format!(
            "is the old disk again, and what was written since lies in {}: exchange the two, or take that file \
             away, and recover again",
            side.display()
        )),
        _ => Stage::Unexplained(format!("{} is not what was written there", side.display())),
    })
}

/// Whether two names lead to one file.
pub(super) fn same_file(pool: &Pool, a: &Path, b: &Path) -> Result<bool, ErrorKind> {
    let stat = |path: &Path| pool.fs().stat(path).map_err(failed("ask about", path));
    Ok(stat(a)?.identity() == stat(b)?.identity())
}

/// The file in the same directory that carries the overlay's mark: a live disk that a person has renamed.
fn moved_to(pool: &Pool, op: OpId, member: &OverlayMember) -> Result<Option<PathBuf>, ErrorKind> {
    let live = pool.path(&member.live);
    let dir = directory(&live);
    let marker = Marker { op, id: member.id };
    // A second name that taking back was cut off over is ours, and nobody's disk.
    let waiting = waiting_path(&live, member)?;
    let entries = pool.fs().list(dir).map_err(failed("list", dir))?;
    for entry in entries.iter().filter(|entry| entry.kind == Kind::File) {
        let path = dir.join(&entry.name);
        if path == waiting {
            continue;
        }
        let file = match pool.fs().open(&path, Access::Read) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => continue,
            Err(cause) => return Err(ErrorKind::io("open", path, cause)),
        };
        let len = file.len().map_err(failed("read", &path))?;
        let head = read_up_to(&*file, 0, 4096).map_err(failed("read", &path))?;
        let header = diskdag_qcow2::Header::parse_prefix(&head, len);
        if header.is_ok_and(|header| Marker::of(&header) == Some(marker)) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
