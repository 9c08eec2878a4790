//! The last step of a scan: from files to the facts that a graph takes.

use diskdag_qcow2::Foreign;

use crate::facts::{DependencyKnowledge, EdgeFacts, Facts, Finding, Format, Key, State};
use crate::parallel::in_parallel;
use crate::scan::collected::Collected;
use crate::scan::content::{Content, is_raw_by_name};
use crate::scan::declared::may_refer;
use crate::scan::intake::Lineup;
use crate::scan::paths::boxed_path;
use crate::scan::plain;
use crate::scan::tables::{NOTHING, Tables};
use crate::scan::waived::Waivers;

/// The disks of the graph; waivers have their say.
pub(super) fn collect(
    tables: &Tables,
    lineup: Lineup,
    threads: usize,
    waivers: &mut Waivers<'_>,
) -> Collected {
    // Those out of the scope were met last.
    let Lineup { mut files, made } = lineup;
    let met = u32::try_from(files.len()).unwrap_or(u32::MAX);
    let all = u32::try_from(tables.files.len()).unwrap_or(u32::MAX);
    files.extend((met..all).map(|file| (file, NOTHING)));
    let is_opaque =
        |key: &Key| tables.loose.get(key).is_some_and(|facts| facts.state == State::Opaque);
    let has_loose = !tables.loose.is_empty();
    let has_waivers = !waivers.is_empty();
    let mut loose: Vec<&Facts> = tables.loose.values().collect();
    loose.sort_by(|one, other| name_of(&one.key).cmp(name_of(&other.key)));
    let positions = loose.iter().map(|facts| &facts.key).zip(0..).collect();
    let runs = in_parallel(threads, files.len(), |run| {
        let mut collected = Collected::with_capacity(run.len());
        let mut doubtful = Vec::new();
        for &(number, early) in files.get(run).unwrap_or_default() {
            if early != NOTHING && tables.is_as_met(number) {
                collected.push_made(tables, number, early);
                continue;
            }
            // Waivers may have a say about what lies out of the scope.
            let is_in_scope = tables.files[number as usize].in_scope;
            if is_in_scope && !has_loose && collected.push_plain(tables, number) {
                continue;
            }
            if !is_disk(tables, number) {
                continue;
            }
            let disk = disk(tables, number);
            let unknown = disk.dependencies == DependencyKnowledge::Unknown;
            let targets = disk.references.iter().map(|edge| &edge.target).filter(|_| has_loose);
            let opaque: Vec<Key> = targets.filter(|key| is_opaque(key)).cloned().collect();
            let position = collected.len();
            collected.push(tables, &positions, number, &disk);
            let is_there = collected.len() > position;
            let is_outside = has_waivers && !disk.in_scope;
            if is_there && (unknown || !opaque.is_empty() || is_outside) {
                doubtful.push((position, unknown, disk.paths, opaque));
            }
        }
        (collected, doubtful)
    });
    let mut disks: Option<Collected> = None;
    let mut waived_opaque = Vec::new();
    for (mut collected, doubtful) in runs {
        for (position, unknown, paths, opaque) in doubtful {
            if !waivers.cover_any(&paths) {
                continue;
            }
            waived_opaque.extend(opaque);
            if unknown {
                collected.complete(position);
            }
        }
        match &mut disks {
            None => disks = Some(collected),
            Some(disks) => disks.append(collected),
        }
    }
    let mut disks = disks.unwrap_or_default();
    disks.were_made(made);
    for facts in loose {
        let mut facts = facts.clone();
        let by_path = facts.paths.first().is_some_and(|path| {
            facts.dependencies == DependencyKnowledge::Unknown && waivers.cover(path)
        });
        if by_path || waived_opaque.contains(&facts.key) {
            facts.dependencies = DependencyKnowledge::Complete;
        }
        disks.push_loose(&facts);
    }
    disks
}

/// What is no file is known by its name: the order in which a second scan finds it too.
pub(super) fn name_of(key: &Key) -> &[u8] {
    match key {
        Key::Name(name) => name,
        Key::File { .. } => b"",
    }
}

