//! Names and files as they are supposed to be: what was exchanged, and below that what the scan has met and what
//! the system says.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diskdag_qcow2::open::FileKind;

use crate::graph::bytes;
use crate::scan::assembly::Step;
use crate::scan::content::Content;
use crate::scan::crew::Crew;
use crate::scan::directories::Directories;
use crate::scan::part::Part;
use crate::scan::paths::{join, os_str, split};
use crate::scan::question::{About, Answer, Gap, Lies, Met, Question};
use crate::scan::record::Record;
use crate::scan::suppose::fate::{self, Fate};
use crate::scan::suppose::moved::Moved;

pub(in crate::scan) type Identity = (u64, u64);

/// More symbolic links in a row lead nowhere, as the system has it.
pub(super) const MOST_LINKS: usize = 40;

/// A directory.
#[derive(Clone, Debug)]
pub(in crate::scan) struct At {
    pub(in crate::scan) path: Arc<Path>,
    pub(in crate::scan) identity: Identity,
}

/// What a name that was exchanged stands for.
#[derive(Clone, Debug)]
pub(super) enum Thing {
    /// A symbolic link, and what it holds.
    Link(Vec<u8>),
    /// A part of one entry.
    File(Arc<Part>),
    /// A directory of the record.
    Directory,
}

/// What lies at a name itself.
pub(super) enum Seen {
    Nothing,
    Directory,
    Link { target: Vec<u8>, to_directory: bool },
    File(Arc<Part>),
}

/// Where a name leads in the end.
pub(super) struct Led {
    /// To this file, or to none.
    pub(super) to: Result<Arc<Part>, Gap>,
    /// By a name that was exchanged.
    pub(super) is_supposed: bool,
}

/// The files of a directory by name: where they are in its parts.
type Listed = HashMap<Box<[u8]>, (Arc<Part>, usize)>;

/// All of it.
#[derive(Debug, Default)]
pub(in crate::scan) struct World {
    pub(super) record: Record,
    /// By directory and name: what is there instead, if anything.
    pub(super) names: HashMap<Identity, HashMap<Box<[u8]>, Option<Thing>>>,
    /// Where those directories are.
    pub(super) places: HashMap<Identity, Arc<Path>>,
    pub(super) files: HashMap<Identity, Fate>,
    /// Files to which a name has led that was exchanged.
    pub(super) touched: HashSet<Identity>,
    /// Names lead to something that led nowhere.
    pub(super) has_new: bool,
    /// Directories that lie elsewhere.
    pub(super) moved: Moved,
    /// By path: what was asked.
    pub(super) directories: HashMap<Vec<u8>, Result<At, Gap>>,
    /// By path without symbolic links, where some lie elsewhere.
    pub(super) lying: HashMap<PathBuf, Result<At, Gap>>,
    /// The files in directories of the scan.
    listed: HashMap<Identity, Listed>,
    /// The directories of exchanged names, by number.
    numbers: HashMap<u32, Identity>,
}

impl World {
    pub(super) fn new(record: Record) -> Self {
        Self { record, ..Self::default() }
    }

    /// The directory that a path lies in, and the name in it.
    pub(super) fn place(&mut self, crew: &Crew, path: &Path) -> Step<Result<(At, Vec<u8>), Gap>> {
        let (directory, name) = split(bytes(path));
        Ok(self.directory(crew, directory)?.map(|at| (at, name.to_vec())))
    }

    /// A directory by its path.
    pub(super) fn directory(&mut self, crew: &Crew, path: &[u8]) -> Step<Result<At, Gap>> {
        if let Some(known) = self.directories.get(path) {
            return Ok(known.clone());
        }
        let found = match self.moved.is_empty() {
            true => self.ask_directory(crew, PathBuf::from(os_str(path)))?,
            false => self.resolve(crew, path)?,
        };
        self.directories.insert(path.to_vec(), found.clone());
        Ok(found)
    }

    pub(super) fn ask_directory(&self, crew: &Crew, path: PathBuf) -> Step<Result<At, Gap>> {
        Ok(match ask(crew, About::Directory(path))? {
            Some(Answer::Directory(found)) => found.map(|(path, identity)| At { path, identity }),
            _ => Err(Gap::Unreadable(crew.silence())),
        })
    }

