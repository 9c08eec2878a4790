//! Names and files added.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::scan::content::Content;
use crate::scan::part::{Entry, Part};
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
        let here = added.entries.iter().zip(0..);
        let here = here.filter(|(entry, _)| !matches!(entry.content, Content::Elsewhere));
        let names: Vec<u32> =
            here.map(|(entry, position)| self.call(directory, part, (entry, position))).collect();
        // One table after the other: so what is asked of memory for a name is under way while the next is looked at.
        for &name in &names {
            self.add_file(name, in_scope);
        }
        for &name in &names {
            self.by_name.insert(self.hash_of_name(name), name);
        }
        names.last().map(|name| self.names[*name as usize].file)
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
        let name = self.call(directory, part, (&added.entries[position as usize], position));
        self.add_file(name, in_scope);
        self.by_name.insert(self.hash_of_name(name), name);
        name
    }

    /// Gives a number to the name of an entry, which is found by nothing yet, and of no file.
    fn call(&mut self, directory: u32, part: u32, (of, entry): (&Entry, u32)) -> u32 {
        let name = Name { directory, file: NOTHING, part, entry, backing: NOTHING };
        let name = place(&mut self.names, &mut self.free_names, name);
        if matches!(of.content, Content::Image(_)) {
            self.pending.push(name);
        }
        name
    }

    /// Finds the file of a name, or adds it.
    fn add_file(&mut self, name: u32, in_scope: bool) {
        let next = next_of(&self.files, &self.free_files);
        let Self { names, parts, files, by_inode, hasher, .. } = self;
        let identity_of = |name: u32| {
            let Name { part, entry, .. } = names[name as usize];
            let measures = parts[part as usize].entries[entry as usize].measures;
            measures.map(|measures| measures.identity())
        };
        let file = identity_of(name).map_or(next, |identity| {
            let is_it = |file: u32| identity_of(files[file as usize].name) == Some(identity);
            by_inode.find_or_insert(short(hasher.hash_one(identity)), next, is_it)
        });
        names[name as usize].file = file;
        if file == next {
            let wanted = AtomicBool::new(false);
            let (disowned, has_further) = (false, false);
            let new = File { name, in_scope, disowned, has_further, wanted };
            place(files, &mut self.free_files, new);
        } else {
            let known = &mut files[file as usize];
            known.has_further = true;
            known.in_scope |= in_scope;
            self.further.entry(file).or_default().push(name);
        }
    }
}

/// The upper half of a hash.
pub(super) fn short(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or(0)
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
