//! `json:` names: the options of a block device, and the one file that they lead to, if there is one.
#![forbid(unsafe_code)]

use alloc::vec::Vec;

use super::grammar::{self, Value};
use super::protocol::{Driver, driver};

/// What a `json:` name leads to.
///
/// Anything but a plain chain of drivers down to one file is opaque, and counts as "may be any file".
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonReference {
    /// One file of this host.
    File {
        /// Its path, taken literally (never a protocol); if relative, then to QEMU's working directory.
        path: Vec<u8>,
        /// The driver that decodes the file, if one is named. QEMU lets a format that the header declares
        /// win over this one.
        format: Option<Vec<u8>>,
    },
    /// No file of this host.
    Remote {
        /// The driver that says so.
        driver: Vec<u8>,
    },
    /// It can't be said which files.
    Opaque {
        /// Why not.
        why: &'static str,
    },
}

/// No real stack of drivers is deeper.
const LAYERS_MAX: usize = 16;

impl JsonReference {
    /// Takes apart what follows `json:`.
    ///
    /// Options may be nested or dotted (`{"file":{"driver":"file"}}`, `{"file.driver":"file"}`). Format
    /// drivers and filters (throttle, copy-on-read, raw, …) are followed through their child `file`. Opaque
    /// are: text that doesn't parse, a key that is there twice, references to nodes by name, other children
    /// than `file` (`backing` and `data-file` override what the header says), and drivers with several
    /// children or none that we know.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let Some(members) = grammar::object(text) else {
            return opaque("not an object in QEMU's dialect of JSON, or nested too deep");
        };
        match Options::flatten(members) {
            Some(options) => options.follow(),
            None => opaque("an option is there twice"),
        }
    }
}

const fn opaque(why: &'static str) -> JsonReference {
    JsonReference::Opaque { why }
}

/// All options under their dotted names, sorted; `None` for what is not a string.
struct Options(Vec<(Vec<u8>, Option<Vec<u8>>)>);

impl Options {
    /// `None` if an option is there twice, in the same spelling or in the other.
    fn flatten(members: Vec<(Vec<u8>, Value)>) -> Option<Self> {
        let mut flat = Vec::new();
        let mut pending = members;
        while let Some((name, value)) = pending.pop() {
            match value {
                Value::Object(members) if !members.is_empty() => {
                    pending.extend(
                        members
                            .into_iter()
                            .map(|(key, value)| ([&name[..], b".", &key].concat(), value)),
                    );
                }
                Value::String(text) => flat.push((name, Some(text))),
                Value::Object(_) | Value::Array | Value::Scalar => flat.push((name, None)),
            }
        }
        flat.sort_unstable();
        let twice = flat.windows(2).any(|two| matches!(two, [a, b] if a.0 == b.0));
        (!twice).then_some(Self(flat))
    }

    /// The options of one layer, without their prefix.
    fn layer<'o>(&'o self, prefix: &[u8]) -> impl Iterator<Item = (&'o [u8], Option<&'o [u8]>)> {
        self.0
            .iter()
            .filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_deref())))
    }

    fn string(&self, prefix: &[u8], name: &[u8]) -> Option<&[u8]> {
        self.layer(prefix).find(|(found, _)| *found == name)?.1
    }

    fn has(&self, prefix: &[u8], name: &[u8]) -> bool {
        self.layer(prefix).any(|(found, _)| found == name)
    }

    fn follow(&self) -> JsonReference {
        let mut prefix = Vec::new();
        let mut format = Format::default();
        for _ in 0..LAYERS_MAX {
            if self.has(&prefix, b"driver") && self.string(&prefix, b"driver").is_none() {
                return opaque("the driver is not a string");
            }
            let name = self.string(&prefix, b"driver");
            let role = match name {
                Some(name) => driver(name),
                // The outermost layer is probed, any other is a file if there is a file name.
                None if prefix.is_empty() && !self.has(b"", b"filename") => Driver::Filter,
                None if prefix.is_empty() => return opaque("a file name without a driver"),
                None => Driver::File,
            };
            match (role, name) {
                (Driver::File, _) => return self.file(&prefix, format),
                (Driver::Remote, Some(name)) => {
                    return JsonReference::Remote { driver: name.to_vec() };
                }
                (Driver::Opaque, _) | (Driver::Remote, None) => {
                    return opaque("a driver that may open other files");
                }
                (Driver::Raw, _) => {
                    let window = self.has(&prefix, b"offset") || self.has(&prefix, b"size");
                    if window && format.decoded {
                        return opaque("a format inside of a window of a file");
                    }
                    if format.name.is_none() {
                        format.name = name.map(<[u8]>::to_vec);
                    }
                }
                (Driver::Format, _) => {
                    if format.decoded {
                        return opaque("a format inside of a format");
                    }
                    format = Format { name: name.map(<[u8]>::to_vec), decoded: true };
                }
                (Driver::Filter, _) => {}
            }
            if let Some(why) = self.other_children(&prefix) {
                return opaque(why);
            }
            prefix.extend_from_slice(b"file.");
        }
        opaque("too many layers")
    }

    fn file(&self, prefix: &[u8], format: Format) -> JsonReference {
        match self.string(prefix, b"filename") {
            Some(path) if !path.is_empty() && !path.contains(&0) => {
                JsonReference::File { path: path.to_vec(), format: format.name }
            }
            _ => opaque("no usable file name"),
        }
    }

    /// Whether a layer has other children than `file`, or that one by a node's name.
    fn other_children(&self, prefix: &[u8]) -> Option<&'static str> {
        self.layer(prefix).find_map(|(name, _)| {
            let dot = name.iter().position(|byte| *byte == b'.');
            let (child, nested) = match dot {
                Some(at) => (name.get(..at).unwrap_or(name), true),
                None => (name, false),
            };
            match (child, nested) {
                (b"file", false) => Some("the child is a node's name"),
                (b"backing" | b"data-file" | b"header", _) => Some("overrides a file of the image"),
                (
                    b"file" | b"cache" | b"encrypt" | b"overlap-check" | b"cache-clean-interval",
                    _,
                )
                | (_, false) => None,
                _ => Some("a child other than the file"),
            }
        })
    }
}

#[derive(Default)]
struct Format {
    name: Option<Vec<u8>>,
    /// By a driver other than raw.
    decoded: bool,
}
