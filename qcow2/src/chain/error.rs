//! Why a chain can't be read or opened.
#![forbid(unsafe_code)]

use std::boxed::Box;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::string::String;

use core::fmt;

use crate::image::ImageError;
use crate::open::OpenError;
use crate::reference::Rule;

/// Why a chain can't be read: which layer, and what is wrong with it.
#[derive(Debug)]
#[non_exhaustive]
pub struct ChainError {
    /// Which layer; 0 is the top.
    pub depth: usize,
    /// What is wrong.
    pub error: ImageError,
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "layer {}: {}", self.depth, self.error)
    }
}

impl core::error::Error for ChainError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Why a chain was not opened. Paths are as they would have been opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenChainError {
    /// A file that could not be opened.
    #[error("layer {depth}: {}: {error}", shown(path))]
    Open {
        /// Which layer; 0 is the top.
        depth: usize,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: OpenError,
    },
    /// A file that was opened, but is not what it should be.
    #[error("layer {depth}: {}: {error}", shown(path))]
    Image {
        /// Which layer; 0 is the top.
        depth: usize,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: ImageError,
    },
    /// A name that the policy doesn't follow. The same whether or not there is such a file.
    #[error("layer {depth}: what it names is not allowed by the policy: {}", named(name))]
    Refused {
        /// Which layer names it.
        depth: usize,
        /// The name, as stored.
        name: Box<[u8]>,
    },
    /// A name that leads to no file of this host: remote, of a protocol that hides what it opens, or none.
    #[error("layer {depth}: {} ({}) names no file of this host", named(name), rule.code())]
    NoFile {
        /// Which layer names it.
        depth: usize,
        /// The name, as stored.
        name: Box<[u8]>,
        /// How it was classified.
        rule: Rule,
    },
    /// A backing file whose format is not declared, and the policy doesn't probe.
    #[error("layer {depth}: the format of its backing file is not declared")]
    UndeclaredFormat {
        /// Which layer names it.
        depth: usize,
    },
    /// A format that is neither qcow2 nor raw, declared or found.
    #[error("layer {depth}: the format is {format:?}, and only qcow2 and raw are read here")]
    UnsupportedFormat {
        /// Which layer has it, or names the file that is declared to.
        depth: usize,
        /// The format, escaped.
        format: String,
    },
    /// A file that is its own backing file, directly or over others.
    #[error("layer {depth}: {} is layer {first} already: a cycle", shown(path))]
    Cycle {
        /// Which layer; 0 is the top.
        depth: usize,
        /// The file.
        path: PathBuf,
        /// Which layer it is already.
        first: usize,
    },
    /// More layers than the policy allows.
    #[error("more than {max} layers")]
    TooDeep {
        /// How many it allows.
        max: usize,
    },
    /// Another answer of the system.
    #[error("layer {depth}: cannot be asked")]
    Io {
        /// Which layer; 0 is the top.
        depth: usize,
        /// The answer.
        #[source]
        error: io::Error,
    },
}

impl OpenChainError {
    /// A stable word for the kind of error, in kebab-case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Open { error: OpenError::NotFound, .. } => "not-found",
            Self::Open { error: OpenError::NotRegularFile(_), .. } => "not-a-file",
            Self::Open { .. } => "open",
            Self::Image { error, .. } => error.code(),
            Self::Refused { .. } => "refused",
            Self::NoFile { .. } => "no-file",
            Self::UndeclaredFormat { .. } => "undeclared-format",
            Self::UnsupportedFormat { .. } => "unsupported-format",
            Self::Cycle { .. } => "cycle",
            Self::TooDeep { .. } => "too-deep",
            Self::Io { .. } => "io",
        }
    }
}

/// As much of a name as a path can have: that of a data file may be as long as a cluster.
const SHOWN: usize = 4096;

fn named(name: &[u8]) -> String {
    let more = if name.len() > SHOWN { "…" } else { "" };
    std::format!("{}{more}", name.get(..SHOWN).unwrap_or(name).escape_ascii())
}

fn shown(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let more = if bytes.len() > 2 * SHOWN { "…" } else { "" };
    let path = Path::new(OsStr::from_bytes(bytes.get(..2 * SHOWN).unwrap_or(bytes)));
    std::format!("{}{more}", path.display())
}
