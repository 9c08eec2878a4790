//! Directories that are watched: only what the system has told of is looked at.

use std::collections::HashSet;
use std::ffi::CString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diskdag_qcow2::open::Stat;

use crate::doubt::{Doubt, DoubtKind};
use crate::scan::content::Content;
use crate::scan::part::{Entry, Part};
use crate::scan::paths::os_str;
use crate::scan::record::Folder;
use crate::scan::walk::Worker;
use crate::scan::work::{Batch, Parent, Place, Revisit, Revisited, Work};
use crate::sys::{Asked, Directory, EntryKind, causes};

/// Parts of fewer entries are put together, so that many small changes leave few parts.
pub(super) const SMALL: usize = 64;

impl Worker<'_> {
    /// Takes over what is known of a directory that was watched since it was listed, but for the
    /// names that were told of: those are looked at. One of which nothing is known is given back.
    pub(super) fn as_told(&mut self, directory: Directory, path: &Path) -> Option<Directory> {
        let identity = directory.measures.identity();
        let orders = &self.shared.orders;
        let before = orders.before.clone();
        let Some((old, parts)) = before.inner.folder(identity).filter(|(old, _)| old.is_told)
        else {
            return Some(directory);
        };
        let dirty = orders.trust.as_ref().map(|trust| Arc::clone(&trust.dirty));
        if dirty.as_ref().is_some_and(|dirty| dirty.names.contains_key(&identity))
            && is_closed(&directory)
        {
            return Some(directory);
        }
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
            let small;
            (kept, small) = without(parts.iter().map(|(_, part)| part), names);
            kept.push(Arc::new(small));
            kept.push(Arc::new(self.look_at(&at, names, &mut folders)));
            folder.folders = folders.into();
        }
        let below = |name| Work::Directory { path: path.join(os_str(name)), parent };
        self.done.work.extend(folder.folders().map(below));
        self.done.found.folders.push(folder);
        kept.retain(|part| !part.entries.is_empty());
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

    /// Looks at what was told of in a watched directory, and at nothing else. Directories that are new there are walked.
    pub(super) fn revisit(&mut self, revisit: &Revisit) {
        let Revisit { folder, names, below, parts } = revisit;
        let identity = folder.measures.identity();
        self.pass(&folder.path, None);
        let directory = match Directory::open(&folder.path) {
            Ok(directory) if directory.measures.identity() == identity => directory,
            Ok(_) => return self.done.found.moved.push(identity),
            Err(error) if is_nowhere(&error) => return self.done.found.moved.push(identity),
            Err(error) => {
                let (path, kind) = (folder.path.to_path_buf(), DoubtKind::Directory);
                let doubt = Doubt { path, kind, reason: causes(&error) };
                return self.done.found.closed.push((identity, doubt));
            }
        };
        if is_closed(&directory) {
            return self.done.found.needs_walk = true;
        }
        let mut names = names.clone();
        for (name, identity) in below {
            if self.is_still(&directory, name, *identity) {
                names.remove(name);
            }
        }
        let device = Some(directory.measures.device);
        let parent = Parent { device, is_remote: false, is_link: false };
        let path = Arc::clone(&folder.path);
        let at = Place { is_trusted: true, directory, path, is_remote: false, known: None };
        let mut folders = Vec::new();
        let gone =
            folder.folders().filter(|name| names.contains(*name)).map(<[u8]>::to_vec).collect();
        let rest = self.look_at(&at, &names, &mut folders);
        let ends = |path: &PathBuf| self.done.links.iter().all(|(link, _)| link != path);
        let links = rest.entries.iter().filter(|entry| entry.is_symlink);
        let links = links.filter(|entry| matches!(entry.content, Content::Elsewhere));
        let links = links.map(|entry| at.path.join(os_str(rest.name(entry))));
        let dangling: Vec<PathBuf> = links.filter(ends).collect();
        self.done.found.dangling.extend(dangling);
        let (mut kept, mut small) = without(parts.iter(), &names);
        rest.entries.iter().for_each(|entry| small.copy(&rest, entry));
        kept.extend((!small.entries.is_empty()).then(|| Arc::new(small)));
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
            identity,
            told: names,
            folders: new.folders.to_vec(),
            gone,
            before: parts.clone(),
            now: kept,
        });
    }

    /// Whether a name is still that of the very directory that it was.
    fn is_still(&self, directory: &Directory, name: &[u8], identity: (u64, u64)) -> bool {
        let trust = self.shared.orders.trust.as_ref();
        // One that was removed and made again often gets the same number.
        if trust.is_some_and(|trust| trust.dirty.lost.contains(&identity)) {
            return false;
        }
        let asked = CString::new(name).map(|name| directory.ask(&name, false));
        let is_it = |asked: Asked| {
            asked.kind == EntryKind::Directory && asked.measures.identity() == identity
        };
        asked.is_ok_and(|asked| asked.is_ok_and(is_it))
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

/// Whether a directory may be listed, and nothing in it asked about: then only its listing says what its names are. Who
/// may do that is told of it like a move.
fn is_closed(directory: &Directory) -> bool {
    directory.ask(c".", false).is_err()
}

/// Whether no path leads there any more.
fn is_nowhere(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The entries of all parts but these: those of parts that are as they were or still large, and all others together.
fn without<'p>(
    parts: impl Iterator<Item = &'p Arc<Part>>,
    names: &HashSet<Vec<u8>>,
) -> (Vec<Arc<Part>>, Part) {
    let mut kept = Vec::new();
    let mut small = Part::default();
    for part in parts {
        let stays = |entry: &&Entry| !names.contains(part.name(entry));
        let count = part.entries.iter().filter(stays).count();
        if count == part.entries.len() && count >= SMALL {
            kept.push(Arc::clone(part));
            continue;
        }
        let mut rest = Part::default();
        let into = if count < SMALL { &mut small } else { &mut rest };
        part.entries.iter().filter(stays).for_each(|entry| into.copy(part, entry));
        if !rest.entries.is_empty() {
            kept.push(Arc::new(rest));
        }
    }
    (kept, small)
}
