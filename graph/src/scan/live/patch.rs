//! A refresh at the cost of what changed: only what was told of is looked at, only the disks that
//! this concerns are made anew.
//!
//! Whatever is intricate (directories that went or moved, waivers, doubts, a disk that an owner names and that is
//! another one now) is left to a walk, which asks every directory and makes everything anew; what comes of both is the same.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::doubt::{AsOf, Coverage};
use crate::facts::{Facts, Key};
use crate::graph::{DiskId, Graph};
use crate::scan::assembly::{Assembly, Step};
use crate::scan::beside::Beside;
use crate::scan::content::Content;
use crate::scan::control::Control;
use crate::scan::crew::Crew;
use crate::scan::exchange::{Altered, Intricate};
use crate::scan::gather::Base;
use crate::scan::live::changes::{self, Told};
use crate::scan::live::current::Live;
use crate::scan::live::watches::{Dirty, Identity};
use crate::scan::orders::Trust;
use crate::scan::paths::os_str;
use crate::scan::record::{Inner, OfFolder, Part, Record};
use crate::scan::scanned::Statistics;
use crate::scan::tables::{NOTHING, Tables};
use crate::scan::told::SMALL;
use crate::scan::work::{Found, Revisit, Work};
use crate::scan::{beside, disks, plain, references};

/// What a patch came to.
pub(super) enum Patched {
    /// The graph is current.
    Done(Vec<Told>),
    /// This takes a walk.
    Intricate,
    /// So does this, and a look at these names, of which nobody has told.
    Outdated(Vec<(Identity, Vec<u8>)>),
}

impl Live {
    /// Takes in what was told, if that is simple enough.
    pub(super) fn patch(&mut self, trust: &Trust, control: &Control) -> Step<Patched> {
        let start = Instant::now();
        let time = SystemTime::now();
        let dirty = &*trust.dirty;
        let is_simple = self.scan.waivers.is_empty()
            && !dirty.all
            && !dirty.has_lost
            && self.now.graph.coverage().doubts.is_empty();
        let Some(base) = self.base.as_ref().filter(|_| is_simple) else {
            return Ok(Patched::Intricate);
        };
        let Some(work) = self.work(&base.tables, dirty) else { return Ok(Patched::Intricate) };
        // Of what is known the workers need what lies out of the scope alone.
        let outside = Arc::clone(&self.now.record.inner.outside);
        let before = Inner::new(Vec::new(), Vec::new(), outside);
        let before = Record { inner: Arc::new(before) };
        let orders = self.scan.orders(&before, Some(trust.clone()), control);
        let crew = Crew::begin(orders, Some(work))?;
        let found = crew.walked(|_, _| ())?;
        if found.needs_walk || !found.doubts.is_empty() || !found.skipped.is_empty() {
            return Ok(Patched::Intricate);
        }
        if !found.led.iter().all(|(path, to)| base.tables.directories.is_led_to(path, *to)) {
            return Ok(Patched::Intricate);
        }
        if !beside::are_still_so(&base.beside, &crew)? {
            self.base = None;
            return Ok(Patched::Intricate);
        }
        let Some(Base { mut tables, beside, named }) = self.base.take() else {
            return Ok(Patched::Intricate);
        };
        let mut altered = Altered::default();
        if exchange(&mut tables, &found, &mut altered).is_err() {
            return Ok(Patched::Intricate);
        }
        let outdated = tables.outdated(altered.files.iter().copied());
        if !outdated.is_empty() {
            return Ok(Patched::Outdated(outdated));
        }
        let Found { folders, parts, revisited, mut counts, .. } = found;
        let mut told = Vec::new();
        let mut assembly = Assembly::new(&crew, tables);
        assembly.known.extend(beside.iter().filter_map(Beside::file_path));
        assembly.beside = beside;
        if !altered.is_nothing() {
            let plan = Plan::of(&self.now.graph, &mut assembly.tables, altered);
            // Of what is named by path nobody says whether it is the same file, but looking there does.
            if self.scan.place(&mut assembly)? != named {
                return Ok(Patched::Intricate);
            }
            plain::resolve_plain(&mut assembly.tables, 1);
            references::resolve_all(&mut assembly)?;
            let facts = plan.facts(&self.now.graph, &assembly);
            let Some((now, gone)) = facts else { return Ok(Patched::Intricate) };
            let (changes, news) = changes::between(&self.now.graph, now, gone);
            told = news;
            self.now.graph.apply(changes)?;
            self.now.images = named.images(&self.now.graph);
            self.now.owned = self.scan.owned(&self.now.graph, &named);
        }
        counts.opened += assembly.opened;
        let Assembly { tables, outside, beside, .. } = assembly;
        drop(crew);
        let touched: Vec<Identity> = revisited
            .iter()
            .map(|at| at.identity)
            .chain(folders.iter().map(|folder| folder.measures.identity()))
            .collect();
        let inner = Arc::make_mut(&mut self.now.record.inner);
        inner.take_in(folders, parts, revisited);
        if !outside.is_empty() {
            Arc::make_mut(&mut inner.outside).extend(outside);
        }
        for identity in touched {
            match inner.folder(identity).is_some_and(|(_, parts)| has_untold(parts)) {
                true => self.untold.insert(identity),
                false => self.untold.remove(&identity),
            };
        }
        let as_of = Some(AsOf { generation: inner.generation, time });
        let coverage = Coverage { as_of, ..self.now.graph.coverage().clone() };
        self.now.graph.set_coverage(coverage);
        self.base = Some(Base { tables, beside, named });
        self.finish(Statistics::of(counts, counts.opened, start.elapsed()));
        Ok(Patched::Done(told))
    }

