//! References: from the names in a header to edges, by QEMU's rules.

use std::borrow::Cow;

use diskdag_qcow2::open::FileKind;
use diskdag_qcow2::reference::{JsonReference, Reference};
use std::collections::HashMap;

use crate::facts::{
    Certainty, DependencyKnowledge, EdgeFacts, EdgeKind, Facts, Finding, Format, Key, State,
};
use crate::scan::assembly::{Assembly, ELABORATE, Step};
use crate::scan::content::Content;
use crate::scan::paths::{ends_with, os_str, suffix};
use crate::scan::places::Place;
use crate::scan::printable;
use crate::scan::question::Gap;

/// A name resolved from QEMU's working directory may mean any file that ends with it. Beyond this
/// many, nobody can list what is meant, and the reference is opaque.
const MOST_CANDIDATES: usize = 64;

/// A reference that QEMU resolves from its working directory, kept until all files are known.
struct Deferred {
    name: u32,
    path: Box<[u8]>,
    edge: Draft,
}

/// An edge without its target.
#[derive(Clone)]
struct Draft {
    kind: EdgeKind,
    raw: Box<[u8]>,
    format: Option<Cow<'static, [u8]>>,
    rule: diskdag_qcow2::reference::Rule,
    certainty: Certainty,
}

/// Resolves every reference that is not resolved yet, following those that lead out of the scope.
pub(super) fn resolve_all(assembly: &mut Assembly<'_>) -> Step<()> {
    let mut deferred = Vec::new();
    let mut candidates: Option<HashMap<Box<[u8]>, Vec<u32>>> = None;
    loop {
        let pending = std::mem::take(&mut assembly.pending);
        if pending.is_empty() && deferred.is_empty() {
            return Ok(());
        }
        for name in &pending {
            resolve(assembly, *name, &mut deferred)?;
        }
        if !pending.is_empty() {
            continue;
        }
        for next in std::mem::take(&mut deferred) {
            let candidates = candidates.get_or_insert_with(|| by_file_name(assembly));
            resolve_possible(assembly, &next, candidates)?;
        }
    }
}

fn by_file_name(assembly: &Assembly<'_>) -> HashMap<Box<[u8]>, Vec<u32>> {
    let mut names: HashMap<Box<[u8]>, Vec<u32>> = HashMap::new();
    for (_, at) in assembly.names.iter().zip(0..) {
        names.entry(assembly.bytes_of(at).into()).or_default().push(at);
    }
    names
}

/// The references of one image as one of its names leads to them.
fn resolve(assembly: &mut Assembly<'_>, name: u32, deferred: &mut Vec<Deferred>) -> Step<()> {
    let (part, entry) = assembly.entry(&assembly.names[name as usize]);
    let Content::Image(image) = &entry.content else { return Ok(()) };
    let format = image.backing_format.map(|format| format.name(&part.text));
    let backing: Option<Box<[u8]>> = image.backing.map(|span| part.text.get(span).into());
    let data_file: Option<Box<[u8]>> = image.data_file.map(|span| part.text.get(span).into());
    assembly.names[name as usize].backing = ELABORATE;
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
    let from = assembly.names[name as usize].directory;
    let mut by_path = |assembly: &mut Assembly<'_>, path: &[u8], draft: Draft| -> Step<()> {
        if path.first() == Some(&b'/') {
            let place = assembly.locate(from, path)?;
            connect(assembly, name, place, draft);
        } else {
            let edge = Draft { certainty: Certainty::Possible, ..draft };
            deferred.push(Deferred { name, path: path.into(), edge });
        }
        Ok(())
    };
    match reference {
        Reference::Relative(path) => {
            let place = assembly.locate(from, path)?;
            connect(assembly, name, place, draft);
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
            connect_loose(assembly, name, facts, draft);
        }
        Reference::Opaque { scheme } => {
            let reason = format!("only QEMU can resolve a `{}:` name", printable(scheme));
            opaque(assembly, name, &draft, &reason);
        }
        Reference::Json(JsonReference::Opaque { why }) => {
            opaque(assembly, name, &draft, &format!("its json: name cannot be resolved: {why}"));
        }
        Reference::UnknownProtocol { scheme } => {
            let reason = format!("QEMU knows no protocol `{}`", printable(scheme));
            broken(assembly, name, draft, "unknown-protocol", &reason);
        }
        Reference::Bad { .. } if draft.raw.contains(&0) => {
            // QEMU, written in C, would open what stands before the NUL: that may be any disk.
            let reason = "its name holds a NUL byte; QEMU would take the part before it";
            let file = assembly.names[name as usize].file;
            find(assembly, file, "bad-reference", reason.to_owned(), true);
            opaque(assembly, name, &draft, reason);
        }
        Reference::Bad { why } => {
            let reason = format!("not a usable name: {why}");
            broken(assembly, name, draft, "bad-reference", &reason);
        }
        // The enum may grow: what is not understood is never taken for harmless.
        _ => opaque(assembly, name, &draft, "a kind of reference that is not understood"),
    }
    Ok(())
}

