//! A refresh at the cost of what changed: only what was told of is looked at, only the disks that
//! this concerns are made anew.
//!
//! What is rare and intricate (symbolic links that lead to other directories, files out of the scope that changed or
//! that nothing leads to any more, a directory that one may still open and not pass through, mounts, roots on other
//! hosts) is left to a walk, which asks every directory and makes everything anew; what comes of both is the same.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::doubt::{AsOf, Doubt, DoubtKind};
use crate::facts::Key;
use crate::graph::bytes;
use crate::scan::assembly::{Assembly, Step};
use crate::scan::beside::{self, Beside};
use crate::scan::control::Control;
use crate::scan::crew::Crew;
use crate::scan::gather::Base;
use crate::scan::live::changes::{self, Told};
use crate::scan::live::current::Live;
use crate::scan::live::plan::Plan;
use crate::scan::live::shift::{self, Shift};
use crate::scan::live::untold::Seen;
use crate::scan::live::watches::{Dirty, Identity};
use crate::scan::orders::Trust;
use crate::scan::record::{Inner, Record};
use crate::scan::scanned::Statistics;
use crate::scan::tables::{Altered, Intricate, Tables};
use crate::scan::waived::Waivers;
use crate::scan::work::Found;
use crate::scan::{plain, references};

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
        if dirty.all || self.base.is_none() || self.is_remote {
            return Ok(Patched::Intricate);
        }
        let crew = self.crew(trust, control)?;
        let Some((found, seen)) = self.look(&crew, dirty)? else {
            return Ok(Patched::Intricate);
        };
        let inner = &self.now.record.inner;
        let Some(base) = self.base.as_ref().filter(|base| is_simple(base, inner, &found)) else {
            return Ok(Patched::Intricate);
        };
        let Ok(shift) = Shift::of(inner, &self.scan.scope.roots, &base.skipped, dirty, &found)
        else {
            return Ok(Patched::Intricate);
        };
        let left: Vec<Identity> = shift.identities(inner).collect();
        // Whoever comes to these by a link would walk them by another path.
        if self.untold.leads_to(&left) || found.led.iter().any(|(_, to)| left.contains(to)) {
            return Ok(Patched::Intricate);
        }
        // Nothing is kept of what is half exchanged.
        let Some(Base { mut tables, mut beside, mut named, skipped, holding, .. }) =
            self.base.take()
        else {
            return Ok(Patched::Intricate);
        };
        let mut altered = Altered::default();
        let ways = forget_ways(&mut tables, &mut beside, &shift, &mut altered);
        let Some(changed) = beside::changed(&beside, &crew)? else {
            return Ok(Patched::Intricate);
        };
        let exchanged = close_gaps(&mut tables, &mut beside, &changed, &mut altered)
            .and_then(|()| shift.take_out(inner, &mut tables, &found, &mut altered))
            .and_then(|()| shift::put_in(&mut tables, &found, &mut altered));
        if exchanged.is_err() {
            return Ok(Patched::Intricate);
        }
        if !ways.is_empty() {
            altered.files.extend(shift::naming(&tables, &ways));
        }
        let mut waivers = Waivers::new(&self.scan.waivers, &crew)?;
        let holds = waivers.holding();
        for path in holds.symmetric_difference(&holding) {
            altered.files.extend(tables.at(bytes(path)));
            altered.displaced.push(Key::name(bytes(path)));
        }
        let outdated = tables.outdated(altered.files.iter().copied());
        if !outdated.is_empty() {
            return Ok(Patched::Outdated(outdated));
        }
        let mut told = Vec::new();
        let mut assembly = Assembly::new(&crew, tables);
        assembly.known.extend(beside.iter().filter_map(Beside::file_path));
        assembly.beside = beside;
        if self.is_said_anew || !altered.is_nothing() {
            let mut plan = Plan::of(&self.now.graph, &mut assembly.tables, altered);
            // Of what is named by path nobody says whether it is the same file, but looking there does.
            let now = self.scan.place(&mut assembly)?;
            plan.name(&self.now.graph, &assembly.tables, &named, &now);
            named = now;
            plain::resolve_plain(&mut assembly.tables, 1);
            references::resolve_all(&mut assembly)?;
            let facts = plan.facts(&self.now.graph, &assembly);
            let Some((mut now, gone)) = facts else { return Ok(Patched::Intricate) };
            waivers.cover_facts(&assembly.tables, &mut now);
            let (changes, news) = changes::between(&self.now.graph, now, gone);
            told = news;
            self.now.graph.apply(changes)?;
            self.now.images = named.images(&self.now.graph);
            self.now.owned = self.scan.owned(&self.now.graph, &named);
        }
        let Found {
            folders, parts, revisited, mut doubts, mut counts, led, dangling, absent, ..
        } = found;
        counts.opened += assembly.opened;
        counts.resolved += assembly.resolved;
        counts.asked += seen.asked;
        let Assembly { tables, outside, beside, .. } = assembly;
        drop(crew);
        let places: HashSet<&Path> = folders.iter().map(|folder| &*folder.path).collect();
        doubts.retain(|doubt| shift.is_there(&places, doubt));
        let came: HashSet<Identity> = folders.iter().map(|folder| folder.identity()).collect();
        let revisits = revisited.iter().map(|at| at.identity);
        let touched: Vec<Identity> =
            revisits.chain(left.iter().copied()).chain(came.iter().copied()).collect();
        if let Some(watches) = &self.watches {
            watches.forget(left.into_iter().filter(|identity| !came.contains(identity)));
        }
        let inner = Arc::make_mut(&mut self.now.record.inner);
        inner.take_in(folders, parts, revisited, &shift.left);
        if !outside.is_empty() {
            Arc::make_mut(&mut inner.outside).extend(outside);
        }
        touched.into_iter().for_each(|directory| self.untold.note(inner, directory));
        self.untold.keep(seen);
        self.untold.lead(inner, &led);
        self.untold.lead_nowhere(inner, &dangling);
        doubts.extend(shift.doubts);
        let as_of = AsOf { generation: inner.generation, time };
        let mut coverage = self.scan.coverage(&doubts, &skipped, &mut waivers, as_of);
        waivers.cover_all(&tables);
        coverage.waived = waivers.used();
        self.now.graph.set_coverage(coverage);
        self.base = Some(Base { tables, beside, named, doubts, skipped, holding: holds });
        self.finish(Statistics::of(counts, counts.opened, start.elapsed()));
        self.look_once_more(&absent);
        Ok(Patched::Done(told))
    }

    /// Workers for what has to be looked at.
    fn crew(&self, trust: &Trust, control: &Control) -> Step<Crew> {
        let before = match self.may_move(&trust.dirty) {
            true => self.now.record.clone(),
            // Of what is known they need what lies out of the scope alone.
            false => {
                let outside = Arc::clone(&self.now.record.inner.outside);
                Record { inner: Arc::new(Inner::new(Vec::new(), Vec::new(), outside)) }
            }
        };
        Crew::begin(self.scan.orders(&before, Some(trust.clone()), control), Some(Vec::new()))
    }

    /// Looks at what was told of, and asks about what nobody tells of. Nothing where only a walk can say what there is.
    fn look(&self, crew: &Crew, dirty: &Dirty) -> Step<Option<(Found, Seen)>> {
        let Some(base) = &self.base else { return Ok(None) };
        if !self.has_roots(base, crew)? {
            return Ok(None);
        }
        let Some(seen) = self.untold.look(crew)? else { return Ok(None) };
        let mut names = dirty.names.clone();
        for (directory, more) in &seen.names {
            names.entry(*directory).or_default().extend(more.iter().cloned());
        }
        let Some(errands) = self.errands(base, &names, dirty) else { return Ok(None) };
        crew.send(errands);
        Ok(Some((crew.walked(|_, _| ())?, seen)))
    }
}

