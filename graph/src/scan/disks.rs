//! The last step of a scan: from files to the facts that a graph takes.

use std::path::{Path, PathBuf};

use std::collections::HashMap;

use crate::doubt::{Coverage, Skipped, Waived};
use crate::facts::{Change, DependencyKnowledge, EdgeFacts, Facts, Format, State};
use crate::scan::assembly::{Assembly, File};
use crate::scan::content::{Content, is_raw_by_name};
use crate::scan::paths::boxed_path;
use crate::scan::references::{key_of, may_refer};
use crate::scan::scope::{Fingerprint, Waiver};

/// Makes disks of files, and lets waivers have their say.
pub(super) struct Disks<'w> {
    waivers: HashMap<&'w Path, &'w Waiver>,
    pub(super) coverage: Coverage,
}

impl<'w> Disks<'w> {
    /// Waivers for what is no disk are applied at once: directories, mounts, missing files.
    pub(super) fn new(waivers: &'w [Waiver], coverage: Coverage) -> Self {
        let waivers = waivers.iter().map(|waiver| (&*waiver.path, waiver)).collect();
        let mut disks = Self { waivers, coverage };
        let Coverage { doubts, skipped, .. } = &mut disks.coverage;
        let (doubts, skipped) = (std::mem::take(doubts), std::mem::take(skipped));
        for doubt in doubts {
            if !disks.waive(&doubt.path) {
                disks.coverage.doubts.push(doubt);
            }
        }
        for place in skipped {
            let may_hold_images = place.may_hold_images && !disks.waive(&place.path);
            disks.coverage.skipped.push(Skipped { may_hold_images, ..place });
        }
        let missing: Vec<PathBuf> = disks
            .waivers
            .values()
            .filter(|waiver| waiver.fingerprint.is_none())
            .map(|waiver| waiver.path.clone())
            .collect();
        for path in missing {
            disks.waive(&path);
        }
        disks
    }

    /// Whether a waiver covers `path` as it is now; the answers will then say so.
    fn waive(&mut self, path: &Path) -> bool {
        let Some(waiver) = self.waivers.get(path) else { return false };
        if Fingerprint::of(path).ok() != Some(waiver.fingerprint) {
            return false;
        }
        let waived = Waived { path: path.to_owned(), reason: waiver.reason.clone() };
        if !self.coverage.waived.contains(&waived) {
            self.coverage.waived.push(waived);
        }
        true
    }

    /// The changes that build the graph.
    pub(super) fn changes(&mut self, mut assembly: Assembly) -> Vec<Change> {
        let mut changes = Vec::with_capacity(assembly.files.len() + assembly.loose.len());
        let loose = std::mem::take(&mut assembly.loose);
        let mut waived_opaque = Vec::new();
        for file in 0..assembly.files.len() {
            let number = u32::try_from(file).unwrap_or(u32::MAX);
            if !is_disk(&assembly, number) {
                continue;
            }
            assembly.sort_names(number);
            let facts = self.disk(&mut assembly, number);
            let opaque = facts.references.iter().map(|edge| &edge.target).filter(|target| {
                loose.get(*target).is_some_and(|facts| facts.state == State::Opaque)
            });
            let opaque: Vec<_> = opaque.cloned().collect();
            if !opaque.is_empty() && facts.paths.iter().any(|path| self.waive(path)) {
                waived_opaque.extend(opaque);
            }
            changes.push(Change::Insert(facts));
        }
        for (key, mut facts) in loose {
            let by_path = facts.paths.first().is_some_and(|path| {
                facts.dependencies == DependencyKnowledge::Unknown && self.waive(path)
            });
            if by_path || waived_opaque.contains(&key) {
                facts.dependencies = DependencyKnowledge::Complete;
            }
            changes.push(Change::Insert(facts));
        }
        changes
    }

    fn disk(&mut self, assembly: &mut Assembly, number: u32) -> Facts {
        let File { name, further, .. } = &assembly.files[number as usize];
        let names = std::iter::once(name).chain(further);
        let links = names.clone().filter(|name| !assembly.names[**name as usize].is_symlink);
        let links = links.count() as u64;
        let paths = names.map(|name| boxed_path(assembly.path(*name))).collect();
        let key = key_of(assembly, number);
        let file = &mut assembly.files[number as usize];
        let references = edges(file);
        let mut findings = std::mem::take(&mut file.findings);
        let content = std::mem::replace(&mut file.content, Content::Other);
        let length = file.stat.map(|stat| stat.len);
        let mut facts = Facts {
            paths,
            references,
            actual_size: file.stat.map(|stat| stat.allocated),
            length,
            unseen_links: file.stat.map_or(0, |stat| stat.links.saturating_sub(links)),
            in_scope: file.in_scope,
            ..Facts::new(key)
        };
        match content {
            Content::Image(image) => {
                facts.format = Format::Qcow2;
                facts.virtual_size = Some(image.virtual_size);
                findings.extend(image.findings.into_iter().flatten());
            }
            Content::Other => {
                facts.format = match (file.declared.is_some(), file.disowned) {
                    (true, _) => Format::Other,
                    (false, true) => Format::Unknown,
                    (false, false) => Format::Raw,
                };
                // QEMU counts a raw disk in whole sectors.
                facts.virtual_size = length.map(|length| length.next_multiple_of(512));
                let declared = file.declared.map(|format| format.bytes(&assembly.text));
                if let Some(format) = declared.filter(|format| may_refer(format)) {
                    facts.dependencies = DependencyKnowledge::Unknown;
                    let format = String::from_utf8_lossy(format);
                    let reason = format!("declared {format}, which may name others; not read");
                    facts.reason = Some(reason.into());
                }
            }
            Content::Broken(reason) => {
                facts.format = Format::Qcow2;
                unreadable(&mut facts, &reason);
            }
            Content::Unreadable(reason) => unreadable(&mut facts, &reason),
        }
        if facts.dependencies == DependencyKnowledge::Unknown
            && facts.paths.iter().any(|path| self.waive(path))
        {
            facts.dependencies = DependencyKnowledge::Complete;
        }
        findings.dedup();
        facts.findings = findings;
        facts
    }
}

fn unreadable(facts: &mut Facts, reason: &str) {
    facts.state = State::Unreadable;
    facts.reason = Some(reason.into());
    facts.dependencies = DependencyKnowledge::Unknown;
}

/// Whether a file is a disk at all: qcow2, or raw by its name, or because something refers to it.
fn is_disk(assembly: &Assembly, number: u32) -> bool {
    let File { content, wanted, name, further, .. } = &assembly.files[number as usize];
    let mut names = std::iter::once(name).chain(further);
    *wanted
        || !matches!(content, Content::Other)
        || names.any(|at| is_raw_by_name(assembly.text.get(assembly.names[*at as usize].name)))
}

/// The edges in the order of the names that they were resolved under, each once.
fn edges(file: &mut File) -> Vec<EdgeFacts> {
    let edges = std::mem::take(&mut file.edges);
    if file.further.is_empty() {
        return edges;
    }
    let names: Vec<u32> = std::iter::once(file.name).chain(file.further.iter().copied()).collect();
    let place = |name: &u32| names.iter().position(|other| other == name);
    let mut edges: Vec<_> = file.edge_names.iter().map(place).zip(edges).collect();
    edges.sort_by_key(|(place, _)| *place);
    let mut unique: Vec<EdgeFacts> = Vec::with_capacity(edges.len());
    for (_, edge) in edges {
        if !unique.contains(&edge) {
            unique.push(edge);
        }
    }
    unique
}