pub(super) fn disk(tables: &Tables, number: u32) -> Facts {
    let file = &tables.files[number as usize];
    let (_, entry) = tables.entry(&tables.names[file.name as usize]);
    let measures = entry.measures;
    let (paths, references, links) = match file.has_further {
        false => {
            let path = boxed_path(tables.path(file.name));
            (vec![path], edges(tables, &[file.name]), u64::from(!entry.is_symlink))
        }
        true => {
            let names = tables.names_of(number);
            let is_link = |name: &&u32| !tables.entry(&tables.names[**name as usize]).1.is_symlink;
            let links = names.iter().filter(is_link).count() as u64;
            let paths = names.iter().map(|name| boxed_path(tables.path(*name))).collect();
            (paths, edges(tables, &names), links)
        }
    };
    let length = measures.map(|measures| measures.len);
    let mut findings = tables.findings.get(&number).cloned().unwrap_or_default();
    // Of several names in the order in which they were met, which is not always the same.
    findings.sort_by(|one, other| (&one.kind, &one.detail).cmp(&(&other.kind, &other.detail)));
    let mut facts = Facts {
        paths,
        references,
        actual_size: measures.map(|measures| measures.allocated),
        length,
        unseen_links: measures.map_or(0, |measures| measures.links.saturating_sub(links)),
        in_scope: file.in_scope,
        ..Facts::new(tables.key(number))
    };
    match &entry.content {
        Content::Image(image) => {
            facts.format = Format::Qcow2;
            facts.virtual_size = Some(image.virtual_size);
            findings.extend(image.findings.iter().flatten().cloned());
        }
        content @ (Content::Other(_) | Content::Elsewhere) => {
            let declared = tables.declared.get(&number);
            let found = if let Content::Other(found) = content { *found } else { None };
            let named = declared.and_then(|format| Foreign::named(format));
            facts.format = match (declared.is_some(), found, file.disowned) {
                (true, ..) => named.map_or(Format::Other, Format::Foreign),
                (false, Some(found), _) => Format::Foreign(found),
                (false, None, true) => Format::Unknown,
                (false, None, false) => Format::Raw,
            };
            if let (Some(found), None) = (found, declared) {
                findings.push(Finding {
                    kind: "other-format".into(),
                    detail: format!("holds {}, of which nothing more is read", found.name()),
                    breaks: false,
                });
            }
            // QEMU counts a raw disk in whole sectors.
            let is_raw = matches!(facts.format, Format::Raw | Format::Unknown);
            let length = length.filter(|_| is_raw);
            facts.virtual_size = length.map(|length| length.next_multiple_of(512));
            if let Some(format) = declared.filter(|format| may_refer(format)) {
                facts.dependencies = DependencyKnowledge::Unknown;
                let format = String::from_utf8_lossy(format);
                let reason = format!("declared {format}, which may name others; not read");
                facts.reason = Some(reason.into());
            }
        }
        Content::Broken(reason) => {
            facts.format = Format::Qcow2;
            unreadable(&mut facts, reason);
        }
        Content::Unreadable(reason) => unreadable(&mut facts, reason),
    }
    findings.dedup();
    facts.findings = findings;
    facts
}

fn unreadable(facts: &mut Facts, reason: &str) {
    facts.state = State::Unreadable;
    facts.reason = Some(reason.into());
    facts.dependencies = DependencyKnowledge::Unknown;
}

/// Whether a file is a disk at all: qcow2, or raw by its name, or because something refers to it.
pub(super) fn is_disk(tables: &Tables, number: u32) -> bool {
    let file = &tables.files[number as usize];
    if !matches!(tables.content(number).1, Content::Other(_)) || tables.is_wanted(number) {
        return true;
    }
    let is_raw = |name: &u32| is_raw_by_name(tables.bytes_of(*name));
    let further = tables.further.get(&number).into_iter().flatten();
    is_raw(&file.name) || (file.has_further && further.into_iter().any(is_raw))
}

/// The edges of these names in their order, each once.
fn edges(tables: &Tables, names: &[u32]) -> Vec<EdgeFacts> {
    if let [name] = names
        && let Some(edge) = plain::edge(tables, *name)
    {
        return vec![edge];
    }
    let mut unique: Vec<EdgeFacts> = Vec::new();
    for name in names {
        let elaborate = tables.edges.get(name).into_iter().flatten().cloned();
        for edge in elaborate.chain(plain::edge(tables, *name)) {
            if !unique.contains(&edge) {
                unique.push(edge);
            }
        }
    }
    unique
}
