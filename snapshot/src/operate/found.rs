//! The disks that a snapshot is to be taken of: found, claimed, and looked at from all sides.

use std::path::PathBuf;

use diskdag_graph::scan::ImageError;
use diskdag_graph::{DiskId, Graph, State};

use crate::disk::{Content, Disk};
use crate::error::{Error, ErrorKind};
use crate::operate::create::Create;
use crate::pool::Session;
use crate::refusal::{Reason, ReasonKind, Refusal};

/// Disks that are claimed until this is dropped, and every reason not to go on.
pub(super) struct Found {
    pub(super) disks: Vec<Disk>,
    pub(super) refusal: Refusal,
}

impl Found {
    /// Finds and claims all disks. What lies below them is another question: see
    /// [`look_below`](Self::look_below).
    pub(super) fn new(session: &Session<'_>, create: &Create) -> Result<Self, Error> {
        let pool = session.pool;
        let mut refusal = Refusal::default();
        let mut disks: Vec<Disk> = Vec::new();
        for path in &create.disks {
            let disk = match Disk::find(pool, path) {
                Ok(disk) => disk,
                Err(Error { kind: ErrorKind::Refused(reasons), .. }) => {
                    refusal.merge(reasons);
                    continue;
                }
                Err(error) => return Err(error),
            };
            if disks.iter().any(|other| other.stat.identity() == disk.stat.identity()) {
                refusal.add(Reason::new(path, ReasonKind::Twice, "is named twice"));
                continue;
            }
            refusal.merge(disk.fitness(session, create.allowed()));
            if session.state.snapshot(&disk.recorded, &create.name).is_some() {
                let detail = format!("has a snapshot called {} already", create.name);
                let advice = "take another name, or remove that snapshot";
                refusal.add(Reason::new(&disk.path, ReasonKind::Exists, detail).advising(advice));
            }
            refusal.merge(disk.claim(pool)?);
            disks.push(disk);
        }
        Ok(Self { disks, refusal })
    }

    /// The paths of those disks that name other files, in their order.
    pub(super) fn paths(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.disks.iter().filter(|disk| !disk.stands_alone()).map(|disk| disk.path.clone())
    }

    /// Looks at what lies below the disks: those that name other files are the next `images`, each in its graph. And, of a
    /// raw one that will not be raw any more, at who lies above.
    pub(super) fn look_below<'i>(
        &mut self,
        session: &Session<'_>,
        create: &Create,
        mut images: impl Iterator<Item = (&'i Graph, &'i Result<DiskId, ImageError>)>,
    ) -> Result<(), Error> {
        self.look_above(session, create)?;
        let Self { disks, refusal } = self;
        for disk in disks {
            let image = if disk.stands_alone() { None } else { images.next() };
            // A header that makes no sense was said already.
            if matches!(disk.content, Content::Broken(_)) {
                continue;
            }
            let mut depth = 0;
            if let Some((graph, found)) = image {
                let id = match found {
                    Ok(id) => *id,
                    Err(error) => return Err(ErrorKind::Survey(error.to_string()).into()),
                };
                // The disk itself too: one that cannot be read now does not say what lies below it.
                let mut layers = graph.chain(id).filter_map(|disk| graph.disk(disk));
                if let Some(below) = layers.find(|disk| disk.state() != State::Ok) {
                    let (path, state) = (below.path().display(), below.state().name());
                    let detail = format!("needs {path}, which is {state}");
                    refusal.add(Reason::new(&disk.path, ReasonKind::BrokenChain, detail));
                }
                depth = graph.depth(id);
            }
            // Its own layers, and the one that is put on top.
            let layers = depth.saturating_add(2);
            if layers > create.max_depth && !create.freeze {
                let detail =
                    format!("would have {layers} layers, at most {} are allowed", create.max_depth);
                let advice = "flatten it first, or raise --max-depth";
                refusal.add(Reason::new(&disk.path, ReasonKind::TooDeep, detail).advising(advice));
            }
        }
        Ok(())
    }

    fn look_above(&mut self, session: &Session<'_>, create: &Create) -> Result<(), Error> {
        let changes_format = |disk: &&Disk| disk.content == Content::Raw && !create.freeze;
        let raw: Vec<PathBuf> =
            self.disks.iter().filter(changes_format).map(|it| it.path.clone()).collect();
        if raw.is_empty() {
            return Ok(());
        }
        let surveyed = session.survey(&raw)?;
        let ids: Vec<_> = surveyed.images.iter().flatten().copied().collect();
        let removal = surveyed.graph.removal(&ids);
        for blocker in removal.blockers {
            let mut reason = Reason::new(
                blocker.path,
                ReasonKind::Dependent,
                format!("{}; it would read the qcow2 image as raw bytes", blocker.detail),
            );
            reason.depth = blocker.depth;
            self.refusal.add(reason);
        }
        self.refusal.merge(Refusal { doubts: removal.doubts, ..Refusal::default() });
        Ok(())
    }
}
