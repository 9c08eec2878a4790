//! What a graph rests on beside what the walk has met: nobody tells when it changes.

use std::path::Path;
use std::sync::Arc;

use crate::facts::Key;
use crate::graph::bytes;
use crate::scan::assembly::Step;
use crate::scan::crew::Crew;
use crate::scan::directories::Directories;
use crate::scan::part::Part;
use crate::scan::paths::{os_str, split};
use crate::scan::question::{AT_ONCE, About, Answer, Gap, Met, Question};

/// A path that had to be asked for, and what came of it.
#[derive(Debug)]
pub(super) enum Beside {
    Directory {
        path: Box<Path>,
        found: Result<(u64, u64), Gap>,
        /// Where it lies, if that is out of the scope: what lies in it is known by that.
        real: Option<Arc<Path>>,
    },
    File {
        path: Box<Path>,
        found: Result<Arc<Part>, Gap>,
    },
    /// There was no answer.
    Silent,
}

impl Beside {
    pub(super) fn directory(
        path: &[u8],
        answer: Option<&Answer>,
        directories: &Directories,
    ) -> Self {
        let Some(Answer::Directory(found)) = answer else { return Self::Silent };
        let is_outside = |identity: (u64, u64)| {
            let number = directories.of_identity(identity);
            !number.is_some_and(|number| directories.is_in_scope(number))
        };
        let real = found.as_ref().ok().filter(|(_, identity)| is_outside(*identity));
        let real = real.map(|(real, _)| Arc::clone(real));
        let found = found.as_ref().map(|(_, identity)| *identity).map_err(Clone::clone);
        Self::Directory { path: Path::new(os_str(path)).into(), found, real }
    }

    pub(super) fn file(path: &[u8], met: &Met) -> Self {
        let found = match met {
            Met::File { part, .. } => Ok(Arc::clone(part)),
            Met::Nowhere(gap) => Err(gap.clone()),
        };
        Self::File { path: Path::new(os_str(path)).into(), found }
    }

    /// The path of what is a file, or was looked for as one.
    pub(super) fn file_path(&self) -> Option<Vec<u8>> {
        match self {
            Self::File { path, .. } => Some(bytes(path).to_vec()),
            _ => None,
        }
    }

    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::Directory { path, .. } | Self::File { path, .. } => Some(path),
            Self::Silent => None,
        }
    }

    /// A directory out of the scope by its own path.
    pub(super) fn directly(&self, directories: &Directories) -> Option<Self> {
        let Self::Directory { found: Ok(identity), real: Some(real), .. } = self else {
            return None;
        };
        let number = directories.of_identity(*identity)?;
        let (path, real) = (directories.path(number).into(), Some(Arc::clone(real)));
        let directly = Self::Directory { path, found: Ok(*identity), real };
        (!directories.is_in_scope(number)).then_some(directly)
    }

    /// Whether nothing was found that anything could rest on.
    pub(super) fn is_gap(&self) -> bool {
        matches!(self, Self::Directory { found: Err(_), .. } | Self::File { found: Err(_), .. })
    }

    /// Whether what had this key was looked for here: a node that is no file.
    pub(super) fn is_gap_of(&self, key: &Key) -> bool {
        match (self, key) {
            (Self::Directory { path, .. }, Key::Name(name)) => split(name).0 == bytes(path),
            (Self::File { path, .. }, Key::Name(name)) => &**name == bytes(path),
            _ => false,
        }
    }

    /// What has to be asked again.
    fn question(&self) -> Option<About> {
        match self {
            Self::Directory { path, real: Some(real), .. } => {
                Some(About::Way(path.to_path_buf(), Arc::clone(real)))
            }
            Self::Directory { path, .. } => Some(About::Identity(path.to_path_buf())),
            Self::File { path, .. } => Some(About::File(path.to_path_buf())),
            Self::Silent => None,
        }
    }

    /// Whether the answer is the same.
    fn is_as(&self, answer: &Answer) -> bool {
        match (self, answer) {
            (Self::Directory { found, .. }, Answer::Identity(now)) => now == found,
            (Self::File { found, .. }, Answer::Files(files)) => match (files.first(), found) {
                (Some((_, Met::Nowhere(now))), Err(before)) => now == before,
                (Some((_, Met::File { part, .. })), Ok(before)) => is_same(part, before),
                _ => false,
            },
            _ => false,
        }
    }
}

/// Asks about all again; says which have other answers now, by position. Nothing if some have none.
pub(super) fn changed(all: &[Beside], crew: &Crew) -> Step<Option<Vec<usize>>> {
    let mut changed = Vec::new();
    for (some, first) in all.chunks(AT_ONCE).zip((0..).step_by(AT_ONCE)) {
        let Some(questions) = some.iter().map(Beside::question).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let about = About::Several(questions);
        let answer = crew.ask(|number| Question { number, about })?;
        let Some(Answer::Several(answers)) = answer else { return Ok(None) };
        if answers.len() != some.len() {
            return Ok(None);
        }
        let others = some.iter().zip(&answers).zip(first..);
        changed.extend(others.filter(|((was, now), _)| !was.is_as(now)).map(|(_, at)| at));
    }
    Ok(Some(changed))
}

/// Whether the one entry of both is the same.
fn is_same(now: &Part, before: &Part) -> bool {
    match (&now.entries[..], &before.entries[..]) {
        ([now_is], [was]) => {
            now_is.measures == was.measures
                && now_is.is_symlink == was.is_symlink
                && now_is.content.is_same(&now.text, &was.content, &before.text)
        }
        _ => false,
    }
}
