//! What the assembly has to ask the system: about names that the walk has not met.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use diskdag_qcow2::open::{FileKind, OpenError, Stat, open_image};
use diskdag_qcow2::reference::Reference;

use crate::scan::content::Content;
use crate::scan::orders::Orders;
use crate::scan::part::Part;
use crate::scan::paths::{join, os_str, split};
use crate::scan::scope::Fingerprint;
use crate::sys::{Measures, Sharing, causes, is_symlink_loop, shared_bytes};

/// So many are asked about at a time: to wake a worker for each costs more than the answers do.
pub(super) const AT_ONCE: usize = 128;

/// How far a chain out of the scope is followed before anybody has asked.
const AHEAD: usize = 64;

/// One question.
pub(super) struct Question {
    pub(super) number: u64,
    pub(super) about: About,
}

/// A file, and the identity that it has to have.
pub(super) type Identified = (PathBuf, (u64, u64));

pub(super) enum About {
    /// A directory, by any path that leads there.
    Directory(PathBuf),
    /// The same, where no more is asked than whether it is still that one.
    Identity(PathBuf),
    /// The same, and whether it still lies at its real path.
    Way(PathBuf, Arc<Path>),
    /// A file, by its path.
    File(PathBuf),
    /// What there is at a path, and whether at the end of a symbolic link.
    Sight(PathBuf, bool),
    /// What lies at a path itself, no symbolic link followed.
    Name(PathBuf),
    /// What must stay the same for a waiver to hold.
    Fingerprint(PathBuf),
    /// Files, at least one.
    Shared(Vec<Identified>),
    /// At least one: a question alone costs more than most answers.
    Several(Vec<About>),
}

/// What came of it.
pub(super) enum Answer {
    /// Its real path and its identity.
    Directory(Result<(Arc<Path>, (u64, u64)), Gap>),
    /// Its identity.
    Identity(Result<(u64, u64), Gap>),
    /// The file, and those that its chain names in the same directory, each with its path.
    Files(Vec<(Vec<u8>, Met)>),
    Sight(Sight),
    Name(Result<Lies, Gap>),
    /// What is there now; nothing where there is nothing; nothing at all if that is not known.
    Fingerprint(Option<Option<Fingerprint>>),
    /// What the file system shares of each.
    Shared(Vec<Sharing>),
    /// To each.
    Several(Vec<Answer>),
}

/// What there is at a path, without opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    File(Measures),
    Directory((u64, u64)),
    /// FIFO, socket, device.
    Special,
    Nowhere,
    /// That could not be found out.
    Unknown,
}

/// What lies at a path itself.
pub(super) enum Lies {
    Link { target: Vec<u8>, to_directory: bool },
    Directory,
    Other,
}

/// A file out of the scope, or why there is none.
pub(super) enum Met {
    /// One entry.
    File {
        part: Arc<Part>,
        was_opened: bool,
    },
    Nowhere(Gap),
}

/// Why a path leads to no file that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    Missing,
    NotAFile(FileKind),
    Refused(String),
    Unreadable(String),
}

impl Question {
    pub(super) fn path(&self) -> &Path {
        self.about.path()
    }

    pub(super) fn answer(&self, orders: &Orders, buffer: &mut Vec<u8>) -> Answer {
        self.about.answer(orders, buffer)
    }
}

impl About {
    /// What is asked about first.
    fn path(&self) -> &Path {
        match self {
            Self::Directory(path)
            | Self::Identity(path)
            | Self::Way(path, _)
            | Self::File(path)
            | Self::Sight(path, _)
            | Self::Name(path)
            | Self::Fingerprint(path) => path,
            Self::Shared(files) => files.first().map_or(Path::new(""), |(path, _)| path),
            Self::Several(all) => all.first().map_or(Path::new(""), |first| first.path()),
        }
    }

    fn answer(&self, orders: &Orders, buffer: &mut Vec<u8>) -> Answer {
        match self {
            Self::Directory(path) => Answer::Directory(directory(path)),
            Self::Identity(path) => Answer::Identity(identity(path)),
            Self::Way(path, real) => Answer::Identity(way(path, real)),
            Self::File(path) => Answer::Files(chain(path, orders, buffer)),
            Self::Sight(path, follows) => Answer::Sight(sight(path, *follows)),
            Self::Name(path) => Answer::Name(lies(path).map_err(|error| gap_of(&error))),
            Self::Fingerprint(path) => Answer::Fingerprint(Fingerprint::of(path).ok()),
            Self::Shared(files) => Answer::Shared(files.iter().map(sharing).collect()),
            Self::Several(all) => {
                Answer::Several(all.iter().map(|about| about.answer(orders, buffer)).collect())
            }
        }
    }
}

fn sharing((path, identity): &Identified) -> Sharing {
    let opened = open_image(path).ok();
    let is_it = |stat: &Stat| (stat.device, stat.inode) == *identity;
    opened
        .filter(|opened| is_it(&opened.stat))
        .map_or(Sharing::Unknown, |opened| shared_bytes(&opened.file))
}

fn sight(path: &Path, follows: bool) -> Sight {
    let seen = if follows { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) };
    match seen {
        Ok(metadata) => {
            let measures = Measures::from(&Stat::of(&metadata));
            match metadata.file_type() {
                kind if kind.is_file() => Sight::File(measures),
                kind if kind.is_dir() => Sight::Directory(measures.identity()),
                _ => Sight::Special,
            }
        }
        Err(error) if gap_of(&error) == Gap::Missing => Sight::Nowhere,
        Err(_) => Sight::Unknown,
    }
}

