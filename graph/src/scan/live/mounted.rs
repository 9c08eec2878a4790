//! What mounts change that no watch tells of.
//!
//! Where a file system is mounted in a directory that is watched the table of mounts tells, by its real path; that is not
//! the one under which it is known where a directory above the roots was renamed. And a file that is mounted over another is written to
//! where it comes from: who watches the directory in which it is shown is told nothing.

use std::path::PathBuf;

use crate::graph::bytes;
use crate::scan::assembly::Step;
use crate::scan::control::Control;
use crate::scan::crew::Crew;
use crate::scan::live::current::Live;
use crate::scan::live::watches::{Dirty, Identity};
use crate::scan::paths::split;
use crate::scan::question::{AT_ONCE, About, Answer, Gap, Question};

impl Live {
    /// Has everything asked if something was mounted in a directory that is known, and the names looked at over which a
    /// file is mounted. One system call for each mount that came or went, and for each file that is mounted so.
    pub(super) fn note_mounts(&self, dirty: &mut Dirty, control: &Control) -> Step<()> {
        let Some(watches) = self.watches.as_ref().filter(|_| !dirty.all) else { return Ok(()) };
        let inner = &self.now.record.inner;
        let came = std::mem::take(&mut dirty.mounts);
        let mut inside = watches.mounts();
        // Directories are known under their own paths, nearly always.
        inside.retain(|place| inner.at(place).is_none());
        if came.is_empty() && inside.is_empty() {
            return Ok(());
        }
        let orders = self.scan.orders(&self.now.record, None, control);
        let crew = Crew::begin(orders, Some(Vec::new()))?;
        for above in above(&crew, &came)? {
            dirty.all |= above.is_none_or(|above| inner.position(above).is_some());
        }
        for (place, above) in inside.iter().zip(above(&crew, &inside)?) {
            let name = split(bytes(place)).1;
            if let Some((folder, _)) = above.and_then(|above| inner.folder(above))
                && folder.folders().all(|folder| folder != name)
            {
                dirty.add([(folder.identity(), name.to_vec())]);
            }
        }
        Ok(())
    }
}

/// The directories in which these lie; one that is nowhere is no directory of anybody's. Nothing where there was no answer.
fn above(crew: &Crew, places: &[PathBuf]) -> Step<Vec<Option<Identity>>> {
    let mut all = Vec::with_capacity(places.len());
    for some in places.chunks(AT_ONCE) {
        let above = |place: &PathBuf| place.parent().unwrap_or(place).to_owned();
        let about =
            About::Several(some.iter().map(|place| About::Identity(above(place))).collect());
        let answer = crew.ask(|number| Question { number, about })?;
        let answers = match answer {
            Some(Answer::Several(answers)) => answers,
            _ => Vec::new(),
        };
        let known = answers.into_iter().map(|answer| match answer {
            Answer::Identity(Ok(identity)) => Some(identity),
            Answer::Identity(Err(Gap::Missing)) => Some((0, 0)),
            _ => None,
        });
        all.extend(known.chain(std::iter::repeat(None)).take(some.len()));
    }
    Ok(all)
}
