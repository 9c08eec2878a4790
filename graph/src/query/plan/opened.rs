//! What QEMU meets when it opens a disk with all that this needs.

use crate::facts::{Format, State};
use crate::graph::Inner;
use crate::index::{SlotMap, SlotSet};
use crate::links::Arc;
use crate::query::plan::hindrance::{Hindrance, HindranceKind};

/// What is met first of each sort, from the top.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Met {
    /// Where it ends: there is nothing to be opened.
    stop: Option<(HindranceKind, u32)>,
    features: Option<u32>,
    encrypted: Option<u32>,
    /// A name of this one is resolved from QEMU's working directory.
    unsure: Option<u32>,
}

impl Met {
    fn or(self, below: Self) -> Self {
        Self {
            stop: self.stop.or(below.stop),
            features: self.features.or(below.features),
            encrypted: self.encrypted.or(below.encrypted),
            unsure: self.unsure.or(below.unsure),
        }
    }

    /// Why it cannot be opened, whatever is done about it.
    pub(super) fn stop(self, inner: &Inner) -> Option<Hindrance> {
        let (kind, slot) = self.stop?;
        let detail = match kind {
            HindranceKind::Cycle => "needs itself: a cycle, of which nothing can be opened".into(),
            _ => inner.why_broken(slot),
        };
        Some(Hindrance::new(kind, inner.id(slot), detail))
    }

    /// What opening it takes.
    pub(super) fn takes(self, inner: &Inner) -> impl Iterator<Item = Hindrance> + use<'_> {
        let all = [
            (
                HindranceKind::Features,
                self.features,
                "has features that only the QEMU that made it may know",
            ),
            (
                HindranceKind::Encrypted,
                self.encrypted,
                "is encrypted: give its secret (--object secret, --image-opts, encrypt.key-secret)",
            ),
            (
                HindranceKind::WorkingDirectory,
                self.unsure,
                "has a name that is resolved from the working directory: run it in that of QEMU",
            ),
        ];
        let met = all.into_iter().filter_map(|(kind, slot, detail)| Some((kind, slot?, detail)));
        met.map(|(kind, slot, detail)| Hindrance::new(kind, inner.id(slot), detail))
    }
}

/// Opens disks in mind; what was walked once is not walked again.
#[derive(Debug)]
pub(super) struct Opener<'g> {
    inner: &'g Inner,
    /// Of whole chains, by their top.
    known: SlotMap<Met>,
}

impl<'g> Opener<'g> {
    pub(super) fn new(inner: &'g Inner) -> Self {
        Self { inner, known: SlotMap::default() }
    }

    /// What is met when a disk is opened, by the reference by which it needs something.
    pub(super) fn by(&mut self, arc: Arc) -> Met {
        if !arc.is_backing() || arc.is_step() {
            return self.chain(arc.from);
        }
        // From another of its paths the chain goes another way.
        let below = self.end(arc).unwrap_or_else(|| self.chain(arc.to));
        self.alone(arc.from).or(below)
    }

    /// What is met of a whole chain. O(its length, as far as it is not known).
    pub(super) fn chain(&mut self, top: u32) -> Met {
        let (mut at, mut walked) = (top, Vec::new());
        let mut on_the_way = SlotSet::default();
        let mut met = loop {
            if let Some(known) = self.known.get(&at) {
                break *known;
            }
            if !on_the_way.insert(at) {
                break Met { stop: Some((HindranceKind::Cycle, at)), ..Met::default() };
            }
            walked.push(at);
            let Some(step) = self.inner.slots.step(at) else { break Met::default() };
            match self.end(step) {
                Some(end) => break end,
                None => at = step.to,
            }
        };
        for slot in walked.into_iter().rev() {
            met = self.alone(slot).or(met);
            self.known.insert(slot, met);
        }
        met
    }

    /// What is met behind a backing reference with which a chain ends; nothing where it goes on.
    fn end(&self, arc: Arc) -> Option<Met> {
        match (arc.certain(), arc.would_end()) {
            (false, _) => Some(Met { unsure: Some(arc.from), ..Met::default() }),
            (true, true) => Some(self.raw(arc.to)),
            (true, false) => None,
        }
    }

    /// What is met of one image, and of its data files.
    pub(super) fn alone(&self, slot: u32) -> Met {
        let Some(known) = self.inner.known(slot) else { return Met::default() };
        let is_broken = matches!(known.state(), State::Missing | State::Unreadable)
            || known.findings().iter().any(|finding| finding.breaks);
        let has = |kind: &str| known.findings().iter().any(|finding| finding.kind == kind);
        let own = Met {
            stop: is_broken.then_some((HindranceKind::Broken, slot)),
            features: has("unknown-incompatible").then_some(slot),
            encrypted: has("encrypted").then_some(slot),
            unsure: None,
        };
        let data_files = self.inner.slots.outgoing(slot).filter(|arc| !arc.is_backing());
        data_files.fold(own, |met, arc| match arc.certain() {
            true => met.or(self.raw(arc.to)),
            false => met.or(Met { unsure: Some(slot), ..Met::default() }),
        })
    }

    /// What is met of one file that is read as raw data: a header that makes no sense is data like any other.
    fn raw(&self, slot: u32) -> Met {
        let is_broken = self.inner.known(slot).is_some_and(|known| match known.state() {
            State::Missing => true,
            State::Unreadable => known.format() != Format::Qcow2,
            _ => false,
        });
        Met { stop: is_broken.then_some((HindranceKind::Broken, slot)), ..Met::default() }
    }
}

impl Inner {
    fn why_broken(&self, slot: u32) -> String {
        let Some(known) = self.known(slot) else { return String::new() };
        let finding = known.findings().iter().find(|finding| finding.breaks);
        match (known.state(), known.reason(), finding) {
            (State::Missing, ..) => "is missing".to_owned(),
            (_, Some(reason), _) => format!("cannot be read: {reason}"),
            (_, None, Some(finding)) => finding.detail.clone(),
            (_, None, None) => "cannot be read".to_owned(),
        }
    }
}
