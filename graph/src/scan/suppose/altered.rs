//! The record that a scan would have made.

use crate::scan::assembly::Step;
use crate::scan::content::Content;
use crate::scan::crew::Crew;
use crate::scan::part::{Entry, Part};
use crate::scan::question::Gap;
use crate::scan::record::{Brought, Folder, Record};
use crate::scan::suppose::fate;
use crate::scan::suppose::moved::Place;
use crate::scan::suppose::world::{At, Identity, Thing, World};
use std::ffi::CString;
use std::sync::Arc;

impl World {
    /// The record with all that was exchanged. Parts in which nothing was are taken over as they are.
    pub(super) fn altered(&mut self, crew: &Crew) -> Step<Record> {
        let record = self.record.clone();
        let (mut folders, mut parts): (Vec<Folder>, Vec<Brought>) = (Vec::new(), Vec::new());
        for (folder, of_folder) in record.inner.searched() {
            let identity = folder.identity();
            let (path, is_moved) = match self.whereabouts(crew, folder)? {
                Place::Same => (Arc::clone(&folder.path), false),
                Place::In(path) => (path.into(), true),
                Place::Out(_) => continue,
            };
            let at = At { path, identity };
            let mut number = 0;
            for (_, part) in of_folder {
                let concerns = |entry: &Entry| {
                    (is_moved && entry.is_symlink) || self.concerns(identity, part, entry)
                };
                let now = match part.entries.iter().any(concerns) {
                    true => Arc::new(self.part(crew, &at, part, is_moved)?),
                    false => Arc::clone(part),
                };
                parts.push((identity, number, now));
                number += 1;
            }
            let added = self.added(crew, &at)?;
            parts.extend(added.map(|added| (identity, number, Arc::new(added))));
            let within = self.folders(folder);
            folders.push(Folder { path: at.path, folders: within, ..folder.clone() });
        }
        Ok(Record::new(folders, parts))
    }

    /// Whether an entry may be another one.
    fn concerns(&self, directory: Identity, part: &Part, entry: &Entry) -> bool {
        let is_exchanged =
            self.names.get(&directory).is_some_and(|names| names.contains_key(part.name(entry)));
        is_exchanged
            || match entry.measures {
                Some(measures) => {
                    let identity = measures.identity();
                    self.files.contains_key(&identity)
                        || (entry.is_symlink && self.touched.contains(&identity))
                }
                None => entry.is_symlink && self.has_new,
            }
    }

    /// A part as it would be, without the names that were exchanged.
    fn part(&mut self, crew: &Crew, at: &At, part: &Part, is_moved: bool) -> Step<Part> {
        let mut now = Part::default();
        for entry in &part.entries {
            let name = part.name(entry);
            if self.names.get(&at.identity).is_some_and(|names| names.contains_key(name)) {
                continue;
            }
            let identity = entry.measures.map(|measures| measures.identity());
            let is_touched = identity.is_some_and(|it| self.touched.contains(&it));
            let led_nowhere = matches!(entry.content, Content::Elsewhere);
            if entry.is_symlink && (is_touched || led_nowhere || is_moved) {
                let led = self.follow(crew, at, name, led_nowhere && !is_moved)?;
                match led.is_supposed || !led_nowhere || is_moved {
                    true => self.add(&mut now, name, led.to),
                    false => now.copy(part, entry),
                }
                continue;
            }
            let fate = identity.and_then(|it| self.files.get(&it));
            if fate.is_none_or(|fate| !fate.is_gone) {
                fate::add(&mut now, (part, entry), (name, entry.is_symlink), fate);
            }
        }
        Ok(now)
    }

    /// What there is in a directory under exchanged names.
    fn added(&mut self, crew: &Crew, at: &At) -> Step<Option<Part>> {
        let Some(names) = self.names.get(&at.identity) else { return Ok(None) };
        let mut names: Vec<(Box<[u8]>, Thing)> =
            names.iter().filter_map(|(name, thing)| Some((name.clone(), thing.clone()?))).collect();
        names.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        let mut added = Part::default();
        for (name, thing) in names {
            match thing {
                Thing::File(part) => {
                    if let Some(entry) = self.entry(&part, &name, false)
                        && let Some(entry) = fate::only(&entry)
                    {
                        added.copy(entry.0, entry.1);
                    }
                }
                Thing::Directory => {}
                Thing::Link(_) => {
                    let led = self.follow(crew, at, &name, false)?;
                    self.add(&mut added, &name, led.to);
                }
            }
        }
        Ok((!added.entries.is_empty()).then_some(added))
    }

    /// The names of the directories in one.
    fn folders(&self, folder: &Folder) -> Arc<[u8]> {
        let Some(names) = self.names.get(&folder.identity()) else {
            return Arc::clone(&folder.folders);
        };
        let stay = folder.folders().filter(|name| !names.contains_key(*name));
        let come = names.iter().filter(|(_, thing)| matches!(thing, Some(Thing::Directory)));
        let mut come: Vec<&[u8]> = come.map(|(name, _)| &**name).collect();
        come.sort_unstable();
        stay.chain(come).flat_map(|name| [name, b"\0"].concat()).collect()
    }

    /// Adds a symbolic link that leads there.
    fn add(&self, into: &mut Part, name: &[u8], to: Result<Arc<Part>, Gap>) {
        match to {
            Ok(part) => {
                if let Some(part) = self.entry(&part, name, true)
                    && let Some((part, entry)) = fate::only(&part)
                {
                    into.copy(part, entry);
                }
            }
            // Whatever lies there may be a disk.
            Err(Gap::Unreadable(reason)) => {
                if let Ok(name) = CString::new(name) {
                    into.push(&name, true, None, false, Content::Unreadable(reason.into()));
                }
            }
            Err(_) => {}
        }
    }
}
