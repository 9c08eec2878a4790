//! Looking into files, and into those that an earlier scan has looked into.

use std::ffi::CStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diskdag_qcow2::open::{FileKind, OpenError, Stat, open_image_if};

use crate::scan::content::{Content, read};
use crate::scan::part::{Entry, Part};
use crate::scan::paths::os_str;
use crate::scan::record::Folder;
use crate::scan::walk::{Worker, os_name};
use crate::scan::work::{Batch, Known, Parent, Place, Work};
use crate::sys::{
    Asked, Directory, EntryKind, Measures, Residence, causes, is_symlink_loop, residence,
    voluntary_waits,
};

impl Worker<'_> {
    /// One name of a directory: what is known of it if it still holds, else what it holds now.
    pub(super) fn entry(
        &mut self,
        at: &Place,
        name: &CStr,
        is_symlink: bool,
        began: i64,
        part: &mut Part,
    ) {
        let known = at.known.as_ref().and_then(|known| known.get(name, is_symlink));
        if let Some((old, entry)) = known
            && let Some(measures) = self.still_holds(&at.directory, name, entry)
        {
            return part.keep(old, entry, measures);
        }
        self.look(at, name, is_symlink, began, part);
    }

    /// The entries of a directory that has not changed: one `stat` each, and nothing more for those
    /// that have not changed either.
    pub(super) fn known(&mut self, batch: &Batch<Arc<Part>>) {
        let Batch { at, number, entries: old } = batch;
        self.waits = voluntary_waits();
        let waited = self.waits;
        let began = self.shared.orders.now();
        let new = self.renewed(at, old, began);
        if self.done.was_stopped {
            return;
        }
        let part = new.map_or_else(|| Arc::clone(old), Arc::new);
        self.hand_in(at, *number, part);
        let more = voluntary_waits().saturating_sub(waited);
        self.done.has_waited = more > old.entries.len() as u64 / 8;
    }

    /// A part as it is now, if it is another than it was.
    fn renewed(&mut self, at: &Place, old: &Part, began: i64) -> Option<Part> {
        let mut new: Option<Part> = None;
        for (position, entry) in old.entries.iter().enumerate() {
            if self.is_stopped_at(position) {
                return None;
            }
            let Some(name) = old.c_name(entry) else { continue };
            if at.is_trusted && entry.is_told() {
                if let Some(new) = &mut new {
                    new.copy(old, entry);
                }
                continue;
            }
            self.pass(&at.path, Some(name));
            let still = self.still_holds(&at.directory, name, entry);
            if still.is_some() && still == entry.measures && new.is_none() {
                continue;
            }
            let new = new.get_or_insert_with(|| old.beginning(position));
            match still {
                Some(measures) => new.keep(old, entry, measures),
                None => self.look(at, name, entry.is_symlink, began, new),
            }
        }
        new
    }

    /// Hands out the entries of a directory that has not changed since an earlier scan listed it.
    /// Any other is given back.
    pub(super) fn as_before(
        &mut self,
        directory: Directory,
        path: &Path,
        is_remote: bool,
    ) -> Option<Directory> {
        let measures = directory.measures;
        let before = &self.shared.orders.before.inner;
        let Some((old, parts)) = before.folder(measures.identity()) else { return Some(directory) };
        if !old.is_settled || !measures.is_unchanged_since(&old.measures) {
            return Some(directory);
        }
        let path: Arc<Path> = path.into();
        let parent = Parent { device: Some(measures.device), is_remote, is_link: false };
        let below = |name| Work::Directory { path: path.join(os_str(name)), parent };
        self.done.work.extend(old.folders().map(below));
        let (is_told, of) = (!is_remote, Arc::clone(&path));
        self.done.found.folders.push(Folder { path: of, measures, is_told, ..old.clone() });
        let at = Arc::new(Place { is_trusted: false, directory, path, is_remote, known: None });
        self.done.found.names += parts.iter().map(|(_, part)| part.entries.len()).sum::<usize>();
        // The last piece of work is the first to be done.
        let parts: Vec<(&Arc<Part>, u32)> = parts.iter().map(|(_, part)| part).zip(0..).collect();
        self.done.work.extend(parts.into_iter().rev().map(|(part, number)| {
            Work::Known(Batch { at: Arc::clone(&at), number, entries: Arc::clone(part) })
        }));
        None
    }

    /// What an earlier scan knew of a directory that has changed.
    pub(super) fn known_names(&self, identity: (u64, u64)) -> Option<Known> {
        let (_, parts) = self.shared.orders.before.inner.folder(identity)?;
        let parts: Vec<Arc<Part>> = parts.iter().map(|(_, part)| Arc::clone(part)).collect();
        let mut by_name = hashbrown::HashMap::default();
        for (part, number) in parts.iter().zip(0..) {
            for (entry, position) in part.entries.iter().zip(0..) {
                by_name.insert(part.name(entry).into(), (number, position));
            }
        }
        Some(Known { parts, by_name })
    }

    /// The measures of a file about which everything that is known still holds.
    fn still_holds(
        &mut self,
        directory: &Directory,
        name: &CStr,
        entry: &Entry,
    ) -> Option<Measures> {
        if !entry.is_settled {
            return None;
        }
        self.done.found.counts.asked += 1;
        let Asked { kind, measures } = directory.ask(name, entry.is_symlink).ok()?;
        (kind == EntryKind::File && entry.holds_for(&measures)).then_some(measures)
    }

    pub(super) fn look(
        &mut self,
        at: &Place,
        name: &CStr,
        is_symlink: bool,
        began: i64,
        part: &mut Part,
    ) {
        if is_symlink {
            self.symlink(at, name, began, part);
        } else {
            self.file(at, name, began, part);
        }
    }

    fn file(&mut self, at: &Place, name: &CStr, began: i64, part: &mut Part) {
        let file = match at.directory.open_file(name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            // A file a moment ago, a symbolic link by now.
            Err(error) if is_symlink_loop(&error) => return self.symlink(at, name, began, part),
            Err(error) => return unreadable(at, name, false, &error, part),
        };
        self.done.found.counts.opened += 1;
        let measures = match Measures::of_regular(&file) {
            Ok(None) => return,
            Ok(Some(measures)) => measures,
            Err(error) => return unreadable(at, name, false, &error, part),
        };
        if measures.device != at.directory.measures.device {
            let full = || at.path.join(os_name(name));
            match residence(&file) {
                Ok(Residence::Local) => {}
                Ok(Residence::Pseudo(kind)) => {
                    return self.elsewhere(name, false, Some((full(), kind, false)), part);
                }
                Ok(Residence::Remote(kind)) => {
                    return self.elsewhere(name, false, Some((full(), kind, true)), part);
                }
                Err(error) => return unreadable(at, name, false, &error, part),
            }
        }
        let content = read(&file, measures.len, &mut self.buffer, &mut part.text);
        part.push(name, false, Some(measures), measures.is_settled_at(began), content);
    }

    /// A symbolic link is a further path to what it leads to: a directory is walked (once,
    /// whatever leads to it), a file is an image that may be opened under this name too.
    fn symlink(&mut self, at: &Place, name: &CStr, began: i64, part: &mut Part) {
        let full = at.path.join(os_name(name));
        let device = at.directory.measures.device;
        let mut remote = None;
        let opened = open_image_if(&full, |stat, place| {
            // Before a file of a network file system is opened: nobody has named that as a root.
            if let Some(place) = place.filter(|_| stat.device != device)
                && let Residence::Remote(kind) = residence(place)?
            {
                remote = Some(kind);
            }
            match remote {
                None => Ok(()),
                Some(_) => Err(io::ErrorKind::Unsupported.into()),
            }
        });
        if let Some(kind) = remote {
            return self.elsewhere(name, true, Some((full, kind, true)), part);
        }
        let opened = match opened {
            Ok(opened) => opened,
            Err(OpenError::NotRegularFile(FileKind::Directory)) => {
                let (device, is_remote) = (Some(device), at.is_remote);
                let parent = Parent { device, is_remote, is_link: true };
                self.done.links.push((full, parent));
                return self.elsewhere(name, true, None, part);
            }
            Err(
                OpenError::NotFound
                | OpenError::NotRegularFile(_)
                | OpenError::RefusedFilesystem { .. },
            ) => return self.elsewhere(name, true, None, part),
            // A link that leads to itself can be opened by nobody.
            Err(OpenError::Io(error)) if is_symlink_loop(&error) => {
                return self.elsewhere(name, true, None, part);
            }
            Err(error) => return unreadable(at, name, true, &error, part),
        };
        self.done.found.counts.opened += 1;
        let measures = Measures::from(&opened.stat);
        // Where a place cannot be asked before it is opened.
        if cfg!(not(target_os = "linux"))
            && measures.device != device
            && let Ok(Residence::Remote(kind)) = residence(&opened.file)
        {
            return self.elsewhere(name, true, Some((full, kind, true)), part);
        }
        let content = read(&opened.file, measures.len, &mut self.buffer, &mut part.text);
        part.push(name, true, Some(measures), measures.is_settled_at(began), content);
    }

    fn elsewhere(
        &mut self,
        name: &CStr,
        is_symlink: bool,
        skipped: Option<(PathBuf, &str, bool)>,
        part: &mut Part,
    ) {
        if let Some((path, kind, may_hold_images)) = skipped {
            self.skip(path, kind, may_hold_images);
        }
        part.push(name, is_symlink, None, false, Content::Elsewhere);
    }
}

pub(super) fn unreadable(
    at: &Place,
    name: &CStr,
    is_symlink: bool,
    error: &dyn std::error::Error,
    part: &mut Part,
) {
    let metadata = std::fs::metadata(at.path.join(os_name(name))).ok();
    let content = Content::Unreadable(causes(error).into());
    match metadata {
        Some(metadata) if metadata.is_file() => {
            let measures = Measures::from(&Stat::of(&metadata));
            part.push(name, is_symlink, Some(measures), false, content);
        }
        // FIFO, socket, device: nothing that could have been read.
        Some(metadata) if !metadata.is_dir() => {
            if is_symlink {
                part.push(name, is_symlink, None, false, Content::Elsewhere);
            }
        }
        // A directory by now, or again, in which nobody has looked: not to be taken for nothing.
        _ => part.push(name, is_symlink, None, false, content),
    }
}

impl Part {
    /// The first entries, as they are.
    fn beginning(&self, entries: usize) -> Self {
        let mut part = Self::default();
        for entry in self.entries.iter().take(entries) {
            part.copy(self, entry);
        }
        part
    }
}
