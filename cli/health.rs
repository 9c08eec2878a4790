//! What is wrong with disks: exit codes, words, and what to do.

use std::collections::HashSet;

use diskdag_graph::{Disk, DiskId, Doubt, DoubtKind, Graph, State};

use crate::escape;
use crate::exit::Exit;
use crate::scope;
use crate::text::Styles;

/// What is wrong with the whole graph, looked up once.
pub(crate) struct Health {
    /// Members in the order of their references.
    pub(crate) cycles: Vec<Vec<DiskId>>,
    on_cycle: HashSet<DiskId>,
    /// Everything that could not be asked, but for a scope that nobody declared.
    pub(crate) doubts: Vec<Doubt>,
}

impl Health {
    pub(crate) fn of(graph: &Graph) -> Self {
        let cycles = graph.cycles();
        let on_cycle = cycles.iter().flatten().copied().collect();
        let mut doubts = graph.doubts();
        // What is in a directory is known without knowing who else might need it.
        doubts.retain(|doubt| doubt.kind != DoubtKind::ScopeAssumed);
        Self { cycles, on_cycle, doubts }
    }

    /// The same, where an answer is about some disks: who depends on one that lies out of the scope is not known.
    pub(crate) fn about(graph: &Graph, asked: &[DiskId]) -> Self {
        let mut health = Self::of(graph);
        let asked: HashSet<DiskId> = asked.iter().copied().collect();
        health.doubts.extend(asked.into_iter().filter_map(|disk| graph.out_of_scope(disk)));
        health.doubts.sort_by(|one, other| one.path.cmp(&other.path));
        health
    }

    /// Whether a disk needs itself.
    pub(crate) fn is_on_cycle(&self, disk: DiskId) -> bool {
        self.on_cycle.contains(&disk)
    }

    /// The code for these disks of the graph, and for everything that could not be asked.
    pub(crate) fn exit<'g>(&self, disks: impl IntoIterator<Item = Disk<'g>>) -> Exit {
        let broken = disks.into_iter().any(|disk| self.is_broken(&disk));
        Exit::Broken.when(broken).or(Exit::Unknown.when(!self.doubts.is_empty()))
    }

    /// Whether QEMU could not open it whole, for what is wrong at this very place of its chain.
    pub(crate) fn is_broken(&self, disk: &Disk<'_>) -> bool {
        matches!(disk.state(), State::Missing | State::Refused)
            || disk.findings().iter().any(|finding| finding.breaks)
            || self.is_on_cycle(disk.id())
    }

    /// One word for a table.
    pub(crate) fn word(&self, disk: &Disk<'_>) -> &'static str {
        match disk.state() {
            State::Ok if self.is_on_cycle(disk.id()) => "cycle",
            State::Ok if self.is_broken(disk) => "broken",
            state => crate::text::state(state),
        }
    }

    /// The same, painted and padded.
    pub(crate) fn cell(&self, disk: &Disk<'_>, width: usize, style: Styles) -> String {
        let padded = format!("{:<width$}", self.word(disk));
        match disk.state() {
            State::Ok if self.is_broken(disk) => style.bad(padded),
            State::Ok => style.good(padded),
            State::Missing | State::Refused | State::NotAFile => style.bad(padded),
            _ => style.unknown(padded),
        }
    }

    /// Why it is not well, in words.
    pub(crate) fn reasons(disk: &Disk<'_>) -> Vec<String> {
        let reason = disk.reason().map(|reason| escape::words(reason).into_owned());
        let findings = disk.findings().iter().filter(|finding| finding.breaks);
        reason.into_iter().chain(findings.map(|f| escape::words(&f.detail).into_owned())).collect()
    }
}

/// A doubt in one line.
pub(crate) fn doubt(doubt: &Doubt) -> String {
    let reason = escape::words(&doubt.reason);
    format!("{}  {}: {reason}", escape::path(&doubt.path), doubt.kind.name())
}

/// What a person can do about a doubt.
pub(crate) fn remedy(doubt: &Doubt) -> String {
    let path = escape::shell(&doubt.path);
    let waive = format!("`diskdag waive {path} --reason TEXT`");
    match doubt.kind {
        DoubtKind::Directory | DoubtKind::File => {
            format!(
                "make it readable, or ask as a user who may read it; or, if it cannot matter, {waive}"
            )
        }
        DoubtKind::Header => {
            format!("restore or remove it; or, if it cannot depend on anything here, {waive}")
        }
        DoubtKind::Opaque => {
            format!(
                "give it a plain backing name (qemu-img rebase -u); or, if you know it, {waive}"
            )
        }
        DoubtKind::SkippedMount => format!("name it as a root as well: --root {path}; or {waive}"),
        DoubtKind::MissingNamesake => {
            "put the file back, or point what needs it to where it is now (qemu-img rebase -u)"
                .to_owned()
        }
        DoubtKind::WorkingDirectory => {
            "give the image an absolute name for what it needs (qemu-img rebase -u)".to_owned()
        }
        DoubtKind::ScopeAssumed | DoubtKind::OutOfScope => scope::HOW_TO_DECLARE.to_owned(),
        DoubtKind::Owner => {
            "correct the file, or make it readable, or name the file or directory that holds it"
                .to_owned()
        }
        DoubtKind::Usage => "ask again as a user who may open the image".to_owned(),
        _ => format!("if it cannot depend on anything here, {waive}"),
    }
}
