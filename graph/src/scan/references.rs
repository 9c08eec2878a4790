//! References: from the names in a header to edges, by QEMU's rules.

use std::borrow::Cow;

use diskdag_qcow2::open::FileKind;
use diskdag_qcow2::reference::{JsonReference, Reference};
use std::collections::HashMap;

use crate::facts::{
    Certainty, DependencyKnowledge, EdgeFacts, EdgeKind, Facts, Finding, Format, Key, State,
};
use crate::scan::assembly::{Assembly, Gap, Place};
use crate::scan::content::{Content, FormatName};
use crate::scan::paths::{ends_with, os_str, suffix};
use crate::scan::printable;
use crate::scan::text::Span;

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
    format: Option<FormatName>,
    rule: diskdag_qcow2::reference::Rule,
    certainty: Certainty,
}

/// Resolves every reference of every image, following those that lead out of the scope.
pub(super) fn resolve_all(assembly: &mut Assembly, should_stop: &dyn Fn() -> bool) {
    let mut deferred = Vec::new();
    let mut candidates: Option<HashMap<Box<[u8]>, Vec<u32>>> = None;
    while !should_stop() {
        if let Some(name) = assembly.pending.pop() {
            resolve(assembly, name, &mut deferred);
        } else if let Some(next) = deferred.pop() {
            let candidates = candidates.get_or_insert_with(|| by_file_name(assembly));
            resolve_possible(assembly, &next, candidates);
        } else {
            return;
        }
    }
}

fn by_file_name(assembly: &Assembly) -> HashMap<Box<[u8]>, Vec<u32>> {
    let mut names: HashMap<Box<[u8]>, Vec<u32>> = HashMap::new();
    for (name, at) in assembly.names.iter().zip(0..) {
        names.entry(assembly.text.get(name.name).into()).or_default().push(at);
    }
    names
}

/// The references of one image as one of its names leads to them.
fn resolve(assembly: &mut Assembly, name: u32, deferred: &mut Vec<Deferred>) {
    let file = assembly.names[name as usize].file;
    let Content::Image(image) = &assembly.files[file as usize].content else { return };
    let text = &assembly.text;
    let owned = |span: Span| -> Box<[u8]> { text.get(span).into() };
    let backing = image.backing.map(owned);
    let format = image.backing_format;
    let data_file = image.data_file.map(owned);
    if let Some(raw) = backing {
        let reference = Reference::classify(&raw);
        let rule = reference.rule();
        if let Reference::Relative(path) = reference {
            // Nearly every image: the string moves on.
            let place = assembly.locate(assembly.names[name as usize].directory, path);
            let certainty = Certainty::Certain;
            connect(
                assembly,
                name,
                place,
                Draft { kind: EdgeKind::Backing, rule, raw, format, certainty },
            );
        } else {
            let (kind, certainty) = (EdgeKind::Backing, Certainty::Certain);
            let draft = Draft { kind, rule, raw: raw.clone(), format, certainty };
            follow(assembly, name, reference, draft, deferred);
        }
    }
    if let Some(raw) = data_file {
        let reference = Reference::data_file(&raw);
        let draft = Draft {
            kind: EdgeKind::DataFile,
            rule: reference.rule(),
            raw: raw.clone(),
            format: Some(FormatName::Raw),
            certainty: Certainty::Certain,
        };
        follow(assembly, name, reference, draft, deferred);
    }
}

fn follow(
    assembly: &mut Assembly,
    name: u32,
    reference: Reference<'_>,
    mut draft: Draft,
    deferred: &mut Vec<Deferred>,
) {
    let from = assembly.names[name as usize].directory;
    let mut by_path = |assembly: &mut Assembly, path: &[u8], draft: Draft| {
        if path.first() == Some(&b'/') {
            let place = assembly.locate(from, path);
            connect(assembly, name, place, draft);
        } else {
            let edge = Draft { certainty: Certainty::Possible, ..draft };
            deferred.push(Deferred { name, path: path.into(), edge });
        }
    };
    match reference {
        Reference::Relative(path) => {
            let place = assembly.locate(from, path);
            connect(assembly, name, place, draft);
        }
        Reference::Absolute(path) | Reference::DataFile(path) => by_path(assembly, path, draft),
        Reference::File(path) => by_path(assembly, &path, draft),
        Reference::Json(JsonReference::File { path, format }) => {
            let named = format.map(|format| FormatName::of(&format, &mut assembly.text));
            draft.format = draft.format.or(named);
            by_path(assembly, &path, draft);
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
            broken(assembly, name, &draft, "unknown-protocol", &reason);
        }
        Reference::Bad { .. } if draft.raw.contains(&0) => {
            // QEMU, written in C, would open what stands before the NUL: that may be any disk.
            let reason = "its name holds a NUL byte; QEMU would take the part before it";
            let file = assembly.names[name as usize].file;
            find(assembly, file, "bad-reference", reason.to_owned(), true);
            opaque(assembly, name, &draft, reason);
        }
        Reference::Bad { why } => {
            broken(assembly, name, &draft, "bad-reference", &format!("not a usable name: {why}"));
        }
        // The enum may grow: what is not understood is never taken for harmless.
        _ => opaque(assembly, name, &draft, "a kind of reference that is not understood"),
    }
}

