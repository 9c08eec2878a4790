//! Some parts of a directory exchanged for what is there now: names and files keep their numbers,
//! so that whatever refers to them still does.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::facts::Key;
use crate::graph::bytes;
use crate::scan::content::Content;
use crate::scan::part::{Entry, Part};
use crate::scan::paths::join;
use crate::scan::record::OfFolder;
use crate::scan::tables::{NOTHING, Tables};
use crate::sys::Measures;

/// What became of names and files.
#[derive(Debug, Default)]
pub(in crate::scan) struct Altered {
    /// Files that are called, hold or occupy something else than before.
    pub(in crate::scan) files: BTreeSet<u32>,
    /// Files that may be something else for those who refer to them, by the key that they had.
    pub(in crate::scan) displaced: Vec<Key>,
    /// Files that are no more.
    pub(in crate::scan) gone: Vec<Key>,
    /// Paths under which nothing was found before.
    pub(in crate::scan) appeared: Vec<Vec<u8>>,
    /// What files are called that came or went, where somebody may mean them who names files from QEMU's working
    /// directory.
    pub(in crate::scan) called: BTreeSet<Box<[u8]>>,
    /// Whatever such a name leads to from its image's own directory may be another thing.
    pub(in crate::scan) has_new_meanings: bool,
}

impl Altered {
    pub(in crate::scan) fn is_nothing(&self) -> bool {
        let Self { files, displaced, gone, appeared, called, has_new_meanings } = self;
        files.is_empty()
            && displaced.is_empty()
            && gone.is_empty()
            && appeared.is_empty()
            && called.is_empty()
            && !has_new_meanings
    }
}

/// Why tables cannot be brought up to date but have to be made anew: what depends on it is not kept.
#[derive(Debug)]
pub(in crate::scan) struct Intricate;

impl Tables {
    /// Exchanges parts `before` of a directory for those of `now`.
    pub(in crate::scan) fn exchange(
        &mut self,
        directory: u32,
        before: &[Arc<Part>],
        now: &[Arc<Part>],
        altered: &mut Altered,
    ) -> Result<(), Intricate> {
        let mut fresh: HashMap<&[u8], (u32, u32, &Arc<Part>, &Entry)> = HashMap::new();
        let mut links_now = Vec::new();
        for part in now {
            // A part without names would never be forgotten.
            let has_names = part.tally().files > 0;
            let number = if has_names { self.number(Arc::clone(part)) } else { NOTHING };
            for (entry, position) in part.entries.iter().zip(0..) {
                match entry.content {
                    Content::Elsewhere => links_now.push(part.name(entry)),
                    _ => drop(fresh.insert(part.name(entry), (number, position, part, entry))),
                }
            }
        }
        let mut links_before = Vec::new();
        let mut left = BTreeSet::new();
        for old in before {
            for entry in &old.entries {
                let bytes = old.name(entry);
                if matches!(entry.content, Content::Elsewhere) {
                    links_before.push(bytes);
                    continue;
                }
                let name = self.find_name(directory, bytes).ok_or(Intricate)?;
                left.insert(self.names[name as usize].part);
                match fresh.get(bytes) {
                    Some(&(part, position, new, now)) if is_same_file(entry, now) => {
                        fresh.remove(bytes);
                        self.compare(name, (old, entry), (new, now), altered);
                        let name = &mut self.names[name as usize];
                        (name.part, name.entry) = (part, position);
                    }
                    _ => self.remove_name(name, altered)?,
                }
            }
        }
        // What lies behind symbolic links that lead to directories is not kept by name.
        links_now.sort_unstable();
        links_before.sort_unstable();
        if links_now != links_before {
            return Err(Intricate);
        }
        self.add_names(directory, fresh.into_values().map(|(part, at, ..)| (part, at)), altered)?;
        for part in left {
            self.forget_part(part);
        }
        Ok(())
    }

    /// Puts in all that a directory holds that has come.
    pub(in crate::scan) fn fill(
        &mut self,
        directory: u32,
        part: &Arc<Part>,
        altered: &mut Altered,
    ) -> Result<(), Intricate> {
        if part.tally().files == 0 {
            return Ok(());
        }
        let number = self.number(Arc::clone(part));
        let entries = part.entries.iter().zip(0..);
        let here = entries.filter(|(entry, _)| !matches!(entry.content, Content::Elsewhere));
        self.add_names(directory, here.map(|(_, position)| (number, position)), altered)
    }

