//! What can change without being told, kept as a list: a refresh asks about each of these once, and about nothing else
//! that it was not told of.
//!
//! These are symbolic links, files that can be written to under another name, and what could not be read.

use std::collections::{BTreeMap, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::scan::assembly::Step;
use crate::scan::content::Content;
use crate::scan::crew::Crew;
use crate::scan::live::watches::{Identity, NamesIn};
use crate::scan::part::{Entry, Part};
use crate::scan::paths::os_str;
use crate::scan::question::{AT_ONCE, About, Answer, Question, Sight};
use crate::scan::record::Inner;

/// All of it, by the directory that it is in.
#[derive(Debug, Default)]
pub(super) struct Untold {
    /// In the order of the names.
    by_directory: BTreeMap<Identity, Vec<Item>>,
}

/// One name.
#[derive(Debug)]
struct Item {
    name: Box<[u8]>,
    path: Box<Path>,
    is_symlink: bool,
    /// No file is known there.
    is_elsewhere: bool,
    /// What was seen there when what is known was learned. Nothing where that has to be looked at anew in any case.
    seen: Option<Sight>,
}

/// What has changed, and what is seen there now.
pub(super) struct Seen {
    pub(super) names: NamesIn,
    sights: Vec<(Identity, Box<[u8]>, Sight)>,
    /// How many were asked about.
    pub(super) asked: u64,
}

impl Untold {
    /// Makes it that of all that a walk has found. What was seen is still what is known, or it is seen to have changed; but
    /// of what symbolic links lead to only the walk itself knows what it went by.
    pub(super) fn renew(&mut self, inner: &Inner, led: &[(PathBuf, Identity)]) {
        let mut untold = Self { by_directory: std::mem::take(&mut self.by_directory) };
        untold.by_directory.retain(|directory, _| inner.position(*directory).is_some());
        let known: Vec<Identity> = untold.by_directory.keys().copied().collect();
        let mut last = None;
        for (folder, part) in &inner.parts {
            if part.tally().untold > 0 && last.replace(*folder) != Some(*folder) {
                let folder = inner.folders.get(*folder as usize);
                folder.into_iter().for_each(|folder| untold.note(inner, folder.identity()));
            }
        }
        // There may be nothing of the sort in them any more.
        known.into_iter().for_each(|directory| untold.note(inner, directory));
        for item in untold.by_directory.values_mut().flatten().filter(|item| item.is_elsewhere) {
            item.led_to(None);
        }
        untold.lead(inner, led);
        *self = untold;
    }

    /// Notes where symbolic links were seen to lead by who followed them.
    pub(super) fn lead(&mut self, inner: &Inner, led: &[(PathBuf, Identity)]) {
        for (path, to) in led {
            if let Some(item) = self.item(inner, path) {
                item.led_to(Some(*to));
            }
        }
    }

    /// Notes what was seen to lead to no directory.
    pub(super) fn lead_nowhere(&mut self, inner: &Inner, dangling: &[PathBuf]) {
        for path in dangling {
            if let Some(item) = self.item(inner, path) {
                item.led_to(None);
            }
        }
    }

    /// What is no file at a path.
    fn item(&mut self, inner: &Inner, path: &Path) -> Option<&mut Item> {
        let (folder, _) = inner.of_position(inner.at(path.parent()?)?)?;
        let items = self.by_directory.get_mut(&folder.identity())?;
        let at = position(items, path.file_name()?.as_bytes())?;
        items.get_mut(at).filter(|item| item.is_elsewhere)
    }

    /// Whether a symbolic link leads to one of these directories.
    pub(super) fn leads_to(&self, directories: &[Identity]) -> bool {
        let led = |item: &Item| match item.seen {
            Some(Sight::Directory(identity)) => directories.contains(&identity),
            _ => false,
        };
        !directories.is_empty() && self.by_directory.values().flatten().any(led)
    }

    /// Asks about all.
    pub(super) fn look(&self, crew: &Crew) -> Step<Option<Seen>> {
        let all = self.by_directory.iter();
        let all: Vec<(Identity, &Item)> =
            all.flat_map(|(at, items)| items.iter().map(|item| (*at, item))).collect();
        let mut seen =
            Seen { names: NamesIn::default(), sights: Vec::new(), asked: all.len() as u64 };
        for some in all.chunks(AT_ONCE) {
            let ask = |(_, item): &(Identity, &Item)| {
                About::Sight(item.path.to_path_buf(), item.is_symlink)
            };
            let about = About::Several(some.iter().map(ask).collect());
            let answer = crew.ask(|number| Question { number, about })?;
            let Some(Answer::Several(answers)) = answer else { return Ok(None) };
            for ((at, item), answer) in some.iter().zip(answers) {
                let Answer::Sight(now) = answer else { return Ok(None) };
                if item.seen.as_ref() != Some(&now) || now == Sight::Unknown {
                    seen.names.entry(*at).or_default().insert(item.name.to_vec());
                    seen.sights.push((*at, item.name.clone(), now));
                }
            }
        }
        Ok(Some(seen))
    }

    /// Notes anew what is in a directory, or that there is no such directory any more.
    pub(super) fn note(&mut self, inner: &Inner, directory: Identity) {
        let before = self.by_directory.remove(&directory).unwrap_or_default();
        let Some((folder, parts)) = inner.folder(directory) else { return };
        let mut items = Vec::new();
        for (_, part) in parts.iter().filter(|(_, part)| part.tally().untold > 0) {
            for entry in part.entries.iter().filter(|entry| !entry.is_told()) {
                let name = part.name(entry);
                let known = position(&before, name).and_then(|at| before.get(at));
                items.push(Item {
                    name: name.into(),
                    path: folder.path.join(os_str(name)).into(),
                    is_symlink: entry.is_symlink,
                    is_elsewhere: matches!(entry.content, Content::Elsewhere),
                    seen: seen_of(entry, known),
                });
            }
        }
        items.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        if !items.is_empty() {
            self.by_directory.insert(directory, items);
        }
    }

    /// Notes what was seen where no file is, before that was looked at.
    pub(super) fn keep(&mut self, seen: Seen) {
        for (directory, name, sight) in seen.sights {
            if let Some(items) = self.by_directory.get_mut(&directory)
                && let Some(item) = position(items, &name).and_then(|at| items.get_mut(at))
                && item.is_elsewhere
            {
                item.seen = Some(sight);
            }
        }
    }
}

impl Item {
    /// It led to this directory, or to none, when that was followed: what was seen before or after that is not what is
    /// known.
    fn led_to(&mut self, directory: Option<Identity>) {
        match directory {
            Some(identity) => self.seen = Some(Sight::Directory(identity)),
            None if matches!(self.seen, Some(Sight::Directory(_))) => self.seen = None,
            None => {}
        }
    }
}

/// Where a name is among items.
fn position(items: &[Item], name: &[u8]) -> Option<usize> {
    items.binary_search_by(|item| (*item.name).cmp(name)).ok()
}

/// What was seen when this was learned of an entry.
fn seen_of(entry: &Entry, before: Option<&Item>) -> Option<Sight> {
    match (&entry.content, entry.measures) {
        (Content::Elsewhere, _) => {
            let is_same = |item: &&Item| item.is_elsewhere && item.is_symlink == entry.is_symlink;
            before.filter(is_same)?.seen.clone()
        }
        (Content::Unreadable(_), _) => None,
        (_, Some(measures)) if entry.is_settled => Some(Sight::File(measures)),
        _ => None,
    }
}

/// Whether one of these names, in this part, can change without being told.
pub(super) fn holds_any(part: &Part, names: &HashSet<Vec<u8>>) -> bool {
    part.tally().untold > 0
        && part.entries.iter().any(|entry| !entry.is_told() && names.contains(part.name(entry)))
}