/// All files that a name resolved from an unknown directory may mean: the one beside the image
/// first, as that is where such images are usually started.
fn resolve_possible(
    assembly: &mut Assembly<'_>,
    deferred: &Deferred,
    candidates: &HashMap<Box<[u8]>, Vec<u32>>,
) -> Step<()> {
    let Deferred { name, path, edge } = deferred;
    let from = assembly.names[*name as usize].directory;
    let beside = assembly.locate(from, path)?;
    let mut targets: Vec<u32> = match beside {
        Place::File(file) => vec![file],
        Place::Nowhere { .. } => Vec::new(),
    };
    let wanted = suffix(path);
    let named = wanted.last().and_then(|last| candidates.get(*last));
    for &candidate in named.into_iter().flatten() {
        let file = assembly.names[candidate as usize].file;
        if targets.contains(&file) || !ends_with(&assembly.path(candidate), &wanted) {
            continue;
        }
        targets.push(file);
        if targets.len() > MOST_CANDIDATES {
            let reason = format!(
                "more than {MOST_CANDIDATES} files may be meant by a name that QEMU resolves from \
                 its working directory"
            );
            opaque(assembly, *name, edge, &reason);
            return Ok(());
        }
    }
    if targets.is_empty() {
        connect(assembly, *name, beside, edge.clone());
    }
    for target in targets {
        connect(assembly, *name, Place::File(target), edge.clone());
    }
    Ok(())
}

/// Adds the edge to where a reference leads, and what is to be said about it.
fn connect(assembly: &mut Assembly<'_>, name: u32, place: Place, draft: Draft) {
    let file = assembly.names[name as usize].file;
    match place {
        Place::File(target) => {
            let ends_chain = judge_format(assembly, file, target, &draft);
            assembly.want(target);
            let key = assembly.key(target);
            push(assembly, name, draft, key, ends_chain);
        }
        Place::Nowhere { path, gap } => {
            let (state, reason, known) = match gap {
                Gap::Missing => (State::Missing, "no such file".to_owned(), true),
                Gap::NotAFile(kind) => {
                    if kind != FileKind::BlockDevice {
                        let detail =
                            format!("needs {}, which is {kind}, not a disk", printable(&path));
                        find(assembly, file, "not-a-file", detail, true);
                    }
                    (State::NotAFile, kind.to_string(), true)
                }
                Gap::Refused(reason) => (State::Refused, reason, true),
                Gap::Unreadable(reason) => (State::Unreadable, reason, false),
            };
            let mut facts = loose(&path, state, &reason);
            if !known {
                facts.dependencies = DependencyKnowledge::Unknown;
            }
            facts.paths.push(std::path::Path::new(os_str(&path)).into());
            connect_loose(assembly, name, facts, draft);
        }
    }
}

