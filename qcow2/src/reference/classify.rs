//! From a stored name to a [`Reference`].
#![forbid(unsafe_code)]

use alloc::borrow::Cow;

use super::protocol::{Protocol, protocol};
use super::{JsonReference, Reference};

impl<'a> Reference<'a> {
    /// Classifies a backing file's name. Allocates only for `json:`, and for `file:` with a colon behind it.
    ///
    /// ```
    /// use diskdag_qcow2::{Reference, Rule};
    ///
    /// assert_eq!(Reference::classify(b"../base.qcow2").rule(), Rule::Relative);
    /// assert_eq!(Reference::classify(b"./a:b").rule(), Rule::Relative);
    /// assert_eq!(Reference::classify(b"a:b").rule(), Rule::UnknownProtocol);
    /// assert_eq!(Reference::classify(b"nbd://host/disk").rule(), Rule::Remote);
    /// ```
    #[must_use]
    pub fn classify(name: &'a [u8]) -> Self {
        if let Some(bad) = bad(name) {
            return bad;
        }
        if let Some(text) = name.strip_prefix(b"json:") {
            return Self::Json(JsonReference::parse(text));
        }
        let Some((scheme, rest)) = split_protocol(name) else {
            return match name {
                [b'/', ..] => Self::Absolute(name),
                _ => Self::Relative(name),
            };
        };
        match protocol(scheme) {
            Some(Protocol::File) if rest.is_empty() => Self::Bad { why: "an empty path" },
            Some(Protocol::File) if split_protocol(rest).is_some() => {
                Self::File(Cow::Owned([b"./", rest].concat()))
            }
            Some(Protocol::File) => Self::File(Cow::Borrowed(rest)),
            Some(Protocol::Remote) => Self::Remote { scheme },
            Some(Protocol::Opaque) => Self::Opaque { scheme },
            None => Self::UnknownProtocol { scheme },
        }
    }

    /// Classifies an external data file's name. QEMU never looks for a protocol in it, nor for `json:`: it
    /// is the literal name of a file, and if relative, then to QEMU's working directory.
    #[must_use]
    pub fn data_file(name: &'a [u8]) -> Self {
        bad(name).unwrap_or(Self::DataFile(name))
    }
}

fn bad(name: &[u8]) -> Option<Reference<'static>> {
    if name.is_empty() {
        Some(Reference::Bad { why: "an empty name" })
    } else if name.contains(&0) {
        Some(Reference::Bad { why: "holds a NUL byte" })
    } else {
        None
    }
}

/// `path_has_protocol`: the first of `:` and `/` is a colon. What is before it, and what is behind.
fn split_protocol(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = name.iter().position(|byte| matches!(byte, b':' | b'/'))?;
    match name.split_at_checked(at)? {
        (scheme, [b':', rest @ ..]) => Some((scheme, rest)),
        _ => None,
    }
}