/// Whether what workers have found is nothing that only a walk can follow.
fn is_simple(base: &Base, inner: &Inner, found: &Found) -> bool {
    let directories = &base.tables.directories;
    let came: HashSet<&Path> = found.folders.iter().map(|folder| &*folder.path).collect();
    // Of one that is known, or was met now, the doubt is whether that is all that it holds.
    let is_unknown = |path: &Path| inner.at(path).is_none() && !came.contains(path);
    let is_closed = |doubt: &Doubt| doubt.kind == DoubtKind::Directory && is_unknown(&doubt.path);
    let leads = |path: &PathBuf| matches!(directories.at(bytes(path)), Some(Ok(_)));
    !found.needs_walk
        && found.doubts.iter().all(is_closed)
        && found.led.iter().all(|(path, to)| directories.is_led_to(path, *to))
        && !found.dangling.iter().any(leads)
}

/// Forgets what was found by way of directories that left. Says by which paths that was.
fn forget_ways(
    tables: &mut Tables,
    beside: &mut Vec<Beside>,
    shift: &Shift,
    altered: &mut Altered,
) -> HashSet<Vec<u8>> {
    let (ways, mut rest): (Vec<Beside>, Vec<Beside>) = std::mem::take(beside)
        .into_iter()
        .partition(|beside| beside.path().is_some_and(|path| shift.leads(path)));
    for way in &ways {
        let path = way.path().unwrap_or(Path::new(""));
        tables.directories.forget_note(bytes(path));
        altered.displaced.push(Key::name(bytes(path)));
        // By its own path it may be known to others.
        let directly = way.directly(&tables.directories);
        rest.extend(directly.filter(|way| rest.iter().all(|other| other.path() != way.path())));
    }
    *beside = rest;
    ways.iter().filter_map(Beside::path).map(|path| bytes(path).to_vec()).collect()
}

/// Has looked for again what was not there before, and is now. Of what was there nobody knows what rests on it.
fn close_gaps(
    tables: &mut Tables,
    beside: &mut Vec<Beside>,
    changed: &[usize],
    altered: &mut Altered,
) -> Result<(), Intricate> {
    if changed.is_empty() {
        return Ok(());
    }
    if tables.directories.lie_twice() || !changed.iter().all(|at| beside[*at].is_gap()) {
        return Err(Intricate);
    }
    altered.has_new_meanings = true;
    for &at in changed.iter().rev() {
        let gap = beside.swap_remove(at);
        let Some(path) = gap.path() else { return Err(Intricate) };
        tables.directories.forget_note(bytes(path));
        altered.displaced.push(Key::name(bytes(path)));
        let missed = tables.loose.keys().filter(|key| gap.is_gap_of(key));
        altered.displaced.extend(missed.cloned());
    }
    Ok(())
}
