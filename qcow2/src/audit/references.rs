//! What an image names, and what the policy says to that.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::format;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::vec::Vec;

use super::finding::{Severity, Tally};
use super::names::{self, SHOWN, shown};
use crate::chain::{Policy, open_named};
use crate::open::{OpenError, Opened};
use crate::reference::{Base, Reference, Rule, Target};

/// A file that an image names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Named {
    /// Which layer names it; 0 is the image itself.
    pub depth: usize,
    /// As what.
    pub kind: NamedKind,
    /// The name as stored, at most its first 4096 bytes: any bytes, so escape it for a person.
    pub name: Vec<u8>,
    /// The format that it is declared to have, as stored.
    pub format: Option<Vec<u8>>,
    /// How the name was classified.
    pub rule: Rule,
    /// The path that QEMU would open, if that can be told; relative if it depends on where QEMU runs. It was
    /// not looked at, unless it is allowed.
    pub resolved: Option<PathBuf>,
    /// Whether the policy allows it. Without it nobody has looked whether there is such a file.
    pub allowed: bool,
}

/// As what an image names a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NamedKind {
    /// The backing file.
    Backing,
    /// The external data file.
    DataFile,
}

impl NamedKind {
    /// A stable word for it, in kebab-case.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Backing => "backing",
            Self::DataFile => "data-file",
        }
    }
}

/// Judges a name that an image in `image_dir` holds, and opens what it leads to if that is allowed.
pub(super) fn judge(
    kind: NamedKind,
    name: &[u8],
    format: Option<&[u8]>,
    image_dir: &[u8],
    policy: &Policy,
    tally: &mut Tally,
) -> (Named, Option<(PathBuf, Opened)>) {
    let reference = match kind {
        NamedKind::Backing => Reference::classify(name),
        NamedKind::DataFile => Reference::data_file(name),
    };
    let what = match kind {
        NamedKind::Backing => "the backing file's name",
        NamedKind::DataFile => "the data file's name",
    };
    names::inspect(tally, what, name, Severity::Danger);
    if let Reference::Json(_) = reference {
        tally.warning("json-reference", || format!("{what} is {}", shown(name)));
    }
    let said = || format!("{what} is {}", shown(name));
    let mut named = Named {
        depth: tally.depth,
        kind,
        name: name.get(..SHOWN).unwrap_or(name).to_vec(),
        format: format.map(<[u8]>::to_vec),
        rule: reference.rule(),
        resolved: None,
        allowed: false,
    };
    let (path, base) = match reference.target(image_dir) {
        Target::Path { path, base } => (Path::new(OsStr::from_bytes(&path)).to_path_buf(), base),
        Target::Remote => {
            tally.danger("remote-reference", said);
            return (named, None);
        }
        Target::Opaque => {
            tally.danger("opaque-reference", said);
            return (named, None);
        }
        Target::Unresolvable => {
            tally.danger("bad-reference", said);
            return (named, None);
        }
    };
    let path = match (base, &policy.working_directory) {
        (Base::WorkingDirectory, Some(directory)) => directory.join(path),
        (Base::WorkingDirectory, None) => {
            tally.danger("working-directory-reference", said);
            named.resolved = cut(&path);
            return (named, None);
        }
        _ => path,
    };
    named.resolved = cut(&path);
    match open_named(&path, image_dir, &policy.follow) {
        None => {
            tally.danger("refused-reference", said);
            (named, None)
        }
        Some(opened) => {
            named.allowed = true;
            let opened = opened.map_err(|error| not_opened(what, &error, tally)).ok();
            (named, opened.map(|opened| (path, opened)))
        }
    }
}

/// The path, unless it is longer than a path can be.
fn cut(path: &Path) -> Option<PathBuf> {
    (path.as_os_str().len() < 2 * SHOWN).then(|| path.to_path_buf())
}

/// What keeps a file from being opened.
pub(super) fn not_opened(what: &str, error: &OpenError, tally: &mut Tally) {
    let (kind, severity) = match error {
        OpenError::NotRegularFile(_) => ("not-a-regular-file", Severity::Danger),
        OpenError::RefusedFilesystem { .. } => ("pseudo-file-system", Severity::Danger),
        OpenError::Replaced => ("changed-during-read", Severity::Unknown),
        OpenError::NotFound => ("missing-reference", Severity::Unknown),
        OpenError::Io(_) => ("unreadable", Severity::Unknown),
    };
    tally.add(kind, severity, || match error {
        OpenError::Io(cause) => format!("{what}: {error}: {cause}"),
        _ => format!("{what}: {error}"),
    });
}