    /// What has to be looked at: the roots, whose names nobody tells of; what was told of; and what
    /// nobody tells of.
    fn work(&self, tables: &Tables, dirty: &Dirty) -> Option<Vec<Work>> {
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

/// Brings names and files up to date.
fn exchange(tables: &mut Tables, found: &Found, altered: &mut Altered) -> Result<(), Intricate> {
    let directories = &mut tables.directories;
    for folder in &found.folders {
        let identity = folder.measures.identity();
        // Known already, as one that lies out of the scope.
        if directories.of_identity(identity).is_some() {
            return Err(Intricate);
        }
        directories.add(&folder.path, identity, true);
    }
    for folder in &found.folders {
        directories.adopt(folder.measures.identity(), &folder.folders);
    }
    for at in &found.revisited {
        directories.adopt(at.identity, &at.folders);
    }
    for at in &found.revisited {
        let directory = tables.directories.of_identity(at.identity).ok_or(Intricate)?;
        tables.exchange(directory, &at.before, &at.now, altered)?;
    }
    for (identity, _, part) in &found.parts {
        let directory = tables.directories.of_identity(*identity).ok_or(Intricate)?;
        tables.exchange(directory, &[], std::slice::from_ref(part), altered)?;
    }
    Ok(())
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

/// What is to be made anew.
struct Plan {
    /// Files whose facts may be others.
    files: BTreeSet<u32>,
    /// What is known by its key, and may be needed by nobody any more.
    keys: HashSet<Key>,
    gone: Vec<Key>,
    /// Disks whose references are resolved anew.
    referring: HashSet<DiskId>,
}

impl Plan {
    /// Forgets what was said of the references that may lead elsewhere now, and has them resolved.
    fn of(graph: &Graph, tables: &mut Tables, altered: Altered) -> Self {
        let Altered { files, displaced, gone, appeared } = altered;
        let mut plan = Self { files, keys: HashSet::new(), gone, referring: HashSet::new() };
        let mut open: Vec<DiskId> = Vec::new();
        let appeared = appeared.into_iter().map(Key::name);
        for target in displaced.into_iter().chain(appeared) {
            open.extend(referring(graph, &target));
        }
        open.extend(plan.files.iter().filter_map(|file| graph.find_key(&tables.key(*file))));
        open.extend(tables.possible.iter().filter_map(|name| {
            let file = tables.names[*name as usize].file;
            (file != NOTHING).then(|| graph.find_key(&tables.key(file))).flatten()
        }));
        open.extend(plan.gone.iter().filter_map(|key| graph.find_key(key)));
        while let Some(disk) = open.pop() {
            if !plan.referring.insert(disk) {
                continue;
            }
            let needs = graph.disk(disk).map(|disk| disk.references()).unwrap_or_default();
            for edge in needs {
                // What others have said of a target is to be said again.
                let target = edge.target.to_key();
                if let Some(file) = tables.file_of(&target)
                    && (tables.declared.remove(&file).is_some()
                        || std::mem::take(&mut tables.files[file as usize].disowned))
                {
                    open.extend(referring(graph, &target));
                }
                plan.keys.insert(target);
            }
        }
        let keys =
            plan.referring.iter().filter_map(|disk| graph.disk(*disk).map(|disk| disk.key()));
        plan.files.extend(keys.filter_map(|key| tables.file_of(&key.to_key())));
        plan.forget(graph, tables);
        plan
    }

    fn forget(&mut self, graph: &Graph, tables: &mut Tables) {
        tables.pending.clear();
        for file in &self.files {
            tables.findings.remove(file);
            let names: Vec<u32> = tables.all_names_of(*file).collect();
            for name in names {
                tables.edges.remove(&name);
                tables.possible.remove(&name);
                tables.names[name as usize].backing = NOTHING;
                let (_, entry) = tables.entry(&tables.names[name as usize]);
                if matches!(entry.content, Content::Image(_)) {
                    tables.pending.push(name);
                }
            }
        }
        for key in &self.keys {
            if self.is_needed_by_others(graph, key) {
                continue;
            }
            match tables.file_of(key) {
                Some(file) => {
                    tables.want_no_more(file);
                    self.files.insert(file);
                }
                None => drop(tables.loose.remove(key)),
            }
        }
    }

    /// Whether a disk needs this whose references stay as they are.
    fn is_needed_by_others(&self, graph: &Graph, key: &Key) -> bool {
        let disk = graph.find_key(key).and_then(|id| graph.disk(id));
        disk.is_some_and(|disk| disk.needed_by().any(|edge| !self.referring.contains(&edge.from)))
    }

    /// The disks as they are now, and those that are no more.
    /// Nothing where a file out of the scope is left over: only a scan knows what else led there.
    fn facts(
        mut self,
        graph: &Graph,
        assembly: &Assembly<'_>,
    ) -> Option<(Vec<Facts>, Vec<DiskId>)> {
        let tables = &assembly.tables;
        self.files.extend(&assembly.met);
        let mut gone = std::mem::take(&mut self.gone);
        let files = &self.files;
        let mut now: Vec<Facts> = Vec::new();
        for &file in files {
            match disks::is_disk(tables, file) {
                true => now.push(disks::disk(tables, file)),
                false => gone.push(tables.key(file)),
            }
        }
        // What a reference says may make another thing of its target: a disk of what was none.
        let needed = now.iter().flat_map(|facts| &facts.references).map(|edge| &edge.target);
        let needed: HashSet<Key> = needed.cloned().collect();
        let targets: BTreeSet<u32> = needed.iter().filter_map(|key| tables.file_of(key)).collect();
        now.extend(targets.difference(files).map(|target| disks::disk(tables, *target)));
        let mut loose: Vec<&Facts> =
            needed.iter().filter_map(|key| tables.loose.get(key)).collect();
        loose.sort_by(|one, other| disks::name_of(&one.key).cmp(disks::name_of(&other.key)));
        now.extend(loose.into_iter().cloned());
        let is_left_over = |key: &&Key| {
            let outside = |file: u32| !tables.files[file as usize].in_scope;
            !needed.contains(*key)
                && tables.file_of(key).is_some_and(outside)
                && !self.is_needed_by_others(graph, key)
        };
        if self.keys.iter().any(|key| is_left_over(&key)) {
            return None;
        }
        // What is no file is there because it is needed, and for nothing else.
        let is_idle = |key: &Key| tables.file_of(key).is_none() && !tables.loose.contains_key(key);
        gone.extend(self.keys.iter().filter(|key| is_idle(key)).cloned());
        let is_there: HashSet<&Key> = now.iter().map(|facts| &facts.key).collect();
        let gone: BTreeSet<DiskId> = gone
            .iter()
            .filter(|key| !is_there.contains(key))
            .filter_map(|key| graph.find_key(key))
            .collect();
        Some((now, gone.into_iter().collect()))
    }
}

/// Who refers to what has this key.
fn referring<'g>(graph: &'g Graph, key: &Key) -> impl Iterator<Item = DiskId> + use<'g> {
    let disk = graph.find_key(key).and_then(|id| graph.disk(id));
    disk.into_iter().flat_map(|disk| disk.needed_by()).map(|edge| edge.from)
}
