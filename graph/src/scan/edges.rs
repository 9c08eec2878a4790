//! Edges: from where a reference leads to what the graph is told of it.

use std::borrow::Cow;
use std::path::Path;

use diskdag_qcow2::open::FileKind;
use diskdag_qcow2::reference::Rule;

use crate::facts::{
    Certainty, DependencyKnowledge, EdgeFacts, EdgeKind, Facts, Finding, Format, Key, State,
};
use crate::scan::declared::judge_format;
use crate::scan::paths::os_str;
use crate::scan::places::Place;
use crate::scan::printable;
use crate::scan::question::Gap;
use crate::scan::tables::Tables;

/// An edge without its target.
#[derive(Clone)]
pub(super) struct Draft {
    pub(super) kind: EdgeKind,
    pub(super) raw: Box<[u8]>,
    pub(super) format: Option<Cow<'static, [u8]>>,
    pub(super) rule: Rule,
    pub(super) certainty: Certainty,
}

/// Adds the edge to where a reference leads, and what is to be said about it.
pub(super) fn connect(tables: &mut Tables, name: u32, place: Place, draft: Draft) {
    let file = tables.names[name as usize].file;
    match place {
        Place::File(target) => {
            let ends_chain = judge_format(tables, file, target, &draft);
            tables.want(target);
            let key = tables.key(target);
            push(tables, name, draft, key, ends_chain);
        }
        Place::Nowhere { path, gap } => {
            let (state, reason, known) = match gap {
                Gap::Missing => (State::Missing, "no such file".to_owned(), true),
                Gap::NotAFile(kind) => {
                    if kind != FileKind::BlockDevice {
                        let detail =
                            format!("needs {}, which is {kind}, not a disk", printable(&path));
                        find(tables, file, "not-a-file", detail, true);
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
            facts.paths.push(Path::new(os_str(&path)).into());
            connect_loose(tables, name, facts, draft);
        }
    }
}

pub(super) fn opaque(tables: &mut Tables, name: u32, draft: &Draft, reason: &str) {
    let file = tables.names[name as usize].file;
    // A node of its own per image, so that a waiver for one image does not cover another.
    let path = tables.file_path(file);
    let mut facts = loose(&draft.raw, State::Opaque, reason);
    facts.key = Key::name([&draft.raw[..], b"\0", &path[..]].concat());
    facts.paths.clear();
    facts.paths.push(Path::new(os_str(&draft.raw)).into());
    facts.dependencies = DependencyKnowledge::Unknown;
    connect_loose(tables, name, facts, draft.clone());
}

/// A reference that QEMU itself would refuse.
pub(super) fn broken(
    tables: &mut Tables,
    name: u32,
    draft: Draft,
    kind: &'static str,
    reason: &str,
) {
    let file = tables.names[name as usize].file;
    find(tables, file, kind, format!("{}: {reason}", printable(&draft.raw)), true);
    connect_loose(tables, name, loose(&draft.raw, State::Missing, reason), draft);
}

pub(super) fn loose(name: &[u8], state: State, reason: &str) -> Facts {
    Facts {
        state,
        reason: Some(reason.into()),
        format: Format::Unknown,
        in_scope: false,
        ..Facts::new(Key::name(name))
    }
}

pub(super) fn connect_loose(tables: &mut Tables, name: u32, facts: Facts, draft: Draft) {
    let key = facts.key.clone();
    tables.loose.entry(key.clone()).or_insert(facts);
    push(tables, name, draft, key, false);
}

fn push(tables: &mut Tables, name: u32, draft: Draft, target: Key, ends_chain: bool) {
    let Draft { kind, raw, format, rule, certainty } = draft;
    let format = format.filter(|_| kind == EdgeKind::Backing);
    let edges = tables.edges.entry(name).or_default();
    // Nearly every image has one edge: room for that, not for the four that a vector begins with.
    edges.reserve_exact(1);
    edges.push(EdgeFacts { kind, target, name: raw, format, rule, certainty, ends_chain });
}

pub(super) fn find(
    tables: &mut Tables,
    file: u32,
    kind: &'static str,
    detail: String,
    breaks: bool,
) {
    let finding = Finding { kind: kind.into(), detail, breaks };
    let findings = tables.findings.entry(file).or_default();
    if !findings.contains(&finding) {
        findings.push(finding);
    }
}
