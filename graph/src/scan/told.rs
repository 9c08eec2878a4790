//! Directories that are watched: only what the system has told of is looked at.

use std::collections::HashSet;
use std::ffi::CString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::scan::paths::os_str;
use crate::scan::record::{Folder, OfFolder, Part};
use crate::scan::walk::Worker;
use crate::scan::work::{Batch, Parent, Place, Work};
use crate::sys::{Directory, EntryKind};

/// Parts of fewer entries are put together, so that many small changes leave few parts.
const SMALL: usize = 64;

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
        let parent = Parent { device: Some(directory.measures.device), is_remote: false };
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
            folder.folders = old
                .folders()
                .filter(stay)
                .flat_map(|name| [name, b"\0"])
                .flatten()
                .copied()
                .collect();
            kept = without(parts, names);
            kept.push(Arc::new(self.look_at(&at, names, &mut folder.folders)));
        }
        let below = |name| Work::Directory { path: path.join(os_str(name)), parent };
        self.done.work.extend(folder.folders().map(below));
        self.done.found.folders.push(folder);
        let at = Arc::new(at);
        self.done.work.extend(
            kept.into_iter().zip(0..).map(|(entries, number)| {
                Work::Known(Batch { at: Arc::clone(&at), number, entries })
            }),
        );
        None
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