fn identity(path: &Path) -> Result<(u64, u64), Gap> {
    let metadata = std::fs::metadata(path).map_err(|error| gap_of(&error))?;
    let Stat { device, inode, .. } = Stat::of(&metadata);
    Ok((device, inode))
}

/// Of a directory that lies elsewhere by now what is known by its real path is not known any more. Nor where that leads
/// there still, but through a symbolic link.
fn way(path: &Path, real: &Path) -> Result<(u64, u64), Gap> {
    let lies = std::fs::symlink_metadata(real).map_err(|error| gap_of(&error))?;
    let Stat { device, inode, .. } = Stat::of(&lies);
    let is_real = std::fs::canonicalize(real).map_err(|error| gap_of(&error))? == real;
    let is_there = is_real && (path == real || identity(path)? == (device, inode));
    if is_there && lies.is_dir() { Ok((device, inode)) } else { Err(Gap::Missing) }
}

fn lies(path: &Path) -> std::io::Result<Lies> {
    let kind = std::fs::symlink_metadata(path)?.file_type();
    if !kind.is_symlink() {
        return Ok(if kind.is_dir() { Lies::Directory } else { Lies::Other });
    }
    let target = std::fs::read_link(path)?.into_os_string().into_encoded_bytes();
    Ok(Lies::Link { target, to_directory: path.is_dir() })
}

fn directory(path: &Path) -> Result<(Arc<Path>, (u64, u64)), Gap> {
    let metadata = std::fs::metadata(path).map_err(|error| gap_of(&error))?;
    // Through a file no path leads anywhere.
    if !metadata.is_dir() {
        return Err(Gap::Missing);
    }
    let Stat { device, inode, .. } = Stat::of(&metadata);
    let identity = (device, inode);
    let real = std::fs::canonicalize(path).map_err(|error| gap_of(&error))?;
    Ok((real.into(), identity))
}

/// The file at `path`; and as chains are usually followed to their end, what it names beside it.
fn chain(path: &Path, orders: &Orders, buffer: &mut Vec<u8>) -> Vec<(Vec<u8>, Met)> {
    let mut found: Vec<(Vec<u8>, Met)> = Vec::new();
    let mut next = Some(path.as_os_str().as_encoded_bytes().to_vec());
    while let Some(path) = next.take() {
        let met = file(Path::new(os_str(&path)), orders, buffer);
        if let Met::File { part, .. } = &met
            && let Some(Content::Image(image)) = part.entries.first().map(|entry| &entry.content)
            && let Some(backing) = image.backing
            && let Reference::Relative(name) = Reference::classify(part.text.get(backing))
            && !name.contains(&b'/')
            && found.len() < AHEAD
        {
            let below = join(split(&path).0, name);
            next = found.iter().all(|(have, _)| *have != below).then_some(below);
        }
        found.push((path, met));
    }
    found
}

fn file(path: &Path, orders: &Orders, buffer: &mut Vec<u8>) -> Met {
    let known = orders.before.inner.outside.get(path.as_os_str().as_encoded_bytes());
    if let Some(part) = known
        && let Some(entry) = part.entries.first()
        && let Ok(metadata) = std::fs::metadata(path)
        && entry.holds_for(&Measures::from(&Stat::of(&metadata)))
    {
        return Met::File { part: Arc::clone(part), was_opened: false };
    }
    let began = orders.now();
    let opened = match open_image(path) {
        Ok(opened) => opened,
        Err(error) => {
            let gap = match error {
                OpenError::NotFound => Gap::Missing,
                OpenError::NotRegularFile(kind) => Gap::NotAFile(kind),
                OpenError::Io(ref error) => gap_of(error),
                OpenError::RefusedFilesystem { .. } => Gap::Refused(causes(&error)),
                _ => Gap::Unreadable(causes(&error)),
            };
            return match (gap, std::fs::metadata(path)) {
                (Gap::Unreadable(reason), Ok(metadata)) => {
                    let measures = Measures::from(&Stat::of(&metadata));
                    let content = Content::Unreadable(reason.into());
                    met(path, measures, false, |_| content, false)
                }
                (gap, _) => Met::Nowhere(gap),
            };
        }
    };
    let measures = Measures::from(&opened.stat);
    let read = |part: &mut Part| {
        crate::scan::content::read(&opened.file, measures.len, buffer, &mut part.text)
    };
    met(path, measures, measures.is_settled_at(began), read, true)
}

fn met(
    path: &Path,
    measures: Measures,
    is_settled: bool,
    content: impl FnOnce(&mut Part) -> Content,
    was_opened: bool,
) -> Met {
    let is_symlink =
        std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_symlink());
    let mut part = Part::default();
    let (_, name) = split(path.as_os_str().as_encoded_bytes());
    let Ok(name) = std::ffi::CString::new(name) else { return Met::Nowhere(Gap::Missing) };
    let content = content(&mut part);
    part.push(&name, is_symlink, Some(measures), is_settled, content);
    Met::File { part: Arc::new(part), was_opened }
}

fn gap_of(error: &std::io::Error) -> Gap {
    use std::io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    match error.kind() {
        // What no path can lead to is not there: a name too long, a link to itself.
        NotFound | NotADirectory | InvalidFilename => Gap::Missing,
        _ if is_symlink_loop(error) => Gap::Missing,
        _ => Gap::Unreadable(error.to_string()),
    }
}
