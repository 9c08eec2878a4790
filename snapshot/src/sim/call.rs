//! What is asked of a file system, counted and numbered.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::disk::Disk;

/// A call of [`Fs`](crate::fs::Fs) or of one of its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "they are the traits' methods")]
#[non_exhaustive]
pub enum Call {
    Open,
    Create,
    Stat,
    Resolve,
    List,
    Exchange,
    Rename,
    Replace,
    Link,
    Remove,
    CreateDir,
    RemoveDir,
    SyncDir,
    TryLock,
    Read,
    Ask,
    Write,
    SetLen,
    Sync,
    SyncData,
    Attributes,
    SetAttributes,
    SetMode,
    Claim,
}

impl Call {
    /// Whether it may change something: only before one of these is a crash another crash.
    #[must_use]
    pub const fn changes(self) -> bool {
        match self {
            Self::Open
            | Self::Stat
            | Self::Resolve
            | Self::List
            | Self::Read
            | Self::Ask
            | Self::Attributes
            | Self::Claim => false,
            Self::Create
            | Self::Exchange
            | Self::Rename
            | Self::Replace
            | Self::Link
            | Self::Remove
            | Self::CreateDir
            | Self::RemoveDir
            | Self::SyncDir
            | Self::TryLock
            | Self::Write
            | Self::SetLen
            | Self::Sync
            | Self::SyncData
            | Self::SetAttributes
            | Self::SetMode => true,
        }
    }

    /// Whether it forces something out.
    #[must_use]
    pub const fn forces_out(self) -> bool {
        matches!(self, Self::Sync | Self::SyncData | Self::SyncDir)
    }
}

/// A call that was made.
#[derive(Clone, Debug)]
pub struct Step {
    /// Counted from 1.
    pub number: u64,
    /// What was asked.
    pub call: Call,
    /// Of which file.
    pub path: PathBuf,
}

/// The disk as it was before a call.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The call; `None` after the last one.
    pub step: Option<Step>,
    /// The disk before it.
    pub disk: Disk,
}

/// How often what was called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub(super) calls: BTreeMap<Call, u64>,
    /// Bytes written.
    pub written: u64,
}

impl Counts {
    /// How often `call` was made.
    #[must_use]
    pub fn of(&self, call: Call) -> u64 {
        self.calls.get(&call).copied().unwrap_or_default()
    }

    /// How often files or directories were forced out.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.of(Call::Sync) + self.of(Call::SyncData) + self.of(Call::SyncDir)
    }
}
