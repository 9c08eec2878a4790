//! Directories that are watched: only what the system has told of is looked at.

use std::collections::HashSet;
use std::ffi::CString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use diskdag_qcow2::open::Stat;

use crate::scan::paths::os_str;
use crate::scan::record::{Folder, OfFolder, Part};
use crate::scan::walk::Worker;
use crate::scan::work::{Batch, Parent, Place, Revisit, Revisited, Work};
use crate::sys::{Asked, Directory, EntryKind};

/// Parts of fewer entries are put together, so that many small changes leave few parts.
pub(super) const SMALL: usize = 64;

impl Worker<'_> {
    /// Takes over what is known of a directory that was watched since it was listed, but for the
    /// names that were told of: those are looked at. One of which nothing is known is given back.
    pub(super) fn as_told(&mut self, directory: Directory, path: &Path) -> Option<Directory> {
        let identity = directory.measures.identity();
        let orders = &self.shared.orders;
        let before = orders.before.clone();
        let Some((old, parts)) = before.inner.folder(identity) else { return Some(directory) };
        let dirty = orders.trust.as_ref().map(|trust| Arc::clone(&trust.dirty));
        let names = dirty.as_ref().and_then(|dirty| dirty.names.get(&identity));
        let path: Arc<Path> = path.into();
        let device = Some(directory.measures.device);
        let parent = Parent { device, is_remote: false, is_link: false };
        let at = Place {
            is_trusted: true,
            directory,
            path: Arc::clone(&path),
            is_remote: false,
            known: None,
        };
        let mut folder = Folder { path: Arc::clone(&path), is_told: true, ..old.clone() };
        let mut kept: Vec<Arc<Part>> = parts.iter().map(|(_, part)| Arc::clone(part)).collect();
        if let Some(names) = names {
            // Its listing is patched, not made anew: whoever has no watch is not to rest on it.
            folder.is_settled = false;
            let stay = |name: &&[u8]| !names.contains(*name);
            let stay = old.folders().filter(stay);
            let mut folders: Vec<u8> = stay.flat_map(|name| [name, b"\0"].concat()).collect();
            kept = without(parts, names);
            kept.push(Arc::new(self.look_at(&at, names, &mut folders)));
            folder.folders = folders.into();
        }
        let below = |name| Work::Directory { path: path.join(os_str(name)), parent };
        self.done.work.extend(folder.folders().map(below));
        self.done.found.folders.push(folder);
        let at = Arc::new(at);
        for (entries, number) in kept.into_iter().zip(0..) {
            match entries.tally().untold {
                0 => self.hand_in(&at, number, entries),
                _ => {
                    self.done.work.push(Work::Known(Batch { at: Arc::clone(&at), number, entries }))
                }
            }
        }
        None
    }

    /// Looks at what was told of in a watched directory, and at what nobody tells of, and at nothing
    /// else. Directories that are new are walked.
    pub(super) fn revisit(&mut self, revisit: &Revisit) {
        let Revisit { folder, names, below, parts } = revisit;
        self.pass(&folder.path, None);
        let directory = match Directory::open(&folder.path) {
            Ok(directory) if directory.measures.identity() == folder.measures.identity() => {
                directory
            }
            _ => return self.done.found.needs_walk = true,
        };
        for (name, identity) in below {
            let asked = CString::new(&**name).map(|name| directory.ask(&name, false));
            let is_it = |asked: Asked| {
                asked.kind == EntryKind::Directory && asked.measures.identity() == *identity
            };
            if !asked.is_ok_and(|asked| asked.is_ok_and(is_it)) {
                return self.done.found.needs_walk = true;
            }
        }
        let began = self.shared.orders.now();
        let device = Some(directory.measures.device);
        let parent = Parent { device, is_remote: false, is_link: false };
        let path = Arc::clone(&folder.path);
        let at = Place { is_trusted: true, directory, path, is_remote: false, known: None };
        let mut folders = Vec::new();
        let mut rest = self.look_at(&at, names, &mut folders);
        let (mut before, mut now) = (Vec::new(), Vec::new());
        for old in parts {
            let new = self.renewed(&at, old, began, names);
            if self.done.was_stopped {
                return;
            }
            let is_small = !names.is_empty() && old.entries.len() < SMALL;
            match new {
                None if !is_small => continue,
                Some(new) if new.entries.len() >= SMALL => now.push(Arc::new(new)),
                Some(new) => new.entries.iter().for_each(|entry| rest.copy(&new, entry)),
                None => old.entries.iter().for_each(|entry| rest.copy(old, entry)),
            }
            before.push(Arc::clone(old));
        }
        if !rest.entries.is_empty() {
            now.push(Arc::new(rest));
        }
        // Walked already, nearly always: whoever knows what was walked says so.
        for (path, _) in std::mem::take(&mut self.done.links) {
            match std::fs::metadata(&path).map(|metadata| Stat::of(&metadata)) {
                Ok(stat) => self.done.found.led.push((path, (stat.device, stat.inode))),
                Err(_) => return self.done.found.needs_walk = true,
            }
        }
        let new = Folder { folders: folders.into(), ..folder.clone() };
        let below = |name| Work::Directory { path: new.path.join(os_str(name)), parent };
        self.done.work.extend(new.folders().map(below));
        self.done.found.counts.directories += 1;
        self.done.found.revisited.push(Revisited {
            identity: folder.measures.identity(),
            was_told: !names.is_empty(),
            folders: new.folders.to_vec(),
            before,
            now,
        });
    }

    /// What lies under these names now.
    fn look_at(&mut self, at: &Place, names: &HashSet<Vec<u8>>, folders: &mut Vec<u8>) -> Part {
        let began = self.shared.orders.now();
        let mut part = Part::default();
        let mut names: Vec<&Vec<u8>> = names.iter().collect();
        names.sort_unstable();
        for name in names {
            let Ok(name) = CString::new(&**name) else { continue };
            self.pass(&at.path, Some(&name));
            match at.directory.ask(&name, false).map(|asked| asked.kind) {
                Ok(EntryKind::Directory) => folders.extend_from_slice(name.as_bytes_with_nul()),
                Ok(EntryKind::Symlink) => self.look(at, &name, true, began, &mut part),
                Ok(EntryKind::Special) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Ok(EntryKind::File | EntryKind::Unknown) | Err(_) => {
                    self.look(at, &name, false, began, &mut part);
                }
            }
        }
        part
    }
}

/// The entries of all parts but these, the small ones together.
fn without(parts: &[OfFolder], names: &HashSet<Vec<u8>>) -> Vec<Arc<Part>> {
    let mut kept = Vec::with_capacity(parts.len());
    let mut small = Part::default();
    for (_, part) in parts {
        let is_told_of = part.entries.iter().any(|entry| names.contains(part.name(entry)));
        if !is_told_of && part.entries.len() >= SMALL {
            kept.push(Arc::clone(part));
            continue;
        }
        let mut rest = Part::default();
        let into = if part.entries.len() < SMALL { &mut small } else { &mut rest };
        for entry in part.entries.iter().filter(|entry| !names.contains(part.name(entry))) {
            into.copy(part, entry);
        }
        kept.push(Arc::new(rest));
    }
    kept.push(Arc::new(small));
    kept.retain(|part| !part.entries.is_empty());
    kept
}
