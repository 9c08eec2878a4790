//! References as nearly every image has them: the name of a file in the same directory, declared as
//! what that is. They need nothing but the tables that are there, so all threads resolve them at
//! once; whatever is less plain is left for [`crate::scan::references`].

use diskdag_qcow2::reference::{Reference, Rule};

use crate::facts::{Certainty, EdgeFacts, EdgeKind};
use crate::scan::assembly::{Assembly, ELABORATE, NOTHING, in_parallel};
use crate::scan::content::{Content, FormatName};

/// Resolves the plain references of all names that are pending; the others stay so.
pub(super) fn resolve_plain(assembly: &mut Assembly<'_>) {
    let pending = std::mem::take(&mut assembly.pending);
    let threads = assembly.crew.threads();
    let resolved = {
        let (assembly, pending) = (&*assembly, &pending);
        in_parallel(threads, pending.len(), |run| {
            pending[run].iter().map(|name| plain(assembly, *name)).collect::<Vec<u32>>()
        })
    };
    for (name, backing) in pending.iter().zip(resolved.into_iter().flatten()) {
        assembly.names[*name as usize].backing = backing;
        if backing == ELABORATE {
            assembly.pending.push(*name);
        }
    }
}

/// The file that an image is backed by.
fn plain(assembly: &Assembly<'_>, name: u32) -> u32 {
    let name = &assembly.names[name as usize];
    let (part, entry) = assembly.entry(name);
    let Content::Image(image) = &entry.content else { return ELABORATE };
    if image.data_file.is_some() {
        return ELABORATE;
    }
    let Some(backing) = image.backing else { return NOTHING };
    let Reference::Relative(path) = Reference::classify(part.text.get(backing)) else {
        return ELABORATE;
    };
    if path.contains(&b'/') {
        return ELABORATE;
    }
    let Some(target) = assembly.find(name.directory, path) else { return ELABORATE };
    match (assembly.content(target).1, image.backing_format) {
        (Content::Image(_), None | Some(FormatName::Qcow2)) => target,
        (Content::Other(None), None | Some(FormatName::Raw))
        | (Content::Other(Some(_)), Some(FormatName::Raw)) => {
            assembly.want(target);
            target
        }
        _ => ELABORATE,
    }
}

/// The edge of a name that was resolved in the plain way.
pub(super) fn edge(assembly: &Assembly<'_>, name: u32) -> Option<EdgeFacts> {
    let name = &assembly.names[name as usize];
    if name.backing >= ELABORATE {
        return None;
    }
    let (part, entry) = assembly.entry(name);
    let Content::Image(image) = &entry.content else { return None };
    Some(EdgeFacts {
        kind: EdgeKind::Backing,
        target: assembly.key(name.backing),
        name: part.text.get(image.backing?).into(),
        format: image.backing_format.map(|format| format.name(&part.text)),
        rule: Rule::Relative,
        certainty: Certainty::Certain,
        ends_chain: false,
    })
}
