//! The step that puts an overlay in its place, and the way back.

use std::io;
use std::path::{Path, PathBuf};

use crate::catalogue::{OverlayMember, OverlayVerb};
use crate::error::ErrorKind;
use crate::fs::{Fs, give_name};
use crate::name::pending_path;
use crate::pool::Pool;

/// Puts an overlay that is complete and durable in its place, in one step. Afterwards its directory has to be
/// forced out.
///
/// Where the file system cannot exchange names, the live file gets the other name first, by a link that is
/// forced out, and then the overlay replaces it under the live name: the live path is never absent either.
pub(crate) fn publish(
    pool: &Pool,
    verb: OverlayVerb,
    member: &OverlayMember,
) -> Result<(), ErrorKind> {
    let fs = pool.fs();
    let (live, side) = (pool.path(&member.live), pool.path(&member.side));
    if verb == OverlayVerb::Clone {
        return give_name(fs, &side, &live).map_err(|cause| ErrorKind::io("create", live, cause));
    }
    match fs.exchange(&live, &side) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            link_and_replace(fs, member, &live, &side)
        }
        other => other.map_err(|cause| ErrorKind::io("exchange", live, cause)),
    }
}

fn link_and_replace(
    fs: &dyn Fs,
    member: &OverlayMember,
    live: &Path,
    side: &Path,
) -> Result<(), ErrorKind> {
    let waiting = waiting_path(live, member)?;
    give_name(fs, side, &waiting).map_err(|cause| ErrorKind::io("rename", side, cause))?;
    fs.link(live, side).map_err(|cause| ErrorKind::io("link", live, cause))?;
    let dir = directory(live);
    fs.sync_dir(dir).map_err(|cause| ErrorKind::io("sync", dir, cause))?;
    fs.replace(&waiting, live).map_err(|cause| ErrorKind::io("replace", live, cause))
}

/// Where an overlay waits while its name is the live file's second one.
pub(crate) fn waiting_path(live: &Path, member: &OverlayMember) -> Result<PathBuf, ErrorKind> {
    Ok(pending_path(live, member.id)?)
}

/// Undoes [`publish`] of an overlay that nobody has written to: the old file is live again, the overlay lies
/// where it was written. Afterwards the directory has to be forced out.
pub(crate) fn take_back(
    pool: &Pool,
    verb: OverlayVerb,
    member: &OverlayMember,
) -> Result<(), ErrorKind> {
    let fs = pool.fs();
    let (live, side) = (pool.path(&member.live), pool.path(&member.side));
    if verb == OverlayVerb::Clone {
        return match give_name(fs, &live, &side) {
            // It has both names already if a rename made of a link was cut off.
            Err(error)
                if error.kind() == io::ErrorKind::AlreadyExists && is_same(fs, &live, &side)? =>
            {
                fs.remove(&live).map_err(|cause| ErrorKind::io("remove", live, cause))
            }
            other => other.map_err(|cause| ErrorKind::io("rename", live, cause)),
        };
    }
    match fs.exchange(&live, &side) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            // The other way round: the overlay gets a second name, then the old file replaces it.
            let waiting = waiting_path(&live, member)?;
            match fs.link(&live, &waiting) {
                // It has that name already if this was tried before and cut off.
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists
                        && is_same(fs, &live, &waiting)? => {}
                other => other.map_err(|cause| ErrorKind::io("link", &live, cause))?,
            }
            fs.replace(&side, &live).map_err(|cause| ErrorKind::io("replace", live, cause))
        }
        other => other.map_err(|cause| ErrorKind::io("exchange", live, cause)),
    }
}

fn is_same(fs: &dyn Fs, a: &Path, b: &Path) -> Result<bool, ErrorKind> {
    let identity = |path: &Path| {
        let stat = fs.stat(path).map_err(|cause| ErrorKind::io("ask about", path, cause))?;
        Ok::<_, ErrorKind>(stat.identity())
    };
    Ok(identity(a)? == identity(b)?)
}

/// The directory of a path.
pub(crate) fn directory(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}