/// Compares what a reference declares with what its target holds. Says whether the chain ends at
/// the target: as plain bytes, or because QEMU would refuse it.
fn judge_format(assembly: &mut Assembly<'_>, file: u32, target: u32, draft: &Draft) -> bool {
    let holds_qcow2 = match assembly.content(target).1 {
        Content::Image(_) => true,
        Content::Other(found) => {
            // Undeclared, it is what QEMU finds.
            if let (Some(found), None) = (*found, &draft.format) {
                declare(assembly, target, found.name().as_bytes());
            }
            false
        }
        Content::Broken(_) | Content::Unreadable(_) | Content::Elsewhere => return false,
    };
    let Some(format) = draft.format.as_deref() else { return false };
    let path = || printable(&assembly.file_path(target));
    match (format, holds_qcow2) {
        (b"qcow2", true) | (b"raw" | b"file" | b"host_device", false) => false,
        (b"qcow2", false) => {
            let detail = format!("declares {} as qcow2, and it is not", path());
            find(assembly, file, "declared-qcow2-is-not", detail, true);
            assembly.files[target as usize].disowned = true;
            false
        }
        (b"raw" | b"file" | b"host_device", true) => {
            if draft.kind == EdgeKind::Backing {
                let detail =
                    format!("declares {} as raw; it holds a qcow2 header, read as data", path());
                find(assembly, file, "declared-raw-holds-qcow2", detail, false);
            }
            true
        }
        (other, _) if !OTHER_FORMATS.contains(&other) => {
            let detail = format!("declares an unknown format: {}", printable(other));
            find(assembly, file, "unknown-format", detail, true);
            holds_qcow2
        }
        (other, true) => {
            let detail = format!("declares {} as {}; it holds qcow2", path(), printable(other));
            find(assembly, file, "declared-format-differs", detail, true);
            true
        }
        (other, false) => {
            declare(assembly, target, other);
            false
        }
    }
}

/// Of several declarations the one that may lead on to other disks counts.
fn declare(assembly: &mut Assembly<'_>, target: u32, format: &[u8]) {
    let declared = assembly.declared.entry(target).or_insert_with(|| format.into());
    if may_refer(format) && !may_refer(declared) {
        *declared = format.into();
    }
}

/// Formats of QEMU that are not read here.
const OTHER_FORMATS: &[&[u8]] = &[
    b"vmdk",
    b"qed",
    b"qcow",
    b"vdi",
    b"vhdx",
    b"vpc",
    b"parallels",
    b"luks",
    b"dmg",
    b"bochs",
    b"cloop",
];

/// Those of them that may have a backing file of their own.
const FORMATS_THAT_REFER: &[&[u8]] = &[b"vmdk", b"qed", b"qcow"];

/// Whether an image declared so may need images that nobody here can name.
pub(super) fn may_refer(format: &[u8]) -> bool {
    FORMATS_THAT_REFER.contains(&format)
}

fn opaque(assembly: &mut Assembly<'_>, name: u32, draft: &Draft, reason: &str) {
    let file = assembly.names[name as usize].file;
    // A node of its own per image, so that a waiver for one image does not cover another.
    let path = assembly.file_path(file);
    let mut facts = loose(&draft.raw, State::Opaque, reason);
    facts.key = Key::name([&draft.raw[..], b"\0", &path[..]].concat());
    facts.paths.clear();
    facts.paths.push(std::path::Path::new(os_str(&draft.raw)).into());
    facts.dependencies = DependencyKnowledge::Unknown;
    connect_loose(assembly, name, facts, draft.clone());
}

/// A reference that QEMU itself would refuse.
fn broken(assembly: &mut Assembly<'_>, name: u32, draft: Draft, kind: &'static str, reason: &str) {
    let file = assembly.names[name as usize].file;
    find(assembly, file, kind, format!("{}: {reason}", printable(&draft.raw)), true);
    connect_loose(assembly, name, loose(&draft.raw, State::Missing, reason), draft);
}

fn loose(name: &[u8], state: State, reason: &str) -> Facts {
    Facts {
        state,
        reason: Some(reason.into()),
        format: Format::Unknown,
        in_scope: false,
        ..Facts::new(Key::name(name))
    }
}

fn connect_loose(assembly: &mut Assembly<'_>, name: u32, facts: Facts, draft: Draft) {
    let key = facts.key.clone();
    assembly.loose.entry(key.clone()).or_insert(facts);
    push(assembly, name, draft, key, false);
}

fn push(assembly: &mut Assembly<'_>, name: u32, draft: Draft, target: Key, ends_chain: bool) {
    let Draft { kind, raw, format, rule, certainty } = draft;
    let format = format.filter(|_| kind == EdgeKind::Backing);
    let edges = assembly.edges.entry(name).or_default();
    // Nearly every image has one edge: room for that, not for the four that a vector begins with.
    edges.reserve_exact(1);
    edges.push(EdgeFacts { kind, target, name: raw, format, rule, certainty, ends_chain });
}

fn find(assembly: &mut Assembly<'_>, file: u32, kind: &'static str, detail: String, breaks: bool) {
    let finding = Finding { kind: kind.into(), detail, breaks };
    let findings = assembly.findings.entry(file).or_default();
    if !findings.contains(&finding) {
        findings.push(finding);
    }
}
