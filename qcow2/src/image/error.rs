//! Why the contents of an image can't be had.
#![forbid(unsafe_code)]

use std::io;

use crate::codec::DecodeFault;
use crate::control::Stop;
use crate::error::Error;
use crate::header::Obstacle;
use crate::open::ReadError;
use crate::units::HostOffset;

/// Why the contents of an image can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The system's answer to a read.
    #[error("cannot be read")]
    Io(#[source] io::Error),
    /// A structure that makes no sense, or that doesn't lie inside the file.
    #[error(transparent)]
    Format(#[from] Error),
    /// Guest data that can't be read, though the image is fine.
    #[error("guest data cannot be read: {0}")]
    Obstacle(Obstacle),
    /// Guest data lies in an external data file, and none was given.
    #[error("guest data lies in an external data file, which is not at hand")]
    NoDataFile,
    /// A compressed cluster that can't be decompressed.
    #[error("the compressed cluster at byte {offset} cannot be decompressed: {fault}")]
    Decode {
        /// Where its compressed bytes begin.
        offset: HostOffset,
        /// What is wrong with them.
        fault: DecodeFault,
    },
    /// The file was cut short, grew or was written to since it was opened, so that what was read may never
    /// have been in it.
    #[error("changed while it was being read")]
    ChangedDuringRead,
    /// The caller's [`Control`](crate::Control) stopped it. There is no partial answer.
    #[error("stopped: {0}")]
    Stopped(#[from] Stop),
    /// There is no snapshot of that id or name.
    #[error("no such internal snapshot")]
    NoSuchSnapshot,
}

impl ImageError {
    /// A stable word for the kind of error, in kebab-case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "io",
            Self::Format(error) => error.code(),
            Self::Obstacle(obstacle) => obstacle.code(),
            Self::NoDataFile => "no-data-file",
            Self::Decode { .. } => "decode",
            Self::ChangedDuringRead => "changed-during-read",
            Self::Stopped(_) => "stopped",
            Self::NoSuchSnapshot => "no-such-snapshot",
        }
    }
}

impl From<io::Error> for ImageError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ReadError> for ImageError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => Self::Io(error),
            ReadError::ChangedDuringRead { .. } => Self::ChangedDuringRead,
            ReadError::Format(error) => Self::Format(error),
        }
    }
}
