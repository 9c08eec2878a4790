//! Opening a file that an image names, where the policy allows it.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fs::canonicalize;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use super::Follow;
use crate::open::{OpenError, Opened, open_beneath, open_image};

/// The directory that a relative name is put behind: everything up to and including the path's last `/`.
pub(crate) fn directory(path: &Path) -> &[u8] {
    let bytes = path.as_os_str().as_bytes();
    let end = bytes.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    bytes.get(..end).unwrap_or_default()
}

/// Opens `path`, which an image in `image_dir` names; `None` if the policy doesn't allow it, whether or not
/// there is such a file.
pub(crate) fn open_named(
    path: &Path,
    image_dir: &[u8],
    follow: &Follow,
) -> Option<Result<Opened, OpenError>> {
    match follow {
        Follow::Nothing => None,
        Follow::Anywhere => Some(open_image(path)),
        Follow::Beneath(directories) => {
            let path = anchored(path, image_dir)?;
            directories.iter().find_map(|directory| {
                let directory = canonicalize(directory).ok()?;
                let below = path.strip_prefix(&directory).ok()?;
                open_beneath(&directory, below)
            })
        }
    }
}

/// The path from the root, by real directories as far as the image's own directory goes. What the name adds
/// is left as it is, but for leading `..`: those of a real directory are what they seem.
fn anchored(path: &Path, image_dir: &[u8]) -> Option<PathBuf> {
    let directory = Path::new(OsStr::from_bytes(image_dir));
    let Ok(name) = path.strip_prefix(directory) else {
        return path.is_absolute().then(|| path.to_path_buf());
    };
    if name.is_absolute() {
        return Some(path.to_path_buf());
    }
    let directory = if image_dir.is_empty() { Path::new(".") } else { directory };
    let mut anchored = canonicalize(directory).ok()?;
    let mut leading = true;
    for component in name.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if leading => {
                anchored.pop();
            }
            component => {
                leading = false;
                anchored.push(component);
            }
        }
    }
    Some(anchored)
}
