//! What may go wrong at a call.

use std::fmt;
use std::io::{self, ErrorKind};

use super::file::Keep;

/// What happens instead of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing, and an error of this kind.
    Error(ErrorKind),
    /// Nothing, and `EIO`.
    Io,
    /// What was asked, and `EIO` all the same.
    DoneAndIo,
    /// A read of fewer bytes than wanted; a write of fewer sectors, but of one at least. Others are done as
    /// they should.
    Short,
    /// `EIO` of forcing out a file: what is kept of its dirty sectors is out, the rest is lost, and none is
    /// dirty any more.
    Lose(Keep),
    /// From now on nothing can be changed: what a file system does that has found itself damaged.
    ReadOnly,
    /// From now on nothing happens at all, and every answer is [`PowerOff`].
    PowerOff,
    /// Nothing, and `Ok`: how a program behaves that forgets the step.
    Skip,
    /// `Ok`, and the step after the next one: how a program behaves that takes the two in another order.
    Defer,
}

/// The answer to every call of whom the power has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PowerOff;

impl fmt::Display for PowerOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the simulated power is off")
    }
}

impl std::error::Error for PowerOff {}

/// `EIO`, which has no kind of its own.
pub(super) fn io_error() -> io::Error {
    io::Error::from_raw_os_error(5)
}

pub(super) fn power_off() -> io::Error {
    io::Error::other(PowerOff)
}