/// All files that a name resolved from an unknown directory may mean: the one beside the image
/// first, as that is where such images are usually started.
fn resolve_possible(
    assembly: &mut Assembly,
    deferred: &Deferred,
    candidates: &HashMap<Box<[u8]>, Vec<u32>>,
) {
    let Deferred { name, path, edge } = deferred;
    let from = assembly.names[*name as usize].directory;
    let beside = assembly.locate(from, path);
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
            return opaque(assembly, *name, edge, &reason);
        }
    }
    if targets.is_empty() {
        connect(assembly, *name, beside, edge.clone());
    }
    for target in targets {
        connect(assembly, *name, Place::File(target), edge.clone());
    }
}

/// Adds the edge to where a reference leads, and what is to be said about it.
fn connect(assembly: &mut Assembly, name: u32, place: Place, draft: Draft) {
    let file = assembly.names[name as usize].file;
    match place {
        Place::File(target) => {
            let ends_chain = judge_format(assembly, file, target, &draft);
            assembly.files[target as usize].wanted = true;
            let key = key_of(assembly, target);
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
            connect_loose(assembly, name, facts, draft.clone());
        }
    }
}

/// Compares what a reference declares with what its target holds. Says whether the chain ends at
/// the target: as plain bytes, or because QEMU would refuse it.
fn judge_format(assembly: &mut Assembly, file: u32, target: u32, draft: &Draft) -> bool {
    let holds_qcow2 = match &assembly.files[target as usize].content {
        Content::Image(_) => true,
        Content::Other => false,
        Content::Broken(_) | Content::Unreadable(_) => return false,
    };
    let Some(declared) = draft.format else { return false };
    if matches!((declared, holds_qcow2), (FormatName::Qcow2, true) | (FormatName::Raw, false)) {
        return false;
    }
    let format = &*declared.bytes(&assembly.text).to_vec();
    let path = || printable(&assembly.path(assembly.files[target as usize].name));
    match (format, holds_qcow2) {
        (b"file" | b"host_device", false) => false,
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
        (_, false) => {
            assembly.files[target as usize].declared = Some(declared);
            false
        }
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

pub(super) fn key_of(assembly: &Assembly, file: u32) -> Key {
    let entry = &assembly.files[file as usize];
    match &entry.stat {
        Some(stat) => Key::File { device: stat.device, inode: stat.inode },
        None => Key::name(assembly.path(entry.name)),
    }
}

fn opaque(assembly: &mut Assembly, name: u32, draft: &Draft, reason: &str) {
    let file = assembly.names[name as usize].file;
    // A node of its own per image, so that a waiver for one image does not cover another.
    let path = assembly.path(assembly.files[file as usize].name);
    let mut facts = loose(&draft.raw, State::Opaque, reason);
    facts.key = Key::name([&draft.raw[..], b"\0", &path[..]].concat());
    facts.paths.clear();
    facts.paths.push(std::path::Path::new(os_str(&draft.raw)).into());
    facts.dependencies = DependencyKnowledge::Unknown;
    connect_loose(assembly, name, facts, draft.clone());
}

/// A reference that QEMU itself would refuse.
fn broken(assembly: &mut Assembly, name: u32, draft: &Draft, kind: &'static str, reason: &str) {
    let file = assembly.names[name as usize].file;
    find(assembly, file, kind, format!("{}: {reason}", printable(&draft.raw)), true);
    connect_loose(assembly, name, loose(&draft.raw, State::Missing, reason), draft.clone());
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

fn connect_loose(assembly: &mut Assembly, name: u32, facts: Facts, draft: Draft) {
    let key = facts.key.clone();
    assembly.loose.entry(key.clone()).or_insert(facts);
    push(assembly, name, draft, key, false);
}

fn push(assembly: &mut Assembly, name: u32, draft: Draft, target: Key, ends_chain: bool) {
    let Draft { kind, raw, format, rule, certainty } = draft;
    let format = format.filter(|_| kind == EdgeKind::Backing).map(|format| match format {
        FormatName::Qcow2 => Cow::Borrowed(&b"qcow2"[..]),
        FormatName::Raw => Cow::Borrowed(&b"raw"[..]),
        other @ FormatName::Other(_) => Cow::Owned(other.bytes(&assembly.text).to_vec()),
    });
    let entry = &mut assembly.files[assembly.names[name as usize].file as usize];
    // Nearly every image has one edge: room for that, not for the four that a vector begins with.
    entry.edges.reserve_exact(1);
    entry.edges.push(EdgeFacts { kind, target, name: raw, format, rule, certainty, ends_chain });
    // Which name an edge comes from matters only to files of several names.
    if name != entry.name || !entry.edge_names.is_empty() {
        let before = entry.edges.len() - 1;
        entry.edge_names.resize(before, entry.name);
        entry.edge_names.push(name);
    }
}

fn find(assembly: &mut Assembly, file: u32, kind: &'static str, detail: String, breaks: bool) {
    let finding = Finding { kind: kind.into(), detail, breaks };
    let findings = &mut assembly.files[file as usize].findings;
    if !findings.contains(&finding) {
        findings.push(finding);
    }
}
