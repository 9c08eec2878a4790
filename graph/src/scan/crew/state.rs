//! What the workers have before them, what they have done, and where each of them is.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use crate::doubt::{Doubt, DoubtKind};
use crate::scan::question::Answer;
use crate::scan::work::{Found, Parent, Work};

#[derive(Default)]
pub(super) struct State {
    pub(super) work: Vec<Work>,
    /// Begun one at a time, each when all before it is done: what a directory is called must not
    /// depend on which worker was faster.
    pub(super) roots: VecDeque<PathBuf>,
    pub(super) links: BTreeSet<(PathBuf, Parent)>,
    pub(super) visited: HashSet<(u64, u64)>,
    pub(super) posts: Vec<Post>,
    /// Workers that are there and not abandoned.
    pub(super) workers: usize,
    pub(super) busy: usize,
    pub(super) abandoned: usize,
    pub(super) is_over: bool,
    /// No thread could be started, and there is none.
    pub(super) is_deserted: bool,
    /// Devices that do not answer.
    pub(super) silent: HashSet<u64>,
    pub(super) found: Found,
    pub(super) answers: Vec<(u64, Option<Answer>)>,
    pub(super) asked: u64,
}

/// Where one worker stands.
pub(super) struct Post {
    pub(super) work: Option<Arc<Work>>,
    /// Which entry of its work the worker is at.
    pub(super) position: Arc<AtomicU64>,
    /// Counts the work done here.
    pub(super) turn: u64,
    /// What was seen when it was last seen to move, and when.
    pub(super) seen: (u64, u64),
    pub(super) since: Instant,
    pub(super) is_abandoned: bool,
}

impl State {
    pub(super) fn is_idle(&self) -> bool {
        self.busy == 0 && self.work.is_empty() && self.roots.is_empty() && self.links.is_empty()
    }

    /// The next piece of work: what is at hand, else the next root, else the next link that leads
    /// to a directory.
    pub(super) fn take(&mut self) -> Option<Work> {
        loop {
            let work = match self.work.pop() {
                Some(work) => work,
                None if self.busy > 0 => return None,
                None => match self.roots.pop_front() {
                    Some(path) => Work::Directory { path, parent: Parent::default() },
                    None => {
                        let (path, parent) = self.links.pop_first()?;
                        Work::Directory { path, parent }
                    }
                },
            };
            if work.device().is_some_and(|device| self.silent.contains(&device)) {
                self.give_up(&work, "its file system does not answer");
            } else {
                return Some(work);
            }
        }
    }

    /// Work that nobody will do is a doubt.
    pub(super) fn give_up(&mut self, work: &Work, reason: &str) {
        match work {
            Work::Question(question) => self.answers.push((question.number, None)),
            other => self.found.doubts.push(Doubt {
                path: other.path(),
                kind: DoubtKind::Directory,
                reason: reason.to_owned(),
            }),
        }
    }
}
