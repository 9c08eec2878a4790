//! Why something is not done: every reason, and the way on.

use std::fmt;
use std::path::PathBuf;

use diskdag_graph::Doubt;

/// Everything that stands in the way of an operation, before anything was changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// What is known to stand in the way.
    pub reasons: Vec<Reason>,
    /// What could not be asked and may stand in the way.
    pub doubts: Vec<Doubt>,
}

/// One thing that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reason {
    /// What it is about: the dependent, the image in use, the disk that cannot be a live disk.
    pub path: PathBuf,
    /// Which sort.
    pub kind: ReasonKind,
    /// How many edges a dependent is away; 0 for anything else.
    pub depth: u32,
    /// What a person should know.
    pub detail: String,
    /// What to do about it, if there is something.
    pub advice: Option<String>,
}

/// What sort of thing stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ReasonKind {
    /// A disk needs it.
    Dependent,
    /// Somebody has it open.
    InUse,
    /// A person has pinned it.
    Pinned,
    /// It is a snapshot, and was to be used as a live disk.
    Snapshot,
    /// A virtual machine or another owner names it.
    Owner,
    /// It lies in the trash.
    Trash,
    /// It is frozen: a golden image.
    Frozen,
    /// It does not lie in the pool.
    OutsidePool,
    /// Something has that name already.
    Exists,
    /// A name or a file name breaks a rule.
    Name,
    /// It is a raw disk; an overlay would make it a qcow2 image.
    Raw,
    /// It is neither qcow2 nor raw.
    Format,
    /// It is encrypted: the overlay would hold the guest's data in the clear.
    Encrypted,
    /// Its data lies in an external data file.
    DataFile,
    /// It has several hard links.
    HardLinks,
    /// Its header cannot be read, or its metadata is dirty, corrupt or overlapping.
    Metadata,
    /// A layer below it is missing or cannot be read.
    BrokenChain,
    /// Its chain would have too many layers.
    TooDeep,
    /// It is named twice.
    Twice,
    /// The file system lacks what the operation needs.
    FileSystem,
}

impl ReasonKind {
    /// The word that stands in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dependent => "dependent",
            Self::InUse => "in-use",
            Self::Pinned => "pinned",
            Self::Snapshot => "snapshot",
            Self::Owner => "owner",
            Self::Trash => "trash",
            Self::Frozen => "frozen",
            Self::OutsidePool => "outside-pool",
            Self::Exists => "exists",
            Self::Name => "name",
            Self::Raw => "raw",
            Self::Format => "format",
            Self::Encrypted => "encrypted",
            Self::DataFile => "data-file",
            Self::HardLinks => "hard-links",
            Self::Metadata => "metadata",
            Self::BrokenChain => "broken-chain",
            Self::TooDeep => "too-deep",
            Self::Twice => "twice",
            Self::FileSystem => "file-system",
        }
    }
}

impl Reason {
    /// A reason without a way on.
    pub(crate) fn new(
        path: impl Into<PathBuf>,
        kind: ReasonKind,
        detail: impl Into<String>,
    ) -> Self {
        Self { path: path.into(), kind, depth: 0, detail: detail.into(), advice: None }
    }

    /// The same, and what to do about it.
    #[must_use]
    pub(crate) fn advising(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.detail)
    }
}

impl Refusal {
    /// Nothing stands in the way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reasons.is_empty() && self.doubts.is_empty()
    }

    /// Whether all that stands in the way is that somebody has it open: then trying again may help.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.doubts.is_empty()
            && !self.reasons.is_empty()
            && self.reasons.iter().all(|reason| reason.kind == ReasonKind::InUse)
    }

    /// Whether nothing is known to stand in the way, and only not everything could be asked.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.reasons.is_empty() && !self.doubts.is_empty()
    }

    /// One more reason.
    pub(crate) fn add(&mut self, reason: Reason) {
        self.reasons.push(reason);
    }

    /// All of another one.
    pub(crate) fn merge(&mut self, other: Self) {
        self.reasons.extend(other.reasons);
        for doubt in other.doubts {
            if !self.doubts.contains(&doubt) {
                self.doubts.push(doubt);
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doubts =
            self.doubts.iter().map(|doubt| format!("{}: {}", doubt.path.display(), doubt.reason));
        let all = self.reasons.iter().map(ToString::to_string).chain(doubts);
        f.write_str(&all.collect::<Vec<_>>().join("; "))
    }
}

impl Refusal {
    /// As the error of an operation that has changed nothing.
    pub(crate) fn into_error(self) -> crate::Error {
        crate::ErrorKind::Refused(self).into()
    }
}
