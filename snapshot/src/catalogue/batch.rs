//! What is committed: plain data, all or nothing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Intent, Pin, SnapshotRecord, TrashRecord};
use crate::name::Id;

/// How often a catalogue was changed. The first commit makes revision 1.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Revision(pub u64);

/// Who may commit: the newest fence that was handed out, and no older one.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Fence(pub u64);

/// Which operation. 128 bits of chance, so that pools that were copied from each other don't mix up
/// theirs; 32 hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OpId(pub [u8; 16]);

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<OpId> for String {
    fn from(op: OpId) -> Self {
        op.to_string()
    }
}

/// Text that is no operation's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an operation's id is 32 hexadecimal digits")]
pub struct OpIdError;

impl FromStr for OpId {
    type Err = OpIdError;

    fn from_str(text: &str) -> Result<Self, OpIdError> {
        let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| is_hex).ok_or(OpIdError)?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl TryFrom<String> for OpId {
    type Error = OpIdError;

    fn try_from(text: String) -> Result<Self, OpIdError> {
        text.parse()
    }
}

/// One thing that becomes different. Applied in the order in which they stand in a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
#[non_exhaustive]
pub enum Change {
    /// Ids below this one are given away.
    Advance {
        /// The next id to be given.
        next_id: Id,
    },
    /// An operation begins.
    OpenIntent(Intent),
    /// An operation has ended.
    CloseIntent {
        /// Which one.
        op: OpId,
    },
    /// An operation was undone: none of its steps counts as done any more, so that it can be begun again under
    /// the same id.
    Forget {
        /// Which one.
        op: OpId,
    },
    /// A snapshot appears, or what is recorded of it is replaced.
    PutSnapshot(SnapshotRecord),
    /// A snapshot is no more.
    DropSnapshot {
        /// Which one.
        id: Id,
    },
    /// The files of these snapshots are read-only.
    Sealed {
        /// Which ones.
        ids: Vec<Id>,
    },
    /// A snapshot is pinned: it must not be removed.
    PutPin(Pin),
    /// It is not pinned any more.
    DropPin {
        /// Which snapshot.
        snapshot: Id,
    },
    /// Something lies in the trash.
    PutTrash(TrashRecord),
    /// It does not any more.
    DropTrash {
        /// Which item.
        id: Id,
    },
    /// Whether a person has confirmed what is recorded; a catalogue that was rebuilt is not.
    Confirm {
        /// What could not be rebuilt, as far as that is known; nothing once it is confirmed.
        lost: Vec<String>,
        /// Whether a person has seen it.
        confirmed: bool,
    },
}

/// Changes that happen all or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Batch {
    /// The operation that they belong to.
    pub op: OpId,
    /// Which of the operation's commits this is, counted from 0: with `op` what makes a batch the same
    /// batch when it is committed twice.
    pub step: u32,
    /// The revision that they were made for.
    pub expected: Revision,
    /// The committer's fence.
    pub fence: Fence,
    /// What becomes different.
    pub changes: Vec<Change>,
    /// Bytes of the embedder's that mean nothing here: a store of theirs may commit rows of its own for it
    /// in the same transaction. It comes with the commit that records what the operation did, be that the
    /// operation's own or recovery's; with none, if it is undone. Other stores pass over it.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "opaque")]
    pub tag: Option<Vec<u8>>,
}

/// Bytes in base64.
pub(super) mod opaque {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in crate::catalogue) fn serialize<S: Serializer>(
        tag: &Option<Vec<u8>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        tag.as_ref().map(|bytes| STANDARD.encode(bytes)).serialize(to)
    }

    pub(in crate::catalogue) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| STANDARD.decode(text).map_err(serde::de::Error::custom)).transpose()
    }
}
