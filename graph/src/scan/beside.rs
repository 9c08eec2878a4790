//! What a graph rests on beside what the walk has met: nobody tells when it changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::scan::assembly::Step;
use crate::scan::crew::Crew;
use crate::scan::paths::os_str;
use crate::scan::question::{About, Answer, Gap, Met, Question};
use crate::scan::record::Part;

/// A path that had to be asked for, and what came of it.
#[derive(Debug)]
pub(super) enum Beside {
    Directory {
        path: Box<Path>,
        found: Result<(u64, u64), Gap>,
    },
    File {
        path: Box<Path>,
        found: Result<Arc<Part>, Gap>,
    },
    /// There was no answer.
    Silent,
}

impl Beside {
    pub(super) fn directory(path: &[u8], answer: Option<&Answer>) -> Self {
        match answer {
            Some(Answer::Directory(found)) => {
                let found = found.as_ref().map(|(_, identity)| *identity).map_err(Clone::clone);
                Self::Directory { path: Path::new(os_str(path)).into(), found }
            }
            _ => Self::Silent,
        }
    }

    pub(super) fn file(path: &[u8], met: &Met) -> Self {
        let found = match met {
            Met::File { part, .. } => Ok(Arc::clone(part)),
            Met::Nowhere(gap) => Err(gap.clone()),
        };
        Self::File { path: Path::new(os_str(path)).into(), found }
    }

    /// Asks again; says whether the answer is the same.
    pub(super) fn is_still_so(&self, crew: &Crew) -> Step<bool> {
        let ask = |about: fn(PathBuf) -> About, path: &Path| {
            let about = about(path.to_owned());
            crew.ask(|number| Question { number, about })
        };
        match self {
            Self::Silent => Ok(false),
            Self::Directory { path, found } => Ok(match ask(About::Directory, path)? {
                Some(Answer::Directory(now)) => now.map(|(_, identity)| identity) == *found,
                _ => false,
            }),
            Self::File { path, found } => Ok(match ask(About::File, path)? {
                Some(Answer::Files(files)) => match (files.into_iter().next(), found) {
                    (Some((_, Met::Nowhere(now))), Err(before)) => now == *before,
                    (Some((_, Met::File { part, .. })), Ok(before)) => is_same(&part, before),
                    _ => false,
                },
                _ => false,
            }),
        }
    }
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
