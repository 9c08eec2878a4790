//! A refresh at the cost of what changed: only what was told of is looked at, only the disks that
//! this concerns are made anew.
//!
//! Whatever is intricate (directories that went or moved, waivers, doubts, a disk that an owner names and that is
//! another one now) is left to a walk, which asks every directory and makes everything anew; what comes of both is the same.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::doubt::{AsOf, Coverage};
use crate::scan::assembly::{Assembly, Step};
use crate::scan::beside::Beside;
use crate::scan::control::Control;
use crate::scan::crew::Crew;
use crate::scan::gather::Base;
use crate::scan::live::changes::{self, Told};
use crate::scan::live::current::Live;
use crate::scan::live::errands::has_untold;
use crate::scan::live::plan::Plan;
use crate::scan::live::watches::Identity;
use crate::scan::orders::Trust;
use crate::scan::record::{Inner, Record};
use crate::scan::scanned::Statistics;
use crate::scan::tables::{Altered, Intricate, Tables};
use crate::scan::work::Found;
use crate::scan::{beside, plain, references};

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
