//! Why there is no answer.
#![forbid(unsafe_code)]

use crate::control::Stop;
use crate::open::ReadError;

/// Why an image could not be checked. Damage is no error: it is in the report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The file cannot be read, changed under us, or its header makes no sense.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The caller's [`Control`](crate::Control) stopped it. There is no partial answer.
    #[error("the check was stopped: {0}")]
    Stopped(#[from] Stop),
    /// The image uses features that nobody here knows: these incompatible bits. What its tables mean is
    /// not known either; QEMU doesn't open it.
    #[error("uses incompatible features that are not known here: bits {0:#x}")]
    Unsupported(u64),
}