    /// Has a name stand for something else, or for nothing.
    pub(super) fn exchange(&mut self, at: &At, name: &[u8], thing: Option<Thing>) {
        self.has_new |= thing.is_some();
        self.places.entry(at.identity).or_insert_with(|| Arc::clone(&at.path));
        self.names.entry(at.identity).or_default().insert(name.into(), thing);
    }

    /// What lies at a name itself.
    pub(super) fn look(&mut self, crew: &Crew, at: &At, name: &[u8]) -> Step<Result<Seen, Gap>> {
        if let Some(thing) = self.names.get(&at.identity).and_then(|names| names.get(name)) {
            return Ok(Ok(match thing {
                None => Seen::Nothing,
                Some(Thing::Link(target)) => {
                    Seen::Link { target: target.clone(), to_directory: false }
                }
                Some(Thing::File(part)) => self.unless_gone(Arc::clone(part)),
                Some(Thing::Directory) => Seen::Directory,
            }));
        }
        if let Some(part) = self.listed(at.identity, name) {
            return Ok(Ok(self.unless_gone(part)));
        }
        let path = PathBuf::from(os_str(&join(bytes(&self.moved.real(&at.path)), name)));
        match ask(crew, About::Name(path.clone()))? {
            Some(Answer::Name(Ok(Lies::Link { target, to_directory }))) => {
                return Ok(Ok(Seen::Link { target, to_directory }));
            }
            Some(Answer::Name(Ok(Lies::Directory))) => return Ok(Ok(Seen::Directory)),
            Some(Answer::Name(Ok(Lies::Other))) => {}
            Some(Answer::Name(Err(Gap::Missing))) => return Ok(Ok(Seen::Nothing)),
            Some(Answer::Name(Err(gap))) => return Ok(Err(gap)),
            _ => return Ok(Err(Gap::Unreadable(crew.silence()))),
        }
        let Some(Answer::Files(files)) = ask(crew, About::File(path))? else {
            return Ok(Err(Gap::Unreadable(crew.silence())));
        };
        Ok(match files.into_iter().next() {
            Some((_, Met::File { part, .. })) => Ok(self.unless_gone(part)),
            Some((_, Met::Nowhere(gap))) => Err(gap),
            None => Ok(Seen::Nothing),
        })
    }

    /// Follows a name through symbolic links to the file that it leads to, as that would be. Of names that lead
    /// past all that was exchanged nothing more is asked where only the others matter.
    pub(super) fn follow(
        &mut self,
        crew: &Crew,
        at: &At,
        name: &[u8],
        only_supposed: bool,
    ) -> Step<Led> {
        let (mut at, mut name, mut is_supposed) = (at.clone(), name.to_vec(), false);
        let nowhere = |gap, is_supposed| Ok(Led { to: Err(gap), is_supposed });
        for _ in 0..MOST_LINKS {
            is_supposed |= self.moved.holds(&at.path)
                || self.names.get(&at.identity).is_some_and(|names| names.contains_key(&*name));
            let target = match self.look(crew, &at, &name)? {
                Ok(Seen::Link { target, .. }) => target,
                Ok(Seen::File(part)) if is_supposed || !only_supposed => {
                    return Ok(Led { to: Ok(part), is_supposed });
                }
                Ok(Seen::Directory) => {
                    return nowhere(Gap::NotAFile(FileKind::Directory), is_supposed);
                }
                Ok(_) => return nowhere(Gap::Missing, is_supposed),
                Err(gap) => return nowhere(gap, is_supposed),
            };
            let (directory, last) = split(&target);
            let is_directory = matches!(last, b"" | b"." | b"..");
            let directory = if is_directory { &target } else { directory };
            let path = match (target.first(), directory) {
                (Some(b'/'), _) => directory.to_vec(),
                (_, b"") => bytes(&at.path).to_vec(),
                _ => join(bytes(&at.path), directory),
            };
            match self.directory(crew, &path)? {
                Ok(_) if is_directory => {
                    return nowhere(Gap::NotAFile(FileKind::Directory), is_supposed);
                }
                Ok(next) => (at, name) = (next, last.to_vec()),
                Err(gap) => return nowhere(gap, is_supposed),
            }
        }
        nowhere(Gap::Missing, is_supposed)
    }

    /// A part of the one entry that a name has which leads to this file; nothing where that goes.
    pub(super) fn entry(&self, part: &Part, name: &[u8], is_symlink: bool) -> Option<Arc<Part>> {
        let from = fate::only(part)?;
        let fate = from.1.measures.and_then(|measures| self.files.get(&measures.identity()));
        let stays = fate.is_none_or(|fate| !fate.is_gone);
        stays.then(|| fate::alone(from, (name, is_symlink), fate))
    }