    /// Adds names by their parts and their positions in those.
    fn add_names(
        &mut self,
        directory: u32,
        names: impl Iterator<Item = (u32, u32)>,
        altered: &mut Altered,
    ) -> Result<(), Intricate> {
        let mut names: Vec<(u32, u32)> = names.collect();
        names.sort_unstable();
        for (part, position) in names {
            let entry = &self.parts[part as usize].entries[position as usize];
            // A reference led there before it was told of.
            if self.find_name(directory, self.parts[part as usize].name(entry)).is_some() {
                return Err(Intricate);
            }
            let name = self.add_name(directory, part, position, true);
            let file = self.names[name as usize].file;
            altered.files.insert(file);
            altered.appeared.push(self.path(name));
            self.note_called(name, altered);
            // It may be shown under this one from now on.
            if self.files[file as usize].has_further {
                altered.displaced.push(self.key(file));
            }
        }
        Ok(())
    }

    /// Takes out all that a directory holds, which is not where it was.
    pub(in crate::scan) fn clear(
        &mut self,
        directory: u32,
        parts: &[OfFolder],
        altered: &mut Altered,
    ) -> Result<(), Intricate> {
        let mut left = BTreeSet::new();
        for (_, part) in parts {
            for entry in &part.entries {
                let bytes = part.name(entry);
                if !matches!(entry.content, Content::Elsewhere) {
                    let name = self.find_name(directory, bytes).ok_or(Intricate)?;
                    left.insert(self.names[name as usize].part);
                    self.remove_name(name, altered)?;
                } else if self.is_walked_through(directory, bytes) {
                    return Err(Intricate);
                }
            }
        }
        left.into_iter().for_each(|part| self.forget_part(part));
        Ok(())
    }

    /// Whether a directory is shown under this name of a symbolic link.
    fn is_walked_through(&self, directory: u32, name: &[u8]) -> bool {
        let path = join(bytes(self.directories.path(directory)), name);
        let led = self.directories.at(&path).and_then(|led| led.as_ref().ok());
        led.is_some_and(|led| bytes(self.directories.path(*led)) == path)
    }

    /// Notes how an entry differs from what it was.
    fn compare(
        &self,
        name: u32,
        (old, before): (&Part, &Entry),
        (new, now): (&Part, &Entry),
        altered: &mut Altered,
    ) {
        let is_same = before.measures == now.measures
            && before.content.is_same(&old.text, &now.content, &new.text);
        if is_same {
            return;
        }
        let file = self.names[name as usize].file;
        altered.files.insert(file);
        if !before.content.is_alike(&now.content) {
            altered.displaced.push(self.key(file));
        }
    }

    pub(in crate::scan) fn is_name_in_scope(&self, name: u32) -> bool {
        self.directories.is_in_scope(self.names[name as usize].directory)
    }

    fn note_called(&self, name: u32, altered: &mut Altered) {
        let bytes = self.bytes_of(name);
        if self.possible.is_by_any(bytes) {
            altered.called.insert(bytes.into());
        }
    }

    fn remove_name(&mut self, name: u32, altered: &mut Altered) -> Result<(), Intricate> {
        let file = self.names[name as usize].file;
        altered.displaced.push(self.key(file));
        self.note_called(name, altered);
        let hash = self.hash_of_name(name);
        if !self.by_name.remove(hash, name) {
            return Err(Intricate);
        }
        let others: Vec<u32> = self.all_names_of(file).filter(|other| *other != name).collect();
        if others.iter().any(|other| !self.is_name_in_scope(*other)) {
            return Err(Intricate);
        }
        match others.iter().min().copied() {
            Some(first) => {
                altered.files.insert(file);
                let rest: Vec<u32> = others.into_iter().filter(|other| *other != first).collect();
                let is_file = &mut self.files[file as usize];
                (is_file.name, is_file.has_further) = (first, !rest.is_empty());
                match rest.is_empty() {
                    true => drop(self.further.remove(&file)),
                    false => drop(self.further.insert(file, rest)),
                }
            }
            None => {
                altered.gone.push(self.key(file));
                altered.files.remove(&file);
                self.remove_file(file)?;
            }
        }
        self.edges.remove(&name);
        self.possible.remove(name);
        self.names[name as usize].file = NOTHING;
        self.free_names.push(name);
        Ok(())
    }

    fn remove_file(&mut self, file: u32) -> Result<(), Intricate> {
        if let Some(identity) = self.identity(file) {
            let hash = self.hash_of(identity);
            if !self.by_inode.remove(hash, file) {
                return Err(Intricate);
            }
        }
        self.findings.remove(&file);
        self.declared.remove(&file);
        self.files[file as usize].name = NOTHING;
        self.free_files.push(file);
        Ok(())
    }
}

fn is_same_file(before: &Entry, now: &Entry) -> bool {
    let identity = |entry: &Entry| entry.measures.as_ref().map(Measures::identity);
    identity(before) == identity(now) && before.is_symlink == now.is_symlink
}
