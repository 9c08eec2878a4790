//! Names that QEMU resolves from its working directory: every file that may be meant.

use std::collections::{HashMap, HashSet};

use crate::scan::assembly::{Assembly, Step};
use crate::scan::edges::{Draft, connect, opaque};
use crate::scan::paths::{ends_with, suffix};
use crate::scan::places::Place;
use crate::scan::tables::{NOTHING, Tables};

/// Beyond this many files nobody can list what is meant, and the reference is opaque.
const MOST_CANDIDATES: usize = 64;

/// A reference that QEMU resolves from its working directory, kept until all files are known.
pub(super) struct Deferred {
    pub(super) name: u32,
    pub(super) path: Box<[u8]>,
    pub(super) edge: Draft,
}

/// The names that the walk has met, by their last component, as far as somebody looks for them.
#[derive(Default)]
pub(super) struct Candidates {
    by_file_name: HashMap<Box<[u8]>, Vec<u32>>,
    rounds: u32,
}

impl Candidates {
    /// Adds an edge to every file that may be meant.
    pub(super) fn resolve(
        &mut self,
        assembly: &mut Assembly<'_>,
        deferred: &[Deferred],
    ) -> Step<()> {
        self.look_for(&assembly.tables, deferred);
        for reference in deferred {
            assembly.tables.possible.insert(reference.name);
            connect_all(assembly, reference, &self.by_file_name)?;
        }
        Ok(())
    }

    /// One pass over all names for what is wanted now; one more for all names if that was not the
    /// end of it; and then no more, however many rounds a chain out of the scope takes.
    fn look_for(&mut self, tables: &Tables, deferred: &[Deferred]) {
        self.rounds += 1;
        if deferred.is_empty() || self.rounds > 2 {
            return;
        }
        let last = |reference: &Deferred| suffix(&reference.path).last().map(|last| (*last).into());
        let wanted: HashSet<Box<[u8]>> = deferred.iter().filter_map(last).collect();
        let is_first = self.rounds == 1;
        self.by_file_name.clear();
        for (name, number) in tables.names.iter().zip(0..) {
            if name.file == NOTHING {
                continue;
            }
            let bytes = tables.bytes_of(number);
            if !is_first || wanted.contains(bytes) {
                self.by_file_name.entry(bytes.into()).or_default().push(number);
            }
        }
        // In an order that does not depend on when each was met.
        for names in self.by_file_name.values_mut().filter(|names| names.len() > 1) {
            names.sort_by_cached_key(|name| tables.path(*name));
        }
    }
}

/// The file beside the image comes first, as that is where such images are usually started.
fn connect_all(
    assembly: &mut Assembly<'_>,
    deferred: &Deferred,
    candidates: &HashMap<Box<[u8]>, Vec<u32>>,
) -> Step<()> {
    let Deferred { name, path, edge } = deferred;
    let from = assembly.tables.names[*name as usize].directory;
    let beside = assembly.locate(from, path)?;
    let mut targets: Vec<u32> = match beside {
        Place::File(file) => vec![file],
        Place::Nowhere { .. } => Vec::new(),
    };
    let wanted = suffix(path);
    let named = wanted.last().and_then(|last| candidates.get(*last));
    for &candidate in named.into_iter().flatten() {
        let file = assembly.tables.names[candidate as usize].file;
        if targets.contains(&file) || !ends_with(&assembly.tables.path(candidate), &wanted) {
            continue;
        }
        targets.push(file);
        if targets.len() > MOST_CANDIDATES {
            let reason = format!(
                "more than {MOST_CANDIDATES} files may be meant by a name that QEMU resolves from \
                 its working directory"
            );
            opaque(&mut assembly.tables, *name, edge, &reason);
            return Ok(());
        }
    }
    if targets.is_empty() {
        connect(&mut assembly.tables, *name, beside, edge.clone());
    }
    for target in targets {
        connect(&mut assembly.tables, *name, Place::File(target), edge.clone());
    }
    Ok(())
}
