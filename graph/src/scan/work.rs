//! Pieces of work for the [`crate::scan::crew`], and what comes of them.

use std::collections::HashSet;
use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::doubt::{Doubt, Skipped};
use crate::scan::control::Counts;
use crate::scan::names::Names;
use crate::scan::part::{Entry, Part};
use crate::scan::paths::os_str;
use crate::scan::question::{Answer, Question};
use crate::scan::record::{Brought, Folder};
use crate::sys::Directory;

/// Where a directory was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Parent {
    /// Nothing for a root.
    pub(super) device: Option<u64>,
    /// On a network file system, which was then named as a root.
    pub(super) is_remote: bool,
    /// Through a symbolic link.
    pub(super) is_link: bool,
}

/// A piece of work for one worker.
pub(super) enum Work {
    Directory {
        path: PathBuf,
        parent: Parent,
    },
    /// Names of which nothing is known, or so much that it has to be looked at one by one.
    Names(Batch<Names>),
    /// Entries as an earlier scan left them, in a directory that has not changed.
    Known(Batch<Arc<Part>>),
    /// A watched directory of which all else is known.
    Revisit(Revisit),
    Question(Question),
}

/// What has to be looked at again in a directory that is watched.
pub(super) struct Revisit {
    pub(super) folder: Folder,
    /// The names that were told of.
    pub(super) names: HashSet<Vec<u8>>,
    /// Those of them that were directories in it, and which ones.
    pub(super) below: Vec<(Vec<u8>, (u64, u64))>,
    /// The parts that those are in.
    pub(super) parts: Vec<Arc<Part>>,
}

/// What came of it.
pub(super) struct Revisited {
    pub(super) identity: (u64, u64),
    /// The names that were told of, but for those of directories that are there still.
    pub(super) told: HashSet<Vec<u8>>,
    /// Directories in it that were not there before, or were others, each with a NUL.
    pub(super) folders: Vec<u8>,
    /// Names of directories that are there no more, or not under these names.
    pub(super) gone: Vec<Vec<u8>>,
    /// Parts that are no more.
    pub(super) before: Vec<Arc<Part>>,
    /// What there is in their place.
    pub(super) now: Vec<Arc<Part>>,
}

/// Some of the entries of a directory.
pub(super) struct Batch<T> {
    pub(super) at: Arc<Place>,
    /// Which part of the directory this is.
    pub(super) number: u32,
    pub(super) entries: T,
}

/// An opened directory on its way to be a [`Folder`].
pub(super) struct Place {
    /// The system has told of no change in it: what it would tell of need not be asked.
    pub(super) is_trusted: bool,
    pub(super) directory: Directory,
    pub(super) path: Arc<Path>,
    pub(super) is_remote: bool,
    /// What an earlier scan knew of the entries, by their names.
    pub(super) known: Option<Known>,
}

/// Entries by their names: a part, and a position in it.
pub(super) struct Known {
    pub(super) parts: Vec<Arc<Part>>,
    pub(super) by_name: hashbrown::HashMap<Box<[u8]>, (u32, u32), foldhash::fast::RandomState>,
}

/// What a walk brings home.
#[derive(Default)]
pub(super) struct Found {
    pub(super) folders: Vec<Folder>,
    pub(super) parts: Vec<Brought>,
    pub(super) doubts: Vec<Doubt>,
    pub(super) skipped: Vec<Skipped>,
    /// Other paths at which directories lie that were walked: where they are mounted once more.
    pub(super) elsewhere: Vec<((u64, u64), PathBuf)>,
    pub(super) counts: Counts,
    pub(super) revisited: Vec<Revisited>,
    /// Directories that were to be looked at again, and do not lie where they did.
    pub(super) moved: Vec<(u64, u64)>,
    /// Directories that were to be looked at again, and may be entered no more.
    pub(super) closed: Vec<((u64, u64), Doubt)>,
    /// How many names there are in the directories.
    pub(super) names: usize,
    /// Where symbolic links lead that lead to directories.
    pub(super) led: Vec<(PathBuf, (u64, u64))>,
    /// Those that were told of, and lead to no file and to no directory.
    pub(super) dangling: Vec<PathBuf>,
    /// Directories that no path led to, although they were just named: they are gone, or one above them was.
    pub(super) absent: Vec<PathBuf>,
    /// Symbolic links in new directories lead to others, or something may not be asked any more: that is for a walk
    /// to find out.
    pub(super) needs_walk: bool,
}

