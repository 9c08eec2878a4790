//! References: from the names in a header to edges, by QEMU's rules.

use std::borrow::Cow;

use diskdag_qcow2::reference::{JsonReference, Reference};

use crate::facts::{Certainty, EdgeKind, State};
use crate::records::format_of;
use crate::scan::assembly::{Assembly, Step};
use crate::scan::content::Content;
use crate::scan::edges::{Draft, broken, connect, connect_loose, find, loose, opaque};
use crate::scan::possible::{self, Deferred};
use crate::scan::printable;
use crate::scan::tables::ELABORATE;

/// Resolves every reference that is not resolved yet, following those that lead out of the scope.
pub(super) fn resolve_all(assembly: &mut Assembly<'_>) -> Step<()> {
    let mut deferred = Vec::new();
    loop {
        let pending = std::mem::take(&mut assembly.tables.pending);
        if pending.is_empty() {
            break;
        }
        assembly.resolved += pending.len() as u64;
        for name in &pending {
            resolve(assembly, *name, &mut deferred)?;
        }
    }
    possible::connect_all(assembly, deferred);
    Ok(())
}

/// The references of one image as one of its names leads to them.
fn resolve(assembly: &mut Assembly<'_>, name: u32, deferred: &mut Vec<Deferred>) -> Step<()> {
    let (part, entry) = assembly.tables.entry(&assembly.tables.names[name as usize]);
    let Content::Image(image) = &entry.content else { return Ok(()) };
    let format = image.backing_format.map(|format| format_of(format.bytes(&part.text)));
    let backing: Option<Box<[u8]>> = image.backing.map(|span| part.text.get(span).into());
    let data_file: Option<Box<[u8]>> = image.data_file.map(|span| part.text.get(span).into());
    assembly.tables.names[name as usize].backing = ELABORATE;
    if let Some(raw) = backing {
        let reference = Reference::classify(&raw);
        let rule = reference.rule();
        let (kind, certainty) = (EdgeKind::Backing, Certainty::Certain);
        let draft = Draft { kind, rule, raw: raw.clone(), format, certainty };
        follow(assembly, name, reference, draft, deferred)?;
    }
    if let Some(raw) = data_file {
        let reference = Reference::data_file(&raw);
        let draft = Draft {
            kind: EdgeKind::DataFile,
            rule: reference.rule(),
            raw: raw.clone(),
            format: Some(Cow::Borrowed(b"raw")),
            certainty: Certainty::Certain,
        };
        follow(assembly, name, reference, draft, deferred)?;
    }
    Ok(())
}

fn follow(
    assembly: &mut Assembly<'_>,
    name: u32,
    reference: Reference<'_>,
    mut draft: Draft,
    deferred: &mut Vec<Deferred>,
) -> Step<()> {
    let from = assembly.tables.names[name as usize].directory;
    let mut by_path = |assembly: &mut Assembly<'_>, path: &[u8], draft: Draft| -> Step<()> {
        let place = assembly.locate(from, path)?;
        if path.first() == Some(&b'/') {
            connect(&mut assembly.tables, name, place, draft);
        } else {
            let edge = Draft { certainty: Certainty::Possible, ..draft };
            deferred.push(Deferred { name, path: path.into(), edge, beside: place });
        }
        Ok(())
    };
    match reference {
        Reference::Relative(path) => {
            let place = assembly.locate(from, path)?;
            connect(&mut assembly.tables, name, place, draft.clone());
            // What lies beside the image does so wherever that is mounted.
            if path.contains(&b'/') {
                for place in assembly.locate_elsewhere(from, path)? {
                    connect(&mut assembly.tables, name, place, draft.clone());
                }
            }
        }
        Reference::Absolute(path) | Reference::DataFile(path) => by_path(assembly, path, draft)?,
        Reference::File(path) => by_path(assembly, &path, draft)?,
        Reference::Json(JsonReference::File { path, format }) => {
            let named = format.map(|format| Cow::Owned(format.to_vec()));
            draft.format = draft.format.or(named);
            by_path(assembly, &path, draft)?;
        }
        Reference::Remote { .. } | Reference::Json(JsonReference::Remote { .. }) => {
            let facts = loose(&draft.raw, State::Remote, "not a file of this host");
            connect_loose(&mut assembly.tables, name, facts, draft);
        }
        Reference::Opaque { scheme } => {
            let reason = format!("only QEMU can resolve a `{}:` name", printable(scheme));
            opaque(&mut assembly.tables, name, &draft, &reason);
        }
        Reference::Json(JsonReference::Opaque { why }) => {
            opaque(
                &mut assembly.tables,
                name,
                &draft,
                &format!("its json: name cannot be resolved: {why}"),
            );
        }
        Reference::UnknownProtocol { scheme } => {
            let reason = format!("QEMU knows no protocol `{}`", printable(scheme));
            broken(&mut assembly.tables, name, draft, "unknown-protocol", &reason);
        }
        Reference::Bad { .. } if draft.raw.contains(&0) => {
            // QEMU, written in C, would open what stands before the NUL: that may be any disk.
            let reason = "its name holds a NUL byte; QEMU would take the part before it";
            let file = assembly.tables.names[name as usize].file;
            find(&mut assembly.tables, file, "bad-reference", reason.to_owned(), true);
            opaque(&mut assembly.tables, name, &draft, reason);
        }
        Reference::Bad { why } => {
            let reason = format!("not a usable name: {why}");
            broken(&mut assembly.tables, name, draft, "bad-reference", &reason);
        }
        // The enum may grow: what is not understood is never taken for harmless.
        _ => {
            opaque(&mut assembly.tables, name, &draft, "a kind of reference that is not understood")
        }
    }
    Ok(())
}
