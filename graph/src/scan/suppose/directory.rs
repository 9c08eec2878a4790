//! A directory that is moved, with all that is in it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::scan::paths::os_str;
use crate::scan::record::Folder;
use crate::scan::suppose::moved::Place;
use crate::scan::suppose::run::{Draft, Taken};
use crate::scan::suppose::supposition::SupposeError;
use crate::scan::suppose::world::{At, Identity, Seen, Thing};

impl Draft<'_> {
    /// Takes in that a directory would be elsewhere.
    pub(super) fn move_directory(
        &mut self,
        (at, name): (&At, &[u8]),
        from: &Path,
        to: &Path,
    ) -> Taken {
        let moved = self.directory(from)?;
        let record = Arc::clone(&self.world.record.inner);
        let searched = record.folder(moved.identity);
        let (folder, _) = searched
            .filter(|_| record.was_searched(moved.identity))
            .ok_or_else(|| SupposeError::NotSearched { path: from.to_owned() })?;
        let roots = self.scanned.scan.scope.roots.clone();
        let roots: Vec<At> = roots.iter().filter_map(|root| self.directory(root).ok()).collect();
        let goes = |root: &At| root.path.starts_with(&moved.path);
        let is_around = |root: &At| root.path != moved.path && moved.path.starts_with(&root.path);
        // What lies in another one is searched from there.
        if roots.iter().any(goes) && !roots.iter().any(is_around) {
            return Err(SupposeError::Root { path: from.to_owned() });
        }
        // Behind a slash at the end there is nothing.
        let mut to: PathBuf = to.components().collect();
        let (mut to_at, mut to_name) = self.place(&to)?;
        let mut there = self.look(&to_at, &to_name, &to)?;
        if matches!(there, Seen::Directory | Seen::Link { to_directory: true, .. }) {
            to_at = self.directory(&to)?;
            to_name = name.to_vec();
            to = to.join(os_str(name));
            there = self.look(&to_at, &to_name, &to)?;
        }
        if (at.identity, name) == (to_at.identity, &*to_name) {
            return Err(SupposeError::SameFile { path: to });
        }
        if to_at.path.starts_with(&moved.path) {
            return Err(SupposeError::Inside { path: to });
        }
        if !matches!(there, Seen::Nothing) || to_name.is_empty() {
            return Err(SupposeError::Exists { path: to });
        }
        // What was named as well lies where it is shown, once.
        let is_shown = |identity: Identity, path: &Path| {
            record.folder(identity).is_some_and(|(folder, _)| *folder.path == *path)
        };
        let lies_twice = |(identity, path): &(Identity, PathBuf)| {
            path.starts_with(&folder.path) && !is_shown(*identity, path)
        };
        if at.identity.0 != moved.identity.0 || record.elsewhere().iter().any(lies_twice) {
            return Err(SupposeError::Mounted { path: from.to_owned() });
        }
        if moved.identity.0 != to_at.identity.0 {
            self.copy_all(folder)?;
        }
        let path = to_at.path.join(os_str(&to_name));
        // As long as their paths lead there.
        for image in 0..self.images.len() {
            let Some(asked) = self.images.get(image).cloned() else { continue };
            let Ok((lies, called)) = self.place(&asked) else { continue };
            if let Ok(rest) = lies.path.strip_prefix(&moved.path) {
                self.images[image] = path.join(rest).join(os_str(&called));
            }
        }
        self.world.exchange(at, name, None);
        self.world.exchange(&to_at, &to_name, Some(Thing::Directory));
        self.world.shift(folder, &moved.path, path);
        Ok(())
    }

    /// Everything in it is copied to another file system, each file once. What others know by hard links is another
    /// file then.
    fn copy_all(&mut self, folder: &Folder) -> Taken {
        let record = Arc::clone(&self.world.record.inner);
        let mut names: HashMap<Identity, (u64, u64, PathBuf)> = HashMap::new();
        let within = record.searched().filter(|(other, _)| other.path.starts_with(&folder.path));
        for (other, parts) in within {
            for (part, entry) in parts
                .iter()
                .flat_map(|(_, part)| part.entries.iter().map(move |entry| (part, entry)))
            {
                let Some(measures) = entry.measures.filter(|_| !entry.is_symlink) else { continue };
                let path = || other.path.join(os_str(part.name(entry)));
                let known = names.entry(measures.identity());
                let (missing, _, _) =
                    known.or_insert_with(|| (measures.links, measures.allocated, path()));
                *missing = missing.saturating_sub(1);
            }
        }
        for (missing, allocated, path) in names.into_values() {
            if missing > 0 {
                return Err(SupposeError::Linked { path });
            }
            self.copied = self.copied.saturating_add(allocated);
        }
        Ok(())
    }

    /// The disks in directories that were moved are asked about where they would be: also where nobody would look.
    pub(super) fn come_along(&mut self) -> Taken {
        if self.world.moved.is_empty() {
            return Ok(());
        }
        let record = Arc::clone(&self.world.record.inner);
        for (folder, parts) in record.searched() {
            let now = match self.world.whereabouts(self.crew, folder)? {
                Place::Same => continue,
                Place::In(path) | Place::Out(path) => path,
            };
            let names = parts
                .iter()
                .flat_map(|(_, part)| part.entries.iter().map(move |entry| part.name(entry)));
            let disks = names.map(os_str);
            let disks =
                disks.filter(|name| self.scanned.graph.find(&folder.path.join(name)).is_some());
            self.images.extend(disks.map(|name| now.join(name)));
        }
        Ok(())
    }
}
