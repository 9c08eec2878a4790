//! Reading answers, and comparing the files that they name.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use serde_json::Value;

/// Which file a path leads to: paths may be spelled in many ways, files are what they are.
pub(crate) type Identity = (u64, u64);

/// The file that a path leads to, through links.
#[track_caller]
pub(crate) fn identity(path: impl AsRef<Path>) -> Identity {
    let path = path.as_ref();
    let found = path.metadata().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (found.dev(), found.ino())
}

/// The files that paths lead to.
#[track_caller]
pub(crate) fn identities<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> BTreeSet<Identity> {
    paths.into_iter().map(identity).collect()
}

/// The entries of a list.
#[track_caller]
pub(crate) fn items<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("{key} is not a list in {value}"))
}

/// A string of an object.
#[track_caller]
pub(crate) fn text_of<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} is not a string in {value}"))
}

/// The path of an entry: `path-bytes` is the truth where it stands.
#[track_caller]
pub(crate) fn path_of(value: &Value) -> PathBuf {
    if let Some(encoded) = value["path-bytes"].as_str() {
        let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap();
        return OsString::from_vec(bytes).into();
    }
    text_of(value, "path").into()
}

/// The paths of a list's entries.
#[track_caller]
pub(crate) fn paths_of(value: &Value, key: &str) -> Vec<PathBuf> {
    items(value, key).iter().map(path_of).collect()
}
