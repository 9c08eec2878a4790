//! What a change concerns: which disks are made anew, and which references are resolved again for that.

use std::collections::{BTreeSet, HashSet};

use crate::facts::{Certainty, EdgeFacts, Facts, Key};
use crate::graph::{DiskId, Graph};
use crate::scan::assembly::Assembly;
use crate::scan::content::Content;
use crate::scan::disks;
use crate::scan::named::Named;
use crate::scan::tables::{Altered, NOTHING, Tables};

/// What is to be made anew.
#[derive(Default)]
pub(super) struct Plan {
    /// Files whose facts may be others.
    files: BTreeSet<u32>,
    /// What is known by its key, and may be needed by nobody any more.
    keys: HashSet<Key>,
    gone: Vec<Key>,
    /// Disks whose references are resolved anew.
    referring: HashSet<DiskId>,
    /// Files that owners name, or that were asked about.
    named: HashSet<Key>,
    /// Those that were, and are no more.
    unnamed: HashSet<Key>,
}

impl Plan {
    /// Forgets what was said of the references that may lead elsewhere now, and has them resolved.
    pub(super) fn of(graph: &Graph, tables: &mut Tables, altered: Altered) -> Self {
        let Altered { files, displaced, gone, appeared, called, has_new_meanings } = altered;
        let mut plan = Self { files, gone, ..Self::default() };
        let mut open: Vec<DiskId> = Vec::new();
        let appeared = appeared.into_iter().map(Key::name);
        for target in displaced.into_iter().chain(appeared) {
            open.extend(referring(graph, &target));
        }
        open.extend(plan.files.iter().filter_map(|file| graph.find_key(&tables.key(*file))));
        let meant: Vec<u32> = match has_new_meanings {
            true => tables.possible.all().collect(),
            false => called.iter().flat_map(|name| tables.possible.by(name)).collect(),
        };
        open.extend(meant.into_iter().filter_map(|name| disk_of(graph, tables, name)));
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

    /// Has it matter which files are named now, and which were.
    pub(super) fn name(&mut self, graph: &Graph, tables: &Tables, before: &Named, now: &Named) {
        self.named = now.keys().cloned().collect();
        let were: HashSet<&Key> = before.keys().collect();
        let are = self.named.iter().filter(|key| !were.contains(key));
        self.files.extend(are.filter_map(|key| tables.file_of(key)));
        for key in were.into_iter().filter(|key| !self.named.contains(*key)) {
            if let Some(file) = tables.file_of(key)
                && !self.is_needed_by_others(graph, key)
            {
                tables.want_no_more(file);
                self.files.insert(file);
            }
            self.keys.insert(key.clone());
            self.unnamed.insert(key.clone());
        }
    }

    fn forget(&mut self, graph: &Graph, tables: &mut Tables) {
        tables.pending.clear();
        for file in &self.files {
            tables.findings.remove(file);
            let names: Vec<u32> = tables.all_names_of(*file).collect();
            for name in names {
                tables.edges.remove(&name);
                tables.possible.remove(name);
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

    /// Whether a disk in scope leads to this whose references stay as they are.
    fn is_led_to_by_others(&self, graph: &Graph, key: &Key) -> bool {
        let disk = graph.find_key(key).and_then(|id| graph.disk(id));
        let mut needed_by = disk.into_iter().flat_map(|disk| disk.needed_by());
        needed_by.any(|edge| {
            edge.facts.certainty == Certainty::Certain
                && !self.referring.contains(&edge.from)
                && graph.disk(edge.from).is_some_and(|from| from.in_scope())
        })
    }

    /// Whether a file has a name out of the scope by which somebody went there, and may go no more: the walk has not met
    /// it, so nobody knows it then.
    fn may_leave_name(&self, graph: &Graph, tables: &Tables, now: &[Facts], key: &Key) -> bool {
        let is_named_outside = |file: u32| {
            tables.files[file as usize].has_further
                && tables.all_names_of(file).any(|name| !tables.is_name_in_scope(name))
        };
        tables.file_of(key).is_some_and(is_named_outside) && self.loses(graph, now, key)
    }

    /// Whether a disk needed this that needs it no more, or not as it did.
    fn loses(&self, graph: &Graph, now: &[Facts], key: &Key) -> bool {
        let needed_by = graph.find_key(key).and_then(|id| graph.disk(id));
        let mut needed_by = needed_by.into_iter().flat_map(|disk| disk.needed_by());
        needed_by.any(|edge| {
            let from = graph.disk(edge.from).filter(|_| self.referring.contains(&edge.from));
            from.is_some_and(|from| {
                let is_it = |facts: &&Facts| facts.key.as_ref() == from.key();
                let needs_it = |facts: &Facts| {
                    let goes = |to: &EdgeFacts| to.target == *key && *to.name == *edge.facts.name;
                    facts.references.iter().any(goes)
                        && facts.paths.iter().map(|path| &**path).eq(from.paths())
                };
                !now.iter().find(is_it).is_some_and(needs_it)
            })
        })
    }

    /// The disks as they are now, and those that are no more.
    /// Nothing where a file out of the scope is left over, or a name of one: only a scan knows what else led there. Nor where
    /// one was met that somebody may mean whose references stay as they were.
    pub(super) fn facts(
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
        // A name that may mean a file leads nowhere, and what lies out of the scope only to what a scan has met by it.
        let leads = now.iter().filter(|facts| facts.in_scope).flat_map(|facts| &facts.references);
        let leads = leads.filter(|edge| edge.certainty == Certainty::Certain);
        let led_to: HashSet<&Key> = leads.map(|edge| &edge.target).collect();
        let is_left_over = |key: &Key| {
            let outside = |file: u32| !tables.files[file as usize].in_scope;
            !led_to.contains(key)
                && !self.named.contains(key)
                && tables.file_of(key).is_some_and(outside)
                && !self.is_led_to_by_others(graph, key)
                && (self.unnamed.contains(key) || self.loses(graph, &now, key))
        };
        let names = assembly.met.iter().flat_map(|file| tables.all_names_of(*file));
        let mut may_mean = names.flat_map(|name| tables.possible.by(tables.bytes_of(name)));
        let was_asked = |disk: DiskId| self.referring.contains(&disk);
        if !may_mean.all(|name| disk_of(graph, tables, name).is_none_or(was_asked)) {
            return None;
        }
        let leaves_name = |key: &Key| self.may_leave_name(graph, tables, &now, key);
        if self.keys.iter().any(|key| is_left_over(key) || leaves_name(key)) {
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

/// The disk of a name.
fn disk_of(graph: &Graph, tables: &Tables, name: u32) -> Option<DiskId> {
    let file = tables.names[name as usize].file;
    (file != NOTHING).then(|| graph.find_key(&tables.key(file))).flatten()
}

/// Who refers to what has this key.
fn referring<'g>(graph: &'g Graph, key: &Key) -> impl Iterator<Item = DiskId> + use<'g> {
    let disk = graph.find_key(key).and_then(|id| graph.disk(id));
    disk.into_iter().flat_map(|disk| disk.needed_by()).map(|edge| edge.from)
}
