//! What a refresh sends its workers to look at.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::scan::live::current::Live;
use crate::scan::live::watches::{Dirty, Identity};
use crate::scan::paths::os_str;
use crate::scan::record::{Inner, OfFolder, Part};
use crate::scan::tables::Tables;
use crate::scan::told::SMALL;
use crate::scan::work::{Revisit, Work};

impl Live {
    /// What has to be looked at: the roots, whose names nobody tells of; what was told of; and what
    /// nobody tells of.
    pub(super) fn work(&self, tables: &Tables, dirty: &Dirty) -> Option<Vec<Work>> {
        let inner = &self.now.record.inner;
        let mut places: BTreeSet<Identity> = self.untold.iter().copied().collect();
        places.extend(dirty.names.keys().copied());
        for root in &self.now.graph.coverage().scope {
            let at = inner.folders.binary_search_by(|folder| (*folder.path).cmp(root)).ok()?;
            places.insert(inner.folders.get(at)?.measures.identity());
        }
        places.into_iter().map(|place| revisit(inner, tables, dirty, place)).collect()
    }
}

/// Whether something in these parts may change without being told.
pub(super) fn has_untold(parts: &[OfFolder]) -> bool {
    parts.iter().any(|(_, part)| part.tally().untold > 0)
}

fn revisit(inner: &Inner, tables: &Tables, dirty: &Dirty, place: Identity) -> Option<Work> {
    let (folder, parts) = inner.folder(place)?;
    if !folder.is_told {
        return None;
    }
    let mut names = dirty.names.get(&place).cloned().unwrap_or_default();
    let mut below = Vec::new();
    if !names.is_empty() {
        for name in folder.folders().filter(|name| names.contains(*name)) {
            let path = folder.path.join(os_str(name));
            let at = inner.folders.binary_search_by(|folder| (*folder.path).cmp(&path)).ok()?;
            below.push((name.to_vec(), inner.folders.get(at)?.measures.identity()));
        }
        names.retain(|name| below.iter().all(|(of, _)| of != name));
    }
    let directory = tables.directories.of_identity(place)?;
    let part_of = |name: &Vec<u8>| Some(tables.part_of(tables.find_name(directory, name)?));
    let concerned: HashSet<*const Part> =
        names.iter().filter_map(part_of).map(Arc::as_ptr).collect();
    let is_concerned = |part: &&Arc<Part>| {
        concerned.contains(&Arc::as_ptr(part))
            || part.tally().untold > 0
            || (!names.is_empty() && part.entries.len() < SMALL)
    };
    let parts = parts.iter().map(|(_, part)| part).filter(is_concerned).cloned().collect();
    Some(Work::Revisit(Revisit { folder: folder.clone(), names, below, parts }))
}
