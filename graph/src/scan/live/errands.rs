//! What a refresh sends its workers to look at.

use std::collections::{BTreeSet, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use crate::doubt::{Doubt, DoubtKind};
use crate::scan::assembly::Step;
use crate::scan::crew::Crew;
use crate::scan::gather::Base;
use crate::scan::live::current::Live;
use crate::scan::live::untold::holds_any;
use crate::scan::live::watches::{Dirty, Identity, NamesIn};
use crate::scan::part::Part;
use crate::scan::paths::os_str;
use crate::scan::question::{About, Answer, Question};
use crate::scan::record::Inner;
use crate::scan::tables::Tables;
use crate::scan::told::SMALL;
use crate::scan::work::{Parent, Revisit, Work};

impl Live {
    /// What has to be looked at: names that were told of, or that are another thing than was known; and directories
    /// that could not be entered. Nothing where only a walk can say.
    pub(super) fn errands(&self, base: &Base, names: &NamesIn, dirty: &Dirty) -> Option<Vec<Work>> {
        let inner = &self.now.record.inner;
        // Where those were whose watch has ended whoever had them in it was told.
        let places: BTreeSet<Identity> =
            names.keys().filter(|place| !dirty.lost.contains(place)).copied().collect();
        let revisits = places.into_iter().map(|place| {
            let names = names.get(&place)?;
            revisit(inner, &base.tables, names, place).map(Work::Revisit)
        });
        let mut work: Vec<Work> = revisits.collect::<Option<_>>()?;
        for doubt in &base.doubts {
            let again = again(inner, doubt, self.scan.scope.roots.contains(&doubt.path))?;
            // Else it is met where it was told of.
            if !is_told_of(inner, names, doubt) {
                work.push(again);
            }
        }
        Some(work)
    }

    /// Whether directories that are known may be met under other paths: then one of them was told of.
    pub(super) fn may_move(&self, dirty: &Dirty) -> bool {
        let inner = &self.now.record.inner;
        let holds = |(place, names): (&Identity, &HashSet<Vec<u8>>)| {
            let folder = inner.folder(*place).map(|(folder, _)| folder);
            folder.is_some_and(|folder| folder.folders().any(|name| names.contains(name)))
        };
        !dirty.lost.is_empty() || !dirty.themselves.is_empty() || dirty.names.iter().any(holds)
    }

    /// Whether the roots are the directories that they were: of their names nobody is told.
    pub(super) fn has_roots(&self, base: &Base, crew: &Crew) -> Step<bool> {
        let inner = &self.now.record.inner;
        let mut expected = Vec::new();
        let mut questions = Vec::new();
        for root in &self.scan.scope.roots {
            match inner.at(root).and_then(|at| inner.of_position(at)) {
                Some((folder, _)) => {
                    expected.push(folder.identity());
                    questions.push(About::Identity(root.clone()));
                }
                // That is tried once more.
                None if base.doubts.iter().any(|doubt| doubt.path == *root) => {}
                None => return Ok(false),
            }
        }
        if questions.is_empty() {
            return Ok(true);
        }
        let about = About::Several(questions);
        let answer = crew.ask(|number| Question { number, about })?;
        let Some(Answer::Several(answers)) = answer else { return Ok(false) };
        let now = answers.iter().map(|answer| match answer {
            Answer::Identity(Ok(now)) => Some(*now),
            _ => None,
        });
        Ok(now.eq(expected.into_iter().map(Some)))
    }
}

/// A directory that could not be entered tried once more.
fn again(inner: &Inner, doubt: &Doubt, is_root: bool) -> Option<Work> {
    let path = doubt.path.clone();
    if doubt.kind != DoubtKind::Directory || inner.at(&path).is_some() {
        return None;
    }
    if is_root {
        return Some(Work::Directory { path, parent: Parent::default() });
    }
    let (above, name) = (path.parent()?, path.file_name()?.as_bytes());
    let (above, _) = inner.of_position(inner.at(above)?)?;
    if !above.is_told || !above.folders().any(|below| below == name) {
        return None;
    }
    let parent = Parent { device: Some(above.measures.device), is_remote: false, is_link: false };
    Some(Work::Directory { path, parent })
}

fn is_told_of(inner: &Inner, names: &NamesIn, doubt: &Doubt) -> bool {
    let above = doubt.path.parent().and_then(|above| inner.of_position(inner.at(above)?));
    let names = above.and_then(|(above, _)| names.get(&above.identity()));
    let name = doubt.path.file_name().map(OsStrExt::as_bytes);
    names.zip(name).is_some_and(|(names, name)| names.contains(name))
}

fn revisit(
    inner: &Inner,
    tables: &Tables,
    names: &HashSet<Vec<u8>>,
    place: Identity,
) -> Option<Revisit> {
    let (folder, parts) = inner.folder(place)?;
    if !folder.is_told {
        return None;
    }
    let mut below = Vec::new();
    if !names.is_empty() {
        for name in folder.folders().filter(|name| names.contains(*name)) {
            let at = inner.at(&folder.path.join(os_str(name)));
            // What could not be entered is not known.
            let known = at.and_then(|at| inner.of_position(at));
            below.extend(known.map(|(folder, _)| (name.to_vec(), folder.identity())));
        }
    }
    let directory = tables.directories.of_identity(place)?;
    let part_of = |name: &Vec<u8>| Some(tables.part_of(tables.find_name(directory, name)?));
    let concerned: HashSet<*const Part> =
        names.iter().filter_map(part_of).map(Arc::as_ptr).collect();
    // Those that are no files are not kept by name.
    let is_concerned = |part: &&Arc<Part>| {
        concerned.contains(&Arc::as_ptr(part))
            || (!names.is_empty() && (part.entries.len() < SMALL || holds_any(part, names)))
    };
    let parts = parts.iter().map(|(_, part)| part).filter(is_concerned).cloned().collect();
    Some(Revisit { folder: folder.clone(), names: names.clone(), below, parts })
}
