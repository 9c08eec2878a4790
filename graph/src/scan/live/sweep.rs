//! Files that have changed though nobody could tell: one of a single name that has got a second one out of the scope, and
//! is written to under that. No directory is told of such a link, nor of what is written.
//!
//! So every second some files are asked, whether or not anything was told of them, each of them once in a round: a `stat`
//! each. What is seen to have changed counts as told, whoever follows that up: a patch or a walk.

use std::path::Path;
use std::sync::Arc;

use crate::scan::assembly::Step;
use crate::scan::control::Control;
use crate::scan::crew::Crew;
use crate::scan::live::current::Live;
use crate::scan::live::watches::{Dirty, Identity};
use crate::scan::paths::os_str;
use crate::scan::question::{AT_ONCE, About, Answer, Question, Sight};
use crate::scan::record::Inner;
use crate::sizes::cut;
use crate::sys::{Measures, clock};

/// How often some are asked, in nanoseconds.
const EVERY: i64 = 1_000_000_000;
/// How many.
const SOME: usize = cut(1024, 8);

/// How far the round has come.
#[derive(Debug)]
pub(super) struct Sweep {
    /// When some were asked last.
    last: i64,
    /// Where it goes on: in which directory, and behind how many of its entries.
    at: Option<(Arc<Path>, usize)>,
}

/// A file, and what it was like when it was looked at.
struct Known {
    directory: Identity,
    name: Box<[u8]>,
    path: Box<Path>,
    measures: Measures,
}

impl Known {
    /// Whether it is seen to be as it was. What it occupies changes without anybody doing anything.
    fn is_as(&self, answer: &Option<Answer>) -> bool {
        let Some(Answer::Sight(Sight::File(now))) = answer else { return false };
        now.is_unchanged_since(&self.measures) && now.links == self.measures.links
    }
}

impl Sweep {
    /// Begins now.
    pub(super) fn begun(now: i64) -> Self {
        Self { last: now, at: None }
    }

    fn is_due(&mut self, now: i64) -> bool {
        // A clock that was put back is no reason to wait for long.
        let is_due = now < self.last || now - self.last >= EVERY;
        if is_due {
            self.last = now;
        }
        is_due
    }

    /// The files that are next; of the others it is known that nobody tells, and they are asked every time.
    fn next(&mut self, inner: &Inner) -> Vec<Known> {
        let mut next = Vec::new();
        let (from, mut behind) = match self.at.take() {
            None => (0, 0),
            Some((path, behind)) => {
                let from = inner.folders.partition_point(|folder| folder.path < path);
                let is_there = inner.folders.get(from).is_some_and(|folder| folder.path == path);
                (from, if is_there { behind } else { 0 })
            }
        };
        for (folder, number) in
            inner.folders.iter().zip(0..).skip(from).filter(|(at, _)| at.is_told)
        {
            let (_, parts) = inner.of_position(number).unwrap_or((folder, &[]));
            let entries =
                parts.iter().flat_map(|(_, part)| part.entries.iter().map(move |it| (part, it)));
            for (position, (part, entry)) in entries.enumerate().skip(behind) {
                if next.len() == SOME {
                    self.at = Some((Arc::clone(&folder.path), position));
                    return next;
                }
                let Some(measures) = entry.measures.filter(|_| entry.is_told()) else { continue };
                let name = part.name(entry);
                next.push(Known {
                    directory: folder.identity(),
                    name: name.into(),
                    path: folder.path.join(os_str(name)).into(),
                    measures,
                });
            }
            behind = 0;
        }
        next
    }
}

impl Live {
    /// Lets time go by.
    #[cfg(test)]
    pub(in crate::scan) fn later(&mut self, nanoseconds: i64) {
        self.scan.ahead += nanoseconds;
    }

    /// Asks some files, if it is time. Those that are not as they were, or do not answer, are dirty as if they had been
    /// told of.
    pub(super) fn sweep(&mut self, dirty: &mut Dirty, control: &Control) -> Step<()> {
        if dirty.all || !self.sweep.is_due(clock().saturating_add(self.scan.ahead)) {
            return Ok(());
        }
        let next = self.sweep.next(&self.now.record.inner);
        if next.is_empty() {
            return Ok(());
        }
        let orders = self.scan.orders(&self.now.record, None, control);
        let crew = Crew::begin(orders, Some(Vec::new()))?;
        for some in next.chunks(AT_ONCE) {
            let ask = |known: &Known| About::Sight(known.path.to_path_buf(), false);
            let about = About::Several(some.iter().map(ask).collect());
            let answers = match crew.ask(|number| Question { number, about })? {
                Some(Answer::Several(answers)) => answers,
                _ => Vec::new(),
            };
            let answers = answers.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
            let changed = some.iter().zip(answers).filter(|(known, now)| !known.is_as(now));
            dirty.add(changed.map(|(known, _)| (known.directory, known.name.to_vec())));
        }
        Ok(())
    }
}
