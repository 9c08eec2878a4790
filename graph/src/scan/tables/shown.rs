//! What is known of a name or a file by its number.

use std::sync::atomic::Ordering;

use crate::facts::Key;
use crate::graph::bytes;
use crate::scan::content::Content;
use crate::scan::part::{Entry, Part};
use crate::scan::paths::join;
use crate::scan::tables::{Name, Tables};

impl Tables {
    /// The part of a name, and the name's entry in it.
    pub(in crate::scan) fn entry(&self, name: &Name) -> (&Part, &Entry) {
        let part = &*self.parts[name.part as usize];
        (part, &part.entries[name.entry as usize])
    }

    pub(in crate::scan) fn bytes_of(&self, name: u32) -> &[u8] {
        let (part, entry) = self.entry(&self.names[name as usize]);
        part.name(entry)
    }

    pub(in crate::scan) fn path(&self, name: u32) -> Vec<u8> {
        let directory = self.names[name as usize].directory;
        join(bytes(self.directories.path(directory)), self.bytes_of(name))
    }

    /// The path under which a file is shown, whichever of its names was met first.
    pub(in crate::scan) fn file_path(&self, file: u32) -> Vec<u8> {
        let is_file = &self.files[file as usize];
        let shown = is_file.has_further.then(|| self.names_of(file).first().copied()).flatten();
        self.path(shown.unwrap_or(is_file.name))
    }

    /// What a file holds, with the part that its spans are of.
    pub(in crate::scan) fn content(&self, file: u32) -> (&Part, &Content) {
        let (part, entry) = self.entry(&self.names[self.files[file as usize].name as usize]);
        (part, &entry.content)
    }

    pub(in crate::scan) fn want(&self, file: u32) {
        self.files[file as usize].wanted.store(true, Ordering::Relaxed);
    }

    pub(in crate::scan) fn want_no_more(&self, file: u32) {
        self.files[file as usize].wanted.store(false, Ordering::Relaxed);
    }

    pub(in crate::scan) fn is_wanted(&self, file: u32) -> bool {
        self.files[file as usize].wanted.load(Ordering::Relaxed)
    }

    pub(in crate::scan) fn key(&self, file: u32) -> Key {
        let name = self.files[file as usize].name;
        match self.entry(&self.names[name as usize]).1.measures {
            Some(measures) => Key::File { device: measures.device, inode: measures.inode },
            None => Key::name(self.path(name)),
        }
    }

    pub(in crate::scan) fn identity(&self, file: u32) -> Option<(u64, u64)> {
        let name = &self.names[self.files[file as usize].name as usize];
        self.entry(name).1.measures.map(|measures| measures.identity())
    }

    /// The names of a file in no particular order.
    pub(in crate::scan) fn all_names_of(&self, file: u32) -> impl Iterator<Item = u32> + '_ {
        let further = self.further.get(&file).into_iter().flatten().copied();
        std::iter::once(self.files[file as usize].name).chain(further)
    }

    /// The names of a file, the one to show first: the first that is no symbolic link in
    /// alphabetical order, so that a second scan shows the same.
    pub(in crate::scan) fn names_of(&self, file: u32) -> Vec<u32> {
        let mut names: Vec<u32> = self.all_names_of(file).collect();
        names.sort_by_cached_key(|name| {
            let (_, entry) = self.entry(&self.names[*name as usize]);
            (entry.is_symlink, self.path(*name))
        });
        names
    }

    /// Names that are known as the only one of their file, which has others by now: nobody tells of that where
    /// a name lies, nor of what was written under another. That it has others may be seen through a symbolic link. Each
    /// with the directory that it lies in.
    pub(in crate::scan) fn outdated(
        &self,
        files: impl IntoIterator<Item = u32>,
    ) -> Vec<((u64, u64), Vec<u8>)> {
        let mut outdated = Vec::new();
        for file in files {
            let entry = |name: u32| self.entry(&self.names[name as usize]).1;
            let hard = self.all_names_of(file).filter(|name| !entry(*name).is_symlink);
            let hard: Vec<u32> = hard.collect();
            let is_linked = |name: u32| entry(name).measures.is_some_and(|it| it.links > 1);
            let has_others = hard.len() > 1 || self.all_names_of(file).any(is_linked);
            for &name in hard.iter().filter(|_| has_others) {
                // What lies elsewhere is asked every time.
                if self.is_name_in_scope(name) && entry(name).is_told() {
                    let directory = self.names[name as usize].directory;
                    let identity = self.directories.identity(directory);
                    outdated.extend(identity.map(|at| (at, self.bytes_of(name).to_vec())));
                }
            }
        }
        outdated
    }
}
