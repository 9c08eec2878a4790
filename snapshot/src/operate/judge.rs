//! May these files go? Asked of the headers in the whole scope, of the pins, of other hosts, of the locks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use diskdag_graph::{BlockerKind, DiskId, Doubt, DoubtKind, Removal};

use crate::disk::claim;
use crate::error::{Error, ErrorKind};
use crate::fs::{Access, FsFile};
use crate::pool::Session;
use crate::refusal::{Reason, ReasonKind, Refusal};
use crate::survey::Surveyed;

/// The scope, and the files that are judged as a set: members don't block each other.
pub(super) struct Judged {
    surveyed: Surveyed,
    removal: Removal,
    /// The node of each file, in the order asked.
    ids: Vec<DiskId>,
    files: Vec<PathBuf>,
}

/// Asks about `files`, absolute paths, all of which have to be there.
pub(super) fn judge(session: &Session<'_>, files: &[PathBuf]) -> Result<Judged, Error> {
    session.confirmed()?;
    let surveyed = session.survey(files)?;
    let mut ids = Vec::with_capacity(files.len());
    for (file, found) in files.iter().zip(&surveyed.images) {
        match found {
            Ok(id) => ids.push(*id),
            Err(error) => {
                let what = error.to_string();
                return Err(ErrorKind::NotFound { path: file.clone(), what }.into());
            }
        }
    }
    let removal = surveyed.graph.removal(&ids).with_owners(&surveyed.graph, &surveyed.owned);
    Ok(Judged { surveyed, removal, ids, files: files.to_vec() })
}

impl Judged {
    /// Everything that stands in the way of the set.
    pub(super) fn refusal(&self, session: &Session<'_>) -> Refusal {
        let mut refusal = Refusal { doubts: self.doubts(session), ..Refusal::default() };
        for blocker in &self.removal.blockers {
            let is_owner = blocker.kind == BlockerKind::Owner;
            let kind = if is_owner { ReasonKind::Owner } else { ReasonKind::Dependent };
            let mut reason = Reason::new(&*blocker.path, kind, &*blocker.detail);
            reason.depth = blocker.depth;
            reason.advice = is_owner.then(|| "take the disk from its owner first".to_owned());
            refusal.add(reason);
        }
        refusal
    }

    /// What could not be asked.
    pub(super) fn doubts(&self, session: &Session<'_>) -> Vec<Doubt> {
        let mut doubts = self.removal.doubts.clone();
        let pool = session.pool.top().to_owned();
        let doubt = |reason| Doubt { path: pool.clone(), kind: DoubtKind::Other, reason };
        match session.pool.catalogue().unreachable_hosts() {
            Ok(hosts) => doubts.extend(
                hosts.iter().map(|host| doubt(format!("the host {host} cannot be asked now"))),
            ),
            Err(error) => doubts.push(doubt(format!("other hosts cannot be asked: {error}"))),
        }
        doubts
    }

    /// Whether something needs the file, be it a member of the set, or an owner names it. In doubt it does.
    pub(super) fn is_needed(&self, at: usize) -> bool {
        let Surveyed { graph, owned, .. } = &self.surveyed;
        self.ids.get(at).is_none_or(|id| {
            !graph.has_dependents(*id).is_no()
                || owned.of(*id).next().is_some()
                || !owned.doubts().is_empty()
        })
    }

    /// Who needs the file, in words.
    pub(super) fn needed_by(&self, at: usize) -> String {
        let owners = self.ids.get(at).map(|id| self.surveyed.owned.names(*id));
        match owners.unwrap_or_default().first() {
            Some(owner) => format!("is a disk of {owner}"),
            None => "something needs it".to_owned(),
        }
    }

    /// Asks the same once more: who depends on whom now?
    pub(super) fn again(&self, session: &Session<'_>) -> Result<Surveyed, Error> {
        session.survey_again(&self.surveyed, &self.files)
    }

    /// The files that it is about.
    pub(super) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Whether something outside of the set needs the file.
    pub(super) fn is_blocked(&self, at: usize) -> bool {
        let Some(id) = self.ids.get(at) else { return true };
        self.removal.blockers.iter().any(|blocker| blocker.image == *id)
            || self
                .surveyed
                .graph
                .removal(&[*id])
                .blockers
                .iter()
                .any(|blocker| !self.ids.contains(&blocker.disk))
    }

    /// Has what is said of their bytes count what their file system shares with other files: for answers that tell
    /// of bytes.
    pub(super) fn ask_reflinks(&mut self, session: &Session<'_>) -> Result<(), Error> {
        Ok(self.surveyed.ask_reflinks(&self.ids, &session.control.call)?)
    }

    /// Bytes of the file that other files share: they stay when it goes.
    pub(super) fn reflinked(&self, at: usize) -> u64 {
        let disk = self.ids.get(at).and_then(|id| self.surveyed.graph.disk(*id));
        disk.map_or(0, |disk| disk.reflinked())
    }

    /// Bytes that go with the file.
    pub(super) fn frees(&self, at: usize) -> u64 {
        self.ids.get(at).map_or(0, |id| self.surveyed.graph.freed_by(&[*id]))
    }

    /// Those that nothing needs: a set in which one member needs another goes from the top.
    pub(super) fn unneeded(&self) -> BTreeSet<usize> {
        (0..self.ids.len()).filter(|at| !self.is_needed(*at)).collect()
    }
}

/// Takes a file that is to go, so that nobody opens it while it goes; or says who has it.
pub(super) fn hold(
    session: &Session<'_>,
    path: &Path,
    refusal: &mut Refusal,
) -> Result<Box<dyn FsFile>, Error> {
    let file = session.pool.fs().open(path, Access::Read);
    let file = file.map_err(|cause| ErrorKind::io("open", path, cause))?;
    refusal.merge(claim(session.pool, path, &*file)?);
    Ok(file)
}

/// Why a pinned snapshot stays.
pub(super) fn pinned(
    session: &Session<'_>,
    record: &crate::catalogue::SnapshotRecord,
) -> Option<Reason> {
    let pin = session.state.pins.get(&record.id)?;
    let detail = format!("snapshot {} is pinned: {}", record.name, pin.reason);
    let reason = Reason::new(session.pool.path(&record.file), ReasonKind::Pinned, detail);
    Some(reason.advising(format!("diskdag unpin {}", record.name)))
}
