//! What a caller tells the graph about one disk: plain data, no I/O.

use std::borrow::Cow;
use std::path::Path;

use diskdag_qcow2::Foreign;
use diskdag_qcow2::reference::Rule;

use crate::DiskId;

/// What makes two mentions of a disk the same disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A file, by device and inode number as its opened descriptor gave them.
    File {
        /// `st_dev`
        device: u64,
        /// `st_ino`
        inode: u64,
    },
    /// Anything else: the path of a missing file, a remote reference, or whatever an embedder
    /// calls its disks.
    Name(Box<[u8]>),
}

impl Key {
    /// The key of something that is known by a name only.
    pub fn name(name: impl AsRef<[u8]>) -> Self {
        Self::Name(name.as_ref().into())
    }

    /// The same, borrowed.
    pub fn as_ref(&self) -> KeyRef<'_> {
        match self {
            Self::File { device, inode } => KeyRef::File { device: *device, inode: *inode },
            Self::Name(name) => KeyRef::Name(name),
        }
    }
}

/// A [`Key`] as a graph holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyRef<'g> {
    /// A file, by device and inode number.
    File {
        /// `st_dev`
        device: u64,
        /// `st_ino`
        inode: u64,
    },
    /// Anything else, by its name.
    Name(&'g [u8]),
}

impl KeyRef<'_> {
    /// The same, to be kept.
    pub fn to_key(self) -> Key {
        match self {
            Self::File { device, inode } => Key::File { device, inode },
            Self::Name(name) => Key::name(name),
        }
    }
}

impl<'k> From<&'k Key> for KeyRef<'k> {
    fn from(key: &'k Key) -> Self {
        key.as_ref()
    }
}

impl PartialEq<Key> for KeyRef<'_> {
    fn eq(&self, other: &Key) -> bool {
        *self == other.as_ref()
    }
}

/// The format of an image, as its content or the reference to it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Holds a qcow2 header, version 2 or 3.
    Qcow2,
    /// Plain bytes.
    Raw,
    /// Another format that QEMU opens, by its first bytes or by what a reference declares it as. Nothing of it is
    /// read here.
    Foreign(Foreign),
    /// Declared by a reference as something that has no name here.
    Other,
    /// Nobody could tell: missing, unreadable, remote.
    Unknown,
}

impl Format {
    /// The name that QEMU uses, where there is one.
    pub fn name(self) -> &'static str {
        match self {
            Self::Qcow2 => "qcow2",
            Self::Raw => "raw",
            Self::Foreign(format) => format.name(),
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether the thing a node stands for can be used, and if not, why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// A file that was read.
    Ok,
    /// Something refers to it and it is not there. Also what a caller inserts as such: that stays
    /// until it is removed, whether anything needs it or not.
    Missing,
    /// It is there and could not be read, or its header is too broken to say what it names.
    Unreadable,
    /// Not opened, because the caller's policy or the kind of file system forbids it.
    Refused,
    /// Not a file of this host (`nbd://…`).
    Remote,
    /// A reference that cannot be resolved without QEMU (`blkdebug:…`, an elaborate `json:`).
    Opaque,
    /// A directory, FIFO, socket or device.
    NotAFile,
}

impl State {
    /// The word that stands in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
            Self::Refused => "refused",
            Self::Remote => "remote",
            Self::Opaque => "opaque",
            Self::NotAFile => "not-a-file",
        }
    }
}

/// Whether the references given for a disk are all that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DependencyKnowledge {
    /// The list is whole (also when it is empty).
    Complete,
    /// The disk may need others that nobody could name: unreadable, opaque, or in a format that
    /// was not read. It is a doubt about every other disk.
    Unknown,
}

/// Why one disk needs another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EdgeKind {
    /// The overlay reads through to it.
    Backing,
    /// The image keeps its guest data in it.
    DataFile,
}

impl EdgeKind {
    /// The word that stands in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Backing => "backing",
            Self::DataFile => "data-file",
        }
    }
}

/// How sure it is that an edge leads where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Certainty {
    /// QEMU would open this very file.
    Certain,
    /// QEMU would resolve the name from its working directory, which nobody knows: the target is
    /// a file that may be meant. Such an edge blocks a removal and never permits one.
    Possible,
}

