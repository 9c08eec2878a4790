//! Paths as bytes.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The system's string of these bytes.
pub(crate) fn os_str(bytes: &[u8]) -> &OsStr {
    OsStr::from_bytes(bytes)
}

/// The path of these bytes, without a copy.
pub(crate) fn boxed_path(bytes: Vec<u8>) -> Box<Path> {
    PathBuf::from(OsString::from_vec(bytes)).into_boxed_path()
}

/// The directory part of a path, and the name in it: what stands before the last slash and behind
/// it. `/` for the first where the slash is the only one, nothing where there is none.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) => (&path[..1], &path[1..]),
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

/// `directory` and `name` with one slash between them.
pub(crate) fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(directory.len() + 1 + name.len());
    path.extend_from_slice(directory);
    if path.last() != Some(&b'/') {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

/// The components of a relative name that a file must end with to be the one meant from *some*
/// directory: everything behind the last `..`.
pub(crate) fn suffix(name: &[u8]) -> Vec<&[u8]> {
    let mut components: Vec<&[u8]> = Vec::new();
    for component in name.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => components.clear(),
            other => components.push(other),
        }
    }
    components
}

/// Whether `path` ends with these components.
pub(crate) fn ends_with(path: &[u8], suffix: &[&[u8]]) -> bool {
    let mut components = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).rev();
    suffix.iter().rev().all(|wanted| components.next() == Some(*wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_split_at_its_last_slash() {
        assert_eq!(split(b"/a/b"), (&b"/a"[..], &b"b"[..]));
        assert_eq!(split(b"/b"), (&b"/"[..], &b"b"[..]));
        assert_eq!(split(b"b"), (&b""[..], &b"b"[..]));
        assert_eq!(join(b"/", b"b"), b"/b");
    }

    #[test]
    fn a_relative_name_is_compared_from_behind() {
        assert_eq!(suffix(b"./a/../b/c"), [b"b", b"c"]);
        assert!(ends_with(b"/x/b/c", &suffix(b"../b/c")));
        assert!(!ends_with(b"/x/ab/c", &suffix(b"b/c")));
        assert!(!ends_with(b"/c", &suffix(b"b/c")));
    }
}
