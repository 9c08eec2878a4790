//! Images as nearly all are, and their references: the name of a file in a directory that the walk has
//! met, declared as what that is. They need nothing but the tables that are there, so all threads
//! resolve them at once; whatever is less plain is left for [`crate::scan::references`].

use diskdag_qcow2::reference::{Reference, Rule};

use crate::facts::{Certainty, EdgeFacts, EdgeKind};
use crate::graph::bytes;
use crate::parallel::in_parallel;
use crate::records::{NameOf, Plain, format_of};
use crate::scan::content::{Content, FormatName};
use crate::scan::paths::split;
use crate::scan::tables::{ELABORATE, NOTHING, Tables};

/// Resolves the plain references of all names that are pending; the others stay so.
pub(super) fn resolve_plain(tables: &mut Tables, threads: usize) {
    let pending = std::mem::take(&mut tables.pending);
    let resolved = {
        let (tables, pending) = (&*tables, &pending);
        in_parallel(threads, pending.len(), |run| {
            pending[run].iter().map(|name| backing_of(tables, *name)).collect::<Vec<u32>>()
        })
    };
    for (name, backing) in pending.iter().zip(resolved.into_iter().flatten()) {
        tables.names[*name as usize].backing = backing;
        if backing == ELABORATE {
            tables.pending.push(*name);
        }
    }
}

/// The file that an image is backed by, [`NOTHING`], or [`ELABORATE`] where that cannot be said yet.
pub(super) fn backing_of(tables: &Tables, name: u32) -> u32 {
    let name = &tables.names[name as usize];
    let (part, entry) = tables.entry(name);
    let Content::Image(image) = &entry.content else { return ELABORATE };
    if image.data_file.is_some() {
        return ELABORATE;
    }
    let Some(backing) = image.backing else { return NOTHING };
    let path = match Reference::classify(part.text.get(backing)) {
        Reference::Relative(path) => path,
        Reference::Absolute(path) if path.first() == Some(&b'/') => path,
        _ => return ELABORATE,
    };
    let (directory, path) = split(path);
    if !directory.is_empty() && !tables.directories.other_paths(name.directory).is_empty() {
        return ELABORATE;
    }
    let target = tables.directory(name.directory, directory).and_then(|at| tables.find(at, path));
    let Some(target) = target else { return ELABORATE };
    match (tables.content(target).1, image.backing_format) {
        (Content::Image(_), None | Some(FormatName::Qcow2)) => target,
        (Content::Other(None), None | Some(FormatName::Raw))
        | (Content::Other(Some(_)), Some(FormatName::Raw)) => {
            tables.want(target);
            target
        }
        _ => ELABORATE,
    }
}

/// The same before all directories are known: what leads to another one cannot be said yet.
pub(super) fn beside_of(tables: &Tables, name: u32) -> u32 {
    let (part, entry) = tables.entry(&tables.names[name as usize]);
    let Content::Image(image) = &entry.content else { return ELABORATE };
    match image.backing {
        Some(backing) if part.text.get(backing).contains(&b'/') => ELABORATE,
        _ => backing_of(tables, name),
    }
}

/// The file that all of a file's edges lead to, where it has one name and that was resolved in the plain way.
pub(super) fn backing(tables: &Tables, file: u32) -> Option<u32> {
    let file = &tables.files[file as usize];
    let backing = tables.names[file.name as usize].backing;
    (!file.has_further && backing < ELABORATE).then_some(backing)
}

/// The edge of a name that was resolved in the plain way.
pub(super) fn edge(tables: &Tables, name: u32) -> Option<EdgeFacts> {
    let (name, target) = reference(tables, name)?;
    let NameOf { kind, certainty, ends_chain, rule, format, name } = name;
    let (target, format) = (tables.key(target), format.map(format_of));
    Some(EdgeFacts { kind, target, name: name.into(), format, rule, certainty, ends_chain })
}

/// What that edge says, and the file that it leads to.
fn reference(tables: &Tables, name: u32) -> Option<(NameOf<'_>, u32)> {
    let name = &tables.names[name as usize];
    if name.backing >= ELABORATE {
        return None;
    }
    let (part, entry) = tables.entry(name);
    let Content::Image(image) = &entry.content else { return None };
    let raw = part.text.get(image.backing?);
    let reference = NameOf {
        kind: EdgeKind::Backing,
        name: raw,
        format: image.backing_format.map(|format| format.bytes(&part.text)),
        // Of any other rule none is resolved here.
        rule: if raw.first() == Some(&b'/') { Rule::Absolute } else { Rule::Relative },
        certainty: Certainty::Certain,
        ends_chain: false,
    };
    Some((reference, name.backing))
}

/// The disk that is made of a file, if it is a plain one: what [`disks::disk`](crate::scan::disks::disk) would say.
pub(super) fn disk(tables: &Tables, number: u32) -> Option<Plain<'_>> {
    let file = &tables.files[number as usize];
    let name = &tables.names[file.name as usize];
    let (part, entry) = tables.entry(name);
    let (Content::Image(image), Some(measures)) = (&entry.content, entry.measures) else {
        return None;
    };
    let is_plain = tables.is_as_met(number)
        && name.backing != ELABORATE
        && image.findings.is_none()
        && !tables.edges.contains_key(&file.name);
    let links = u64::from(!entry.is_symlink);
    is_plain.then(|| Plain {
        device: measures.device,
        inode: measures.inode,
        in_scope: file.in_scope,
        virtual_size: image.virtual_size,
        actual_size: measures.allocated,
        length: measures.len,
        unseen_links: measures.links.saturating_sub(links),
        directory: bytes(tables.directories.path(name.directory)),
        name: part.name(entry),
        reference: reference(tables, file.name).map(|(reference, _)| reference),
    })
}