    /// Says which numbers the directories of exchanged names have.
    pub(in crate::scan) fn number(&mut self, directories: &mut Directories) {
        for (identity, path) in &self.places {
            let number = directories.of_identity(*identity);
            let number = number.unwrap_or_else(|| directories.add(path, *identity, false));
            self.numbers.insert(number, *identity);
        }
    }

    /// What is there instead of a file that the walk has not met, if that name was exchanged.
    pub(in crate::scan) fn instead(
        &mut self,
        crew: &Crew,
        (number, path): (u32, &Path),
        name: &[u8],
    ) -> Step<Option<Result<Arc<Part>, Gap>>> {
        let Some(&identity) = self.numbers.get(&number) else { return Ok(None) };
        let known = self.names.get(&identity).and_then(|names| names.get(name));
        let Some(thing) = known else { return Ok(None) };
        let is_symlink = matches!(thing, Some(Thing::Link(_)));
        let at = At { path: path.into(), identity };
        let led = self.follow(crew, &at, name, false)?;
        Ok(Some(self.met(led, name, is_symlink)))
    }

    /// The same of a name that was not exchanged, but may lead to one that was, or to a file that is another one.
    pub(in crate::scan) fn behind(
        &mut self,
        crew: &Crew,
        directory: &Path,
        name: &[u8],
        met: &Met,
    ) -> Step<Option<Result<Arc<Part>, Gap>>> {
        let (was_there, is_link) = match met {
            Met::File { part, .. } => {
                let Some((_, entry)) = fate::only(part) else { return Ok(None) };
                let identity = entry.measures.map(|measures| measures.identity());
                let is_touched = identity.is_some_and(|it| self.touched.contains(&it));
                let is_moved = self.moved.holds(directory);
                if !entry.is_symlink || !(is_touched || is_moved) {
                    return Ok(Some(self.entry(part, name, entry.is_symlink).ok_or(Gap::Missing)));
                }
                (true, true)
            }
            Met::Nowhere(Gap::Missing) if self.has_new => (false, true),
            // A link to a directory that is elsewhere by now.
            Met::Nowhere(Gap::NotAFile(_)) if !self.moved.is_empty() => (true, true),
            Met::Nowhere(_) => return Ok(None),
        };
        let at = match self.directory(crew, bytes(directory))? {
            Ok(at) => at,
            Err(gap) => return Ok(was_there.then_some(Err(gap))),
        };
        let led = self.follow(crew, &at, name, !was_there)?;
        Ok((was_there || led.is_supposed).then(|| self.met(led, name, is_link)))
    }

    fn met(&self, led: Led, name: &[u8], is_symlink: bool) -> Result<Arc<Part>, Gap> {
        led.to.and_then(|part| self.entry(&part, name, is_symlink).ok_or(Gap::Missing))
    }

    fn unless_gone(&self, part: Arc<Part>) -> Seen {
        let measures = part.entries.first().and_then(|entry| entry.measures);
        let fate = measures.and_then(|measures| self.files.get(&measures.identity()));
        if fate.is_some_and(|fate| fate.is_gone) { Seen::Nothing } else { Seen::File(part) }
    }

    /// A file of a directory that the scan has listed.
    fn listed(&mut self, directory: Identity, name: &[u8]) -> Option<Arc<Part>> {
        let record = &self.record.inner;
        let all = self.listed.entry(directory).or_insert_with(|| {
            let searched = record.folder(directory).filter(|_| record.was_searched(directory));
            let parts = searched.map_or(&[][..], |(_, parts)| parts);
            let mut all = Listed::new();
            for (_, part) in parts {
                let files = part.entries.iter().zip(0..).filter(|(entry, _)| {
                    !entry.is_symlink && !matches!(entry.content, Content::Elsewhere)
                });
                all.extend(files.map(|(entry, at)| (part.name(entry).into(), (part.clone(), at))));
            }
            all
        });
        let (part, at) = all.get(name)?;
        let entry = part.entries.get(*at)?;
        Some(fate::alone((part, entry), (name, false), None))
    }
}

fn ask(crew: &Crew, about: About) -> Step<Option<Answer>> {
    crew.ask(|number| Question { number, about })
}
