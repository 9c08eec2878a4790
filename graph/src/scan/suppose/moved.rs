//! Directories that are supposed to lie elsewhere, with all that is in them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::graph::bytes;
use crate::scan::assembly::Step;
use crate::scan::crew::Crew;
use crate::scan::paths::join;
use crate::scan::question::Gap;
use crate::scan::record::Folder;
use crate::scan::suppose::world::{At, MOST_LINKS, Seen, World};

/// Which directories were moved, one after the other. Their paths are real ones, without symbolic links.
#[derive(Debug, Default)]
pub(super) struct Moved {
    moves: Vec<(PathBuf, PathBuf)>,
    /// Where they really are, by the paths under which the scan has shown them.
    tops: HashMap<PathBuf, PathBuf>,
}

/// Where a directory of the record would be.
pub(super) enum Place {
    /// Where it is.
    Same,
    /// Shown under this path.
    In(PathBuf),
    /// There, where no scan would look.
    Out(PathBuf),
}

impl Moved {
    pub(super) fn is_empty(&self) -> bool {
        self.moves.is_empty()
    }

    /// Where something really is that would lie at a path.
    pub(super) fn real(&self, path: &Path) -> PathBuf {
        let back = |path: PathBuf, (from, to): &(PathBuf, PathBuf)| changed(path, to, from);
        self.moves.iter().rev().fold(path.to_owned(), back)
    }

    /// Where something would lie that really is at a path.
    pub(super) fn now(&self, real: &Path) -> PathBuf {
        let forth = |path: PathBuf, (from, to): &(PathBuf, PathBuf)| changed(path, from, to);
        self.moves.iter().fold(real.to_owned(), forth)
    }

    /// Whether what would lie at a path really is elsewhere.
    pub(super) fn holds(&self, path: &Path) -> bool {
        !self.is_empty() && self.real(path) != path
    }

    /// Moves a directory of the record.
    pub(super) fn shift(&mut self, folder: &Folder, from: &Path, to: PathBuf) {
        let real = self.real(from);
        self.tops.insert(folder.path.to_path_buf(), real);
        self.moves.push((from.to_owned(), to));
    }

    /// The directory that was moved with which one of the record was, by its path there, and where it really is.
    fn top(&self, shown: &Path) -> Option<(PathBuf, &Path)> {
        let mut above = shown.ancestors();
        above.find_map(|above| Some((above.to_owned(), &**self.tops.get(above)?)))
    }
}

/// A path that leads by way of `from` leads by way of `to` instead.
fn changed(path: PathBuf, from: &Path, to: &Path) -> PathBuf {
    match path.strip_prefix(from) {
        Ok(rest) if rest.as_os_str().is_empty() => to.to_owned(),
        Ok(rest) => to.join(rest),
        Err(_) => path,
    }
}

impl World {
    /// Where a directory of the record would be.
    pub(super) fn whereabouts(&mut self, crew: &Crew, folder: &Folder) -> Step<Place> {
        let Some((shown, real)) = self.moved.top(&folder.path) else { return Ok(Place::Same) };
        let rest = folder.path.strip_prefix(&shown).unwrap_or(Path::new("")).to_owned();
        let below = |top: PathBuf| changed(rest.clone(), Path::new(""), &top);
        let now = self.moved.now(real);
        let (Some(parent), Some(name)) = (now.parent(), now.file_name()) else {
            return Ok(Place::Out(below(now)));
        };
        let record = Arc::clone(&self.record.inner);
        let parent = self.lies_at(crew, parent)?.ok();
        let parent = parent.filter(|at| record.was_searched(at.identity));
        let Some((parent, _)) = parent.and_then(|at| record.folder(at.identity)) else {
            return Ok(Place::Out(below(now)));
        };
        // No directory is moved into itself: this ends.
        Ok(match self.whereabouts(crew, parent)? {
            Place::Same => Place::In(below(parent.path.join(name))),
            Place::In(parent) => Place::In(below(parent.join(name))),
            Place::Out(_) => Place::Out(below(now)),
        })
    }

