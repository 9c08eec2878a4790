//! What workers bring, taken in by the thread that waits for them, while they go on: the tables are made, and of
//! every image whose reference leads to a file that was met already, the disk as well. In whatever order it comes,
//! what is made of it in the end stands in the order of the record.

use std::sync::Arc;

use crate::records::Pile;
use crate::scan::collected::TOLD;
use crate::scan::content::Content;
use crate::scan::record::{Brought, Folder, Inner, OfFolder};
use crate::scan::tables::{ELABORATE, NOTHING, Tables};
use crate::scan::{disks, plain};

/// What was taken in.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    pub(super) tables: Tables,
    taken: Vec<Taken>,
    made: Pile,
    /// By file: its place in that pile, or [`NOTHING`].
    early: Vec<u32>,
    /// Names whose reference leads to what was not met yet, or is not plain.
    late: Vec<u32>,
}

/// One part, and which names it has brought.
#[derive(Clone, Copy, Debug)]
struct Taken {
    directory: (u64, u64),
    number: u32,
    first: u32,
    end: u32,
}

/// Files in the order of the record, each with the place in the pile of the disk that was made of it before all was
/// known, or [`NOTHING`].
#[derive(Debug, Default)]
pub(super) struct Lineup {
    pub(super) files: Vec<(u32, u32)>,
    pub(super) made: Pile,
}

impl Intake {
    /// All that a record holds.
    pub(super) fn of(record: &Inner) -> Self {
        let mut intake = Self::default();
        intake.expect(record.parts.iter().map(|(_, part)| part.entries.len()).sum());
        let identity = |number: u32| record.folders.get(number as usize).map(Folder::identity);
        let part = |((folder, part), number): (&OfFolder, u32)| {
            Some((identity(*folder)?, number, Arc::clone(part)))
        };
        let parts: Vec<Brought> = record.parts.iter().zip(0..).filter_map(part).collect();
        intake.take(&record.folders, &parts);
        intake
    }

    /// Makes room for so many more names.
    pub(super) fn expect(&mut self, names: usize) {
        self.tables.reserve(names);
        self.early.reserve(names);
    }

    /// Takes in some parts, and the directories that they are of.
    pub(super) fn take(&mut self, folders: &[Folder], parts: &[Brought]) {
        for folder in folders {
            self.tables.directories.add(&folder.path, folder.identity(), true);
        }
        for (directory, number, part) in parts {
            let Some(at) = self.tables.directories.of_identity(*directory) else { continue };
            let (directory, number, first) = (*directory, *number, self.names());
            self.tables.add_part(at, Arc::clone(part), true);
            self.taken.push(Taken { directory, number, first, end: self.names() });
        }
    }

    fn names(&self) -> u32 {
        u32::try_from(self.tables.names.len()).unwrap_or(u32::MAX)
    }

    /// Makes disks of the images that were taken in since this was called last, as far as that can be done.
    pub(super) fn make(&mut self) {
        let Self { tables, early, late, made, .. } = self;
        early.resize(tables.files.len(), NOTHING);
        for name in std::mem::take(&mut tables.pending) {
            let backing = plain::beside_of(tables, name);
            if backing == ELABORATE {
                late.push(name);
                continue;
            }
            let at = &mut tables.names[name as usize];
            at.backing = backing;
            let file = at.file;
            if !tables.files[file as usize].has_further {
                early[file as usize] = u32::try_from(made.len()).unwrap_or(NOTHING);
                let plain = plain::disk(tables, file);
                if !plain.is_some_and(|plain| made.push_plain(&plain, TOLD)) {
                    made.push(&disks::disk(tables, file), TOLD);
                }
            }
        }
    }

    /// The tables of all that was taken in, which is what `record` holds; and the files in the order of that.
    pub(super) fn finish(self, record: &Inner) -> (Tables, Lineup) {
        let Self { mut tables, mut taken, made, early, late } = self;
        for folder in &record.folders {
            tables.directories.adopt(folder.identity(), &folder.folders);
        }
        tables.pending.extend(late);
        taken.sort_by_cached_key(|part| (record.position(part.directory), part.number));
        let names = || taken.iter().flat_map(|part| part.first..part.end);
        if !tables.further.is_empty() || !tables.pending.is_empty() {
            let mut positions = vec![0; tables.names.len()];
            for (name, position) in names().zip(0_u32..) {
                positions[name as usize] = position;
            }
            tables.arrange(&positions);
        }
        let mut lineup = Vec::with_capacity(tables.files.len());
        for name in names() {
            let file = tables.names[name as usize].file;
            let is_file = &tables.files[file as usize];
            if is_file.name == name {
                lineup.push((file, early.get(file as usize).copied().unwrap_or(NOTHING)));
            }
        }
        (tables, Lineup { files: lineup, made })
    }
}

impl Tables {
    /// Makes room for so many more names.
    pub(super) fn reserve(&mut self, more: usize) {
        self.by_name.reserve(more);
        self.by_inode.reserve(more);
        self.files.reserve(more);
        self.names.reserve(more);
    }

    /// Puts in order what depends on which name was met first.
    fn arrange(&mut self, positions: &[u32]) {
        let position = |name: &u32| positions.get(*name as usize);
        self.pending.sort_unstable_by_key(position);
        for (file, further) in &mut self.further {
            let first = &mut self.files[*file as usize].name;
            further.push(*first);
            further.sort_unstable_by_key(position);
            *first = further.remove(0);
        }
    }

    /// Whether what was made of an image when it was met is what would be made of it now.
    pub(super) fn is_as_met(&self, file: u32) -> bool {
        let is_file = &self.files[file as usize];
        !is_file.has_further
            && !is_file.disowned
            && !self.findings.contains_key(&file)
            && !self.declared.contains_key(&file)
            && matches!(self.content(file).1, Content::Image(_))
    }
}