/// One edge, from an overlay to what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeFacts {
    /// Backing file or data file.
    pub kind: EdgeKind,
    /// What the overlay needs. A key that the graph does not hold yet becomes a placeholder: a node
    /// of state [`State::Missing`] that somebody may insert under that very key, and that goes by
    /// itself with the last one that needs it.
    pub target: Key,
    /// The reference byte for byte as the image holds it.
    pub name: Box<[u8]>,
    /// The format that the image declares for its target, if it does.
    pub format: Option<Cow<'static, [u8]>>,
    /// The rule by which the name was resolved.
    pub rule: Rule,
    /// Whether the target is surely the one meant.
    pub certainty: Certainty,
    /// The chain ends at the target whatever the target itself refers to: an image declared raw
    /// is read as plain bytes even where it holds a qcow2 header. Where it is not known what the target
    /// needs, that stays a doubt all the same.
    pub ends_chain: bool,
}

impl EdgeFacts {
    /// A certain backing edge without a name of its own, as embedders with their own records
    /// need it.
    pub fn backing(target: Key) -> Self {
        Self {
            kind: EdgeKind::Backing,
            target,
            name: Box::default(),
            format: None,
            rule: Rule::Absolute,
            certainty: Certainty::Certain,
            ends_chain: false,
        }
    }

    /// The same for an external data file.
    pub fn data_file(target: Key) -> Self {
        Self { kind: EdgeKind::DataFile, ..Self::backing(target) }
    }
}

/// Something odd about a disk that does not stop anybody from describing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A stable kebab-case word.
    pub kind: Cow<'static, str>,
    /// What a person should know. Bytes from images are escaped already.
    pub detail: String,
    /// The disk cannot be opened whole because of it: a broken chain.
    pub breaks: bool,
}

/// All that the graph is told about one disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Which disk it is.
    pub key: Key,
    /// Every path that leads to it; the first is the one to show.
    pub paths: Vec<Box<Path>>,
    /// What it is.
    pub format: Format,
    /// Whether it can be used.
    pub state: State,
    /// Why not, if not.
    pub reason: Option<Box<str>>,
    /// Size as the guest sees it, in bytes.
    pub virtual_size: Option<u64>,
    /// Bytes allocated on the host's file system.
    pub actual_size: Option<u64>,
    /// Length of the file in bytes: what whoever reads it as raw data finds, whatever it holds.
    pub length: Option<u64>,
    /// Hard links to the file under none of `paths`: while there is one, deleting the paths gives
    /// nothing back.
    pub unseen_links: u64,
    /// Bytes of `actual_size` that the file system shares with other files, as far as it was asked
    /// ([`crate::scan::Scanned::ask_reflinks`]): they stay when this one goes.
    pub reflinked: u64,
    /// What it needs.
    pub references: Vec<EdgeFacts>,
    /// Whether those references are all.
    pub dependencies: DependencyKnowledge,
    /// What is odd about it.
    pub findings: Vec<Finding>,
    /// It lies in one of the directories that were asked, not only at the end of a reference.
    pub in_scope: bool,
}

impl Facts {
    /// A usable disk of unknown size that needs nothing; fill in what is known.
    pub fn new(key: Key) -> Self {
        Self {
            key,
            paths: Vec::new(),
            format: Format::Unknown,
            state: State::Ok,
            reason: None,
            virtual_size: None,
            actual_size: None,
            length: None,
            unseen_links: 0,
            reflinked: 0,
            references: Vec::new(),
            dependencies: DependencyKnowledge::Complete,
            findings: Vec::new(),
            in_scope: true,
        }
    }

    /// The same disk on top of `target`.
    #[must_use]
    pub fn backed_by(mut self, target: Key) -> Self {
        self.references.push(EdgeFacts::backing(target));
        self
    }

    /// The same disk with one more path.
    #[must_use]
    pub fn at(mut self, path: impl AsRef<Path>) -> Self {
        self.paths.push(path.as_ref().into());
        self
    }

    /// What a reference leads to as long as nobody has said more: not there.
    pub(crate) fn placeholder(key: Key) -> Self {
        Self { state: State::Missing, in_scope: false, ..Self::new(key) }
    }
}

/// One step that changes a graph. See [`crate::Graph::apply`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A disk appears, or what is known of it is replaced: same key, same disk, same id. Who
    /// depends on it stays as it was.
    Insert(Facts),
    /// A disk now needs these and nothing else. A placeholder that is told so becomes a disk like
    /// any other, missing still.
    Repoint {
        /// Which disk.
        disk: DiskId,
        /// All that it needs from now on.
        references: Vec<EdgeFacts>,
    },
    /// A disk is gone. Where others still need it, its node stays under the same id, with its
    /// paths and nothing else, as a placeholder of state [`State::Missing`]: it goes, and the id
    /// with it, when nothing needs it any more. Inserted again until then it is the same disk;
    /// inserted later it is a new one, with a new id.
    Remove(DiskId),
}
