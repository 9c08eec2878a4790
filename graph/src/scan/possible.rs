//! Names that QEMU resolves from its working directory: every file that may be meant.

use std::collections::{HashMap, HashSet};

use crate::scan::assembly::Assembly;
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
    /// Where it leads if that is the image's own directory: looking there may meet one file more, so all are
    /// looked for before the first is connected.
    pub(super) beside: Place,
}

/// Adds an edge to every file that may be meant, once all files are known: one pass over all names, whoever was met
/// first, so that a graph that is kept current says what a scan says.
pub(super) fn connect_all(assembly: &mut Assembly<'_>, deferred: Vec<Deferred>) {
    if deferred.is_empty() {
        return;
    }
    let candidates = candidates(&assembly.tables, &deferred);
    for reference in deferred {
        let last = suffix(&reference.path).last().copied().unwrap_or_default();
        assembly.tables.possible.insert(reference.name, last);
        connect_one(&mut assembly.tables, reference, &candidates);
    }
}

/// The names that are known, by their last component, as far as somebody looks for them. Costs a look into each
/// directory for each of them, or a look at all names, whichever is less.
fn candidates(tables: &Tables, deferred: &[Deferred]) -> HashMap<Box<[u8]>, Vec<u32>> {
    let last = |reference: &Deferred| suffix(&reference.path).last().map(|last| (*last).into());
    let wanted: HashSet<Box<[u8]>> = deferred.iter().filter_map(last).collect();
    let mut by_file_name: HashMap<Box<[u8]>, Vec<u32>> = HashMap::new();
    let directories = tables.directories.numbers();
    let is_less = directories.len().saturating_mul(wanted.len()) < tables.names.len();
    for bytes in wanted.iter().filter(|_| is_less) {
        let named = directories.clone().filter_map(|at| tables.find_name(at, bytes));
        let named: Vec<u32> = named.collect();
        if !named.is_empty() {
            by_file_name.insert(bytes.clone(), named);
        }
    }
    for (name, number) in tables.names.iter().zip(0..).filter(|_| !is_less) {
        if name.file == NOTHING {
            continue;
        }
        let bytes = tables.bytes_of(number);
        if wanted.contains(bytes) {
            by_file_name.entry(bytes.into()).or_default().push(number);
        }
    }
    // In an order that does not depend on when each was met.
    for names in by_file_name.values_mut().filter(|names| names.len() > 1) {
        names.sort_by_cached_key(|name| tables.path(*name));
    }
    by_file_name
}

/// The file beside the image comes first, as that is where such images are usually started.
fn connect_one(tables: &mut Tables, deferred: Deferred, candidates: &HashMap<Box<[u8]>, Vec<u32>>) {
    let Deferred { name, path, edge, beside } = deferred;
    let mut targets: Vec<u32> = match beside {
        Place::File(file) => vec![file],
        Place::Nowhere { .. } => Vec::new(),
    };
    let wanted = suffix(&path);
    let named = wanted.last().and_then(|last| candidates.get(*last));
    for &candidate in named.into_iter().flatten() {
        let file = tables.names[candidate as usize].file;
        if targets.contains(&file) || !ends_with(&tables.path(candidate), &wanted) {
            continue;
        }
        targets.push(file);
        if targets.len() > MOST_CANDIDATES {
            let reason = format!(
                "more than {MOST_CANDIDATES} files may be meant by a name that QEMU resolves from \
                 its working directory"
            );
            opaque(tables, name, &edge, &reason);
            return;
        }
    }
    if targets.is_empty() {
        connect(tables, name, beside, edge);
        return;
    }
    for target in targets {
        connect(tables, name, Place::File(target), edge.clone());
    }
}
