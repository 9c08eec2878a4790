//! The last step of a scan: from files to the facts that a graph takes.

use diskdag_qcow2::Foreign;

use crate::facts::{DependencyKnowledge, EdgeFacts, Facts, Finding, Format, Key, State};
use crate::scan::assembly::{Assembly, in_parallel};
use crate::scan::content::{Content, is_raw_by_name};
use crate::scan::paths::boxed_path;
use crate::scan::plain;
use crate::scan::references::may_refer;
use crate::scan::waived::Waivers;

/// The disks of the graph; waivers have their say.
pub(super) fn facts(assembly: &mut Assembly<'_>, waivers: &mut Waivers<'_>) -> Vec<Facts> {
    let threads = assembly.crew.threads();
    let loose = std::mem::take(&mut assembly.loose);
    let is_opaque = |key: &Key| loose.get(key).is_some_and(|facts| facts.state == State::Opaque);
    let has_loose = !loose.is_empty();
    let assembly = &*assembly;
    let runs = in_parallel(threads, assembly.files.len(), |run| {
        let mut facts = Vec::with_capacity(run.len());
        let mut doubtful = Vec::new();
        for number in run.filter_map(|number| u32::try_from(number).ok()) {
            if !is_disk(assembly, number) {
                continue;
            }
            let disk = disk(assembly, number);
            let unknown = disk.dependencies == DependencyKnowledge::Unknown;
            if unknown || (has_loose && disk.references.iter().any(|edge| is_opaque(&edge.target)))
            {
                doubtful.push(facts.len());
            }
            facts.push(disk);
        }
        (facts, doubtful)
    });
    let mut disks: Vec<Facts> = Vec::new();
    let mut waived_opaque = Vec::new();
    for (mut facts, doubtful) in runs {
        for position in doubtful {
            let Some(facts) = facts.get_mut(position) else { continue };
            let targets = facts.references.iter().map(|edge| &edge.target);
            let opaque: Vec<Key> = targets.filter(|key| is_opaque(key)).cloned().collect();
            if !opaque.is_empty() && waivers.cover_any(&facts.paths) {
                waived_opaque.extend(opaque);
            }
            if facts.dependencies == DependencyKnowledge::Unknown && waivers.cover_any(&facts.paths)
            {
                facts.dependencies = DependencyKnowledge::Complete;
            }
        }
        // Facts are big: those of the first run stay where they are.
        match disks.is_empty() {
            true => disks = facts,
            false => disks.append(&mut facts),
        }
    }
    let mut loose: Vec<(Key, Facts)> = loose.into_iter().collect();
    loose.sort_by(|(one, _), (other, _)| name_of(one).cmp(name_of(other)));
    for (key, mut facts) in loose {
        let by_path = facts.paths.first().is_some_and(|path| {
            facts.dependencies == DependencyKnowledge::Unknown && waivers.cover(path)
        });
        if by_path || waived_opaque.contains(&key) {
            facts.dependencies = DependencyKnowledge::Complete;
        }
        disks.push(facts);
    }
    disks
}

/// What is no file is known by its name: the order in which a second scan finds it too.
fn name_of(key: &Key) -> &[u8] {
    match key {
        Key::Name(name) => name,
        Key::File { .. } => b"",
    }
}

fn disk(assembly: &Assembly<'_>, number: u32) -> Facts {
    let file = &assembly.files[number as usize];
    let (_, entry) = assembly.entry(&assembly.names[file.name as usize]);
    let measures = entry.measures;
    let (paths, references, links) = match file.has_further {
        false => {
            let path = boxed_path(assembly.path(file.name));
            (vec![path], edges(assembly, &[file.name]), u64::from(!entry.is_symlink))
        }
        true => {
            let names = assembly.names_of(number);
            let is_link =
                |name: &&u32| !assembly.entry(&assembly.names[**name as usize]).1.is_symlink;
            let links = names.iter().filter(is_link).count() as u64;
            let paths = names.iter().map(|name| boxed_path(assembly.path(*name))).collect();
            (paths, edges(assembly, &names), links)
        }
    };
    let length = measures.map(|measures| measures.len);
    let mut findings = assembly.findings.get(&number).cloned().unwrap_or_default();
    let mut facts = Facts {
        paths,
        references,
        actual_size: measures.map(|measures| measures.allocated),
        length,
        unseen_links: measures.map_or(0, |measures| measures.links.saturating_sub(links)),
        in_scope: file.in_scope,
        ..Facts::new(assembly.key(number))
    };
    match &entry.content {
        Content::Image(image) => {
            facts.format = Format::Qcow2;
            facts.virtual_size = Some(image.virtual_size);
            findings.extend(image.findings.iter().flatten().cloned());
        }
        content @ (Content::Other(_) | Content::Elsewhere) => {
            let declared = assembly.declared.get(&number);
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
fn is_disk(assembly: &Assembly<'_>, number: u32) -> bool {
    let file = &assembly.files[number as usize];
    if !matches!(assembly.content(number).1, Content::Other(_)) || assembly.is_wanted(number) {
        return true;
    }
    let is_raw = |name: &u32| is_raw_by_name(assembly.bytes_of(*name));
    let further = assembly.further.get(&number).into_iter().flatten();
    is_raw(&file.name) || (file.has_further && further.into_iter().any(is_raw))
}

/// The edges of these names in their order, each once.
fn edges(assembly: &Assembly<'_>, names: &[u32]) -> Vec<EdgeFacts> {
    if let [name] = names
        && let Some(edge) = plain::edge(assembly, *name)
    {
        return vec![edge];
    }
    let mut unique: Vec<EdgeFacts> = Vec::new();
    for name in names {
        let elaborate = assembly.edges.get(name).into_iter().flatten().cloned();
        for edge in elaborate.chain(plain::edge(assembly, *name)) {
            if !unique.contains(&edge) {
                unique.push(edge);
            }
        }
    }
    unique
}
