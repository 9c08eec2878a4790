//! From a [`Reference`] to a path, without looking at any file.
#![forbid(unsafe_code)]

use alloc::borrow::Cow;

use super::{JsonReference, Reference};

/// Where a reference leads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target<'a> {
    /// A path.
    Path {
        /// Its bytes. Not normalised: `..` behind a symbolic link is for the system to resolve.
        path: Cow<'a, [u8]>,
        /// What it starts from.
        base: Base,
    },
    /// No file of this host.
    Remote,
    /// It can't be said which files.
    Opaque,
    /// QEMU would refuse it, or ought to.
    Unresolvable,
}

/// What a path starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Base {
    /// The root: certain.
    Absolute,
    /// The directory of the image as it was opened, already put before the path: certain.
    Image,
    /// QEMU's working directory, which nobody knows: the path is left relative, and merely possible.
    WorkingDirectory,
}

impl Reference<'_> {
    /// The path that QEMU would open.
    ///
    /// `image_dir` is everything up to and including the last `/` of the image's path *as it was opened*;
    /// it may be empty. QEMU puts it before a relative name byte for byte; so do we.
    #[must_use]
    pub fn target<'s>(&'s self, image_dir: &[u8]) -> Target<'s> {
        match self {
            Self::Relative(name) => {
                Target::Path { path: Cow::Owned([image_dir, name].concat()), base: Base::Image }
            }
            Self::Absolute(name) => {
                Target::Path { path: Cow::Borrowed(name), base: Base::Absolute }
            }
            Self::DataFile(name) => literal(name),
            Self::File(path) => literal(path),
            Self::Json(JsonReference::File { path, .. }) => literal(path),
            Self::Json(JsonReference::Remote { .. }) | Self::Remote { .. } => Target::Remote,
            Self::Json(JsonReference::Opaque { .. }) | Self::Opaque { .. } => Target::Opaque,
            Self::UnknownProtocol { .. } | Self::Bad { .. } => Target::Unresolvable,
        }
    }
}

fn literal(path: &[u8]) -> Target<'_> {
    let base = if path.starts_with(b"/") { Base::Absolute } else { Base::WorkingDirectory };
    Target::Path { path: Cow::Borrowed(path), base }
}
