//! Names and files added.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::scan::content::Content;
use crate::scan::record::{Entry, Part};
use crate::scan::tables::{File, NOTHING, Name, Tables};

impl Tables {
    /// Gives a part a number.
    pub(in crate::scan) fn number(&mut self, part: Arc<Part>) -> u32 {
        place(&mut self.parts, &mut self.free_parts, part)
    }

    /// Takes its number from a part that no name is in any more.
    pub(in crate::scan) fn forget_part(&mut self, number: u32) {
        self.parts[number as usize] = Arc::default();
        self.free_parts.push(number);
    }

    /// Adds the names of a part, and the files that no other name has brought already. Says which
    /// file the last of them is.
    pub(in crate::scan) fn add_part(
        &mut self,
        directory: u32,
        added: Arc<Part>,
        in_scope: bool,
    ) -> Option<u32> {
        let part = self.number(Arc::clone(&added));
        let mut last = None;
        for (entry, position) in added.entries.iter().zip(0..) {
            if !matches!(entry.content, Content::Elsewhere) {
                let name = self.add_entry(directory, part, (position, entry, &added), in_scope);
                last = Some(self.names[name as usize].file);
            }
        }
        last
    }

    /// Adds the name of one entry of a part, and its file if no other name has brought that already.
    pub(in crate::scan) fn add_name(
        &mut self,
        directory: u32,
        part: u32,
        position: u32,
        in_scope: bool,
    ) -> u32 {
        let added = Arc::clone(&self.parts[part as usize]);
        let entry = &added.entries[position as usize];
        self.add_entry(directory, part, (position, entry, &added), in_scope)
    }

    fn add_entry(
        &mut self,
        directory: u32,
        part: u32,
        (position, entry, added): (u32, &Entry, &Part),
        in_scope: bool,
    ) -> u32 {
        let next = next_of(&self.files, &self.free_files);
        let file = match &entry.measures {
            Some(measures) => self.insert_inode(measures.identity(), next),
            None => next,
        };
        let name = Name { directory, file, part, entry: position, backing: NOTHING };
        let name = place(&mut self.names, &mut self.free_names, name);
        if file == next {
            let wanted = AtomicBool::new(false);
            let (disowned, has_further) = (false, false);
            let new = File { name, in_scope, disowned, has_further, wanted };
            place(&mut self.files, &mut self.free_files, new);
        } else {
            let known = &mut self.files[file as usize];
            known.has_further = true;
            known.in_scope |= in_scope;
            self.further.entry(file).or_default().push(name);
        }
        self.insert_name(directory, added.name(entry), name);
        if matches!(entry.content, Content::Image(_)) {
            self.pending.push(name);
        }
        name
    }

    /// The file of this identity; `next` if it is new.
    fn insert_inode(&mut self, identity: (u64, u64), next: u32) -> u32 {
        use hashbrown::hash_table::Entry::{Occupied, Vacant};
        let (names, parts, files, hasher) = (&self.names, &self.parts, &self.files, &self.hasher);
        let identity_of = |file: &u32| {
            let Name { part, entry, .. } = names[files[*file as usize].name as usize];
            let measures = parts[part as usize].entries[entry as usize].measures;
            measures.map(|measures| measures.identity())
        };
        let hash = hasher.hash_one(identity);
        let rehash = |file: &u32| hasher.hash_one(identity_of(file).unwrap_or_default());
        match self.by_inode.entry(hash, |file| identity_of(file) == Some(identity), rehash) {
            Occupied(known) => *known.get(),
            Vacant(free) => {
                free.insert(next);
                next
            }
        }
    }

    fn insert_name(&mut self, directory: u32, bytes: &[u8], name: u32) {
        let (names, parts, hasher) = (&self.names, &self.parts, &self.hasher);
        let rehash = |name: &u32| {
            let Name { directory, part, entry, .. } = names[*name as usize];
            let part = &parts[part as usize];
            hasher.hash_one((directory, part.name(&part.entries[entry as usize])))
        };
        self.by_name.insert_unique(hasher.hash_one((directory, bytes)), name, rehash);
    }
}

/// The number that a new element gets.
fn next_of<T>(all: &[T], free: &[u32]) -> u32 {
    let last = || u32::try_from(all.len()).unwrap_or(u32::MAX);
    free.last().copied().unwrap_or_else(last)
}

/// Adds an element, in a place that is free if there is one.
pub(in crate::scan) fn place<T>(all: &mut Vec<T>, free: &mut Vec<u32>, new: T) -> u32 {
    let number = next_of(all, free);
    match free.pop() {
        Some(number) => all[number as usize] = new,
        None => all.push(new),
    }
    number
}