impl Known {
    /// What was known of an entry, if it still is of the same kind.
    pub(super) fn get(&self, name: &CStr, is_symlink: bool) -> Option<(&Part, &Entry)> {
        let (part, position) = *self.by_name.get(name.to_bytes())?;
        let part = self.parts.get(part as usize)?;
        let entry = part.entries.get(position as usize)?;
        (entry.is_symlink == is_symlink).then_some((part, entry))
    }
}

/// What is left of a piece of work at which a worker got stuck.
pub(super) struct Stuck {
    /// What did not answer.
    pub(super) path: PathBuf,
    /// The device that does not, if it is the whole of it.
    pub(super) silent: Option<u64>,
    pub(super) rest: Work,
}

impl Found {
    pub(super) fn append(&mut self, mut other: Self) {
        self.folders.append(&mut other.folders);
        self.parts.append(&mut other.parts);
        self.doubts.append(&mut other.doubts);
        self.skipped.append(&mut other.skipped);
        self.elsewhere.append(&mut other.elsewhere);
        self.counts += other.counts;
        self.revisited.append(&mut other.revisited);
        self.moved.append(&mut other.moved);
        self.closed.append(&mut other.closed);
        self.names += other.names;
        self.led.append(&mut other.led);
        self.dangling.append(&mut other.dangling);
        self.absent.append(&mut other.absent);
        self.needs_walk |= other.needs_walk;
    }
}

impl Work {
    /// The device that has to answer.
    pub(super) fn device(&self) -> Option<u64> {
        match self {
            Self::Directory { parent, .. } => parent.device,
            Self::Names(batch) => Some(batch.at.directory.measures.device),
            Self::Known(batch) => Some(batch.at.directory.measures.device),
            Self::Revisit(revisit) => Some(revisit.folder.measures.device),
            Self::Question(_) => None,
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        match self {
            Self::Directory { path, .. } => path.clone(),
            Self::Names(batch) => batch.at.path.to_path_buf(),
            Self::Known(batch) => batch.at.path.to_path_buf(),
            Self::Revisit(revisit) => revisit.folder.path.to_path_buf(),
            Self::Question(question) => question.path().to_owned(),
        }
    }

    /// What to do about a worker that is stuck at one of the entries; nothing if it is about a
    /// directory as a whole. A symbolic link may lead to another file system: that says nothing
    /// about this one.
    pub(super) fn stuck_at(&self, position: usize) -> Option<Stuck> {
        match self {
            Self::Directory { .. } | Self::Revisit(_) | Self::Question(_) => None,
            Self::Names(Batch { at, number, entries }) => {
                let (name, is_symlink) = entries.get(position)?;
                let entries = entries.without(position);
                let rest = Self::Names(Batch { at: Arc::clone(at), number: *number, entries });
                Some(at.stuck(name, is_symlink, rest))
            }
            Self::Known(Batch { at, number, entries }) => {
                let entry = entries.entries.get(position)?;
                let name = entries.c_name(entry)?;
                let rest = Arc::new(entries.without(position));
                let rest = Batch { at: Arc::clone(at), number: *number, entries: rest };
                Some(at.stuck(name, entry.is_symlink, Self::Known(rest)))
            }
        }
    }
}

impl Place {
    fn stuck(&self, name: &CStr, is_symlink: bool, rest: Work) -> Stuck {
        let silent = (self.is_remote && !is_symlink).then_some(self.directory.measures.device);
        Stuck { path: self.path.join(os_str(name.to_bytes())), silent, rest }
    }
}

/// What comes of a piece of work.
#[derive(Default)]
pub(super) struct Done {
    pub(super) work: Vec<Work>,
    /// Symbolic links that lead to directories.
    pub(super) links: Vec<(PathBuf, Parent)>,
    pub(super) found: Found,
    pub(super) answer: Option<(u64, Answer)>,
    /// The disk was waited for.
    pub(super) has_waited: bool,
    /// It was broken off, because the caller said so.
    pub(super) was_stopped: bool,
}
