//! Where a path leads: to a file that is known, or to one that has to be asked for.

use std::path::PathBuf;
use std::sync::Arc;

use crate::graph::bytes;
use crate::scan::assembly::{Assembly, Step};
use crate::scan::beside::Beside;
use crate::scan::part::Part;
use crate::scan::paths::{join, os_str, split};
use crate::scan::question::{About, Answer, Gap, Met, Question};

/// Where a path leads.
pub(super) enum Place {
    File(u32),
    Nowhere { path: Vec<u8>, gap: Gap },
}

impl Assembly<'_> {
    /// Follows a path: absolute, or relative to a directory.
    pub(super) fn locate(&mut self, from: u32, path: &[u8]) -> Step<Place> {
        let (directory_part, name) = split(path);
        let directory = match self.tables.directory(from, directory_part) {
            Some(known) => Ok(known),
            None if path.first() == Some(&b'/') => self.directory(directory_part)?,
            None => {
                let full = join(bytes(self.tables.directories.path(from)), directory_part);
                self.directory(&full)?
            }
        };
        let directory = match directory {
            Ok(directory) => directory,
            Err(gap) => {
                let path = if path.first() == Some(&b'/') {
                    path.to_vec()
                } else {
                    join(bytes(self.tables.directories.path(from)), path)
                };
                return Ok(Place::Nowhere { path, gap });
            }
        };
        match self.tables.find(directory, name) {
            Some(file) => Ok(Place::File(file)),
            None => self.open(directory, name),
        }
    }

    /// Where a relative path leads as well: from the other paths at which the directory is mounted.
    pub(super) fn locate_elsewhere(&mut self, from: u32, path: &[u8]) -> Step<Vec<Place>> {
        let mut places = Vec::new();
        for other in self.tables.directories.other_paths(from) {
            if self.directory(&other)? == Ok(from) {
                places.push(self.locate(from, &join(&other, path))?);
            }
        }
        Ok(places)
    }

    /// The number of a directory, by any path that leads to it.
    fn directory(&mut self, path: &[u8]) -> Step<Result<u32, Gap>> {
        if let Some(known) = self.tables.directories.at(path) {
            return Ok(known.clone());
        }
        if let Some(world) = &mut self.supposed
            && let Some(found) = world.found(self.crew, path)?
        {
            let directories = &mut self.tables.directories;
            let number = found.map(|at| match directories.of_identity(at.identity) {
                Some(number) => number,
                None => directories.add(&at.path, at.identity, false),
            });
            directories.note(path, number.clone());
            return Ok(number);
        }
        let answer = self.ask(About::Directory(PathBuf::from(os_str(path))))?;
        self.beside.push(Beside::directory(path, answer.as_ref(), &self.tables.directories));
        let number = match answer {
            Some(Answer::Directory(Ok((real, identity)))) => {
                Ok(match self.tables.directories.of_identity(identity) {
                    Some(number) => number,
                    None => self.tables.directories.add(&real, identity, false),
                })
            }
            Some(Answer::Directory(Err(gap))) => Err(gap),
            _ => Err(self.silence()),
        };
        self.tables.directories.note(path, number.clone());
        Ok(number)
    }

    /// Opens a file that the walk has not met under this name.
    fn open(&mut self, directory: u32, name: &[u8]) -> Step<Place> {
        let path = join(bytes(self.tables.directories.path(directory)), name);
        if let Some(world) = &mut self.supposed {
            let at = self.tables.directories.path(directory);
            if let Some(instead) = world.instead(self.crew, (directory, at), name)? {
                return Ok(self.take(directory, path, instead));
            }
        }
        if !self.ahead.contains_key(&path) {
            let real = match &mut self.supposed {
                Some(world) => {
                    world.real(self.crew, self.tables.directories.path(directory), name)?
                }
                None => None,
            };
            let asked = real.as_ref().unwrap_or(&path);
            match self.ask(About::File(PathBuf::from(os_str(asked))))? {
                Some(Answer::Files(files)) => {
                    // All of them lie in one directory: where it would be, that is.
                    let called = |(at, met): (Vec<u8>, Met)| match &real {
                        Some(_) => (join(split(&path).0, split(&at).1), met),
                        None => (at, met),
                    };
                    self.ahead.extend(files.into_iter().map(called));
                }
                _ => {
                    self.beside.push(Beside::Silent);
                    return Ok(Place::Nowhere { path, gap: self.silence() });
                }
            }
        }
        let Some(met) = self.ahead.get(&path) else {
            self.beside.push(Beside::Silent);
            return Ok(Place::Nowhere { path, gap: self.silence() });
        };
        // Of what comes to lie in a directory that was walked it is told, not of what becomes of what is no file there.
        let is_told = self.tables.directories.is_in_scope(directory)
            && matches!(met, Met::Nowhere(Gap::Missing));
        if !is_told && self.known.insert(path.clone()) {
            self.beside.push(Beside::file(&path, met));
        }
        if let Some(world) = &mut self.supposed {
            let at = self.tables.directories.path(directory);
            if let Some(behind) = world.behind(self.crew, at, name, met)? {
                return Ok(self.take(directory, path, behind));
            }
        }
        // What is not there stays known as such: thousands may miss the same base.
        let (part, was_opened) = match met {
            Met::Nowhere(gap) => return Ok(Place::Nowhere { gap: gap.clone(), path }),
            Met::File { part, was_opened } => (Arc::clone(part), *was_opened),
        };
        self.ahead.remove(&path);
        self.opened += u64::from(was_opened);
        let met = self.meet(directory, path.clone(), part);
        Ok(met.map_or(Place::Nowhere { path, gap: Gap::Missing }, Place::File))
    }

    /// Takes in what is supposed to be at a path.
    fn take(&mut self, directory: u32, path: Vec<u8>, found: Result<Arc<Part>, Gap>) -> Place {
        match found {
            Ok(part) => {
                let met = self.meet(directory, path.clone(), part);
                met.map_or(Place::Nowhere { path, gap: Gap::Missing }, Place::File)
            }
            Err(gap) => Place::Nowhere { path, gap },
        }
    }

    fn ask(&self, about: About) -> Step<Option<Answer>> {
        self.crew.ask(|number| Question { number, about })
    }

    fn silence(&self) -> Gap {
        Gap::Unreadable(self.crew.silence())
    }
}