    /// The directory that a path leads to, followed name by name, as each may lead elsewhere.
    pub(super) fn resolve(&mut self, crew: &Crew, path: &[u8]) -> Step<Result<At, Gap>> {
        let root = match self.lies_at(crew, Path::new("/"))? {
            Ok(root) => root,
            Err(gap) => return Ok(Err(gap)),
        };
        let names = |path: &[u8]| -> Vec<Vec<u8>> {
            path.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec).collect()
        };
        let (mut at, mut rest, mut links) = (root.clone(), names(path), 0);
        while let Some(name) = rest.pop() {
            let next = match &*name {
                b"" | b"." => continue,
                b".." => at.path.parent().unwrap_or(Path::new("/")).to_owned(),
                _ => match self.look(crew, &at, &name)? {
                    Ok(Seen::Directory) => {
                        PathBuf::from(crate::scan::paths::os_str(&join(bytes(&at.path), &name)))
                    }
                    Ok(Seen::Link { target, .. }) if links < MOST_LINKS => {
                        links += 1;
                        if target.first() == Some(&b'/') {
                            at = root.clone();
                        }
                        rest.extend(names(&target));
                        continue;
                    }
                    Ok(_) => return Ok(Err(Gap::Missing)),
                    Err(gap) => return Ok(Err(gap)),
                },
            };
            at = match self.lies_at(crew, &next)? {
                Ok(next) => next,
                Err(gap) => return Ok(Err(gap)),
            };
        }
        Ok(Ok(at))
    }

    /// The directory that lies at a path on which there is no symbolic link.
    pub(super) fn lies_at(&mut self, crew: &Crew, path: &Path) -> Step<Result<At, Gap>> {
        if let Some(known) = self.lying.get(path) {
            return Ok(known.clone());
        }
        let real = self.moved.real(path);
        let found = self.ask_directory(crew, real)?;
        let found = found.map(|at| At { path: path.into(), identity: at.identity });
        self.lying.insert(path.to_owned(), found.clone());
        Ok(found)
    }

    /// Where a file really is that would lie in a directory under a name.
    pub(in crate::scan) fn real(
        &mut self,
        crew: &Crew,
        directory: &Path,
        name: &[u8],
    ) -> Step<Option<Vec<u8>>> {
        if self.moved.is_empty() {
            return Ok(None);
        }
        let found = self.directory(crew, bytes(directory))?;
        Ok(found.ok().map(|at| join(bytes(&self.moved.real(&at.path)), name)))
    }

    /// A directory by a path that the walk has not met, if some are elsewhere by now.
    pub(in crate::scan) fn found(
        &mut self,
        crew: &Crew,
        path: &[u8],
    ) -> Step<Option<Result<At, Gap>>> {
        if self.moved.is_empty() {
            return Ok(None);
        }
        self.directory(crew, path).map(Some)
    }

    /// Has a directory of the record lie elsewhere. All that is known by paths is to be found anew.
    pub(super) fn shift(&mut self, folder: &Folder, from: &Path, to: PathBuf) {
        for place in self.places.values_mut().filter(|place| place.starts_with(from)) {
            *place = changed(place.to_path_buf(), from, &to).into();
        }
        self.moved.shift(folder, from, to);
        self.directories.clear();
        self.lying.clear();
        self.has_new = true;
        let inner = Arc::clone(&self.record.inner);
        for (other, parts) in inner.searched().filter(|(it, _)| it.path.starts_with(&folder.path)) {
            debug_assert!(other.path.starts_with(&folder.path));
            let entries = parts.iter().flat_map(|(_, part)| &part.entries);
            let files = entries.filter_map(|entry| entry.measures);
            self.touched.extend(files.map(|measures| measures.identity()));
        }
    }
}
