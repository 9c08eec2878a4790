//! Taking a snapshot: the live disk becomes one, and an overlay of it takes its place.

use std::path::{Path, PathBuf};

use crate::catalogue::{OpId, OverlayMember, OverlayShape, OverlayVerb, SnapshotRecord, Standing};
use crate::disk::{Allowed, Content, Disk, backing_name};
use crate::error::{Effect, Error, ErrorKind};
use crate::host::Control;
use crate::name::{Id, SnapshotName, pending_path, snapshot_path};
use crate::operate::freeze::freeze;
use crate::operate::overlays::{self, Planned};
use crate::pool::{Pool, Session};
use crate::refusal::{Reason, ReasonKind, Refusal};
use crate::report::{DiskDone, Done, Notice};

/// Which snapshot to take of which disks: of all, or of none.
#[derive(Clone, Debug)]
pub struct Create {
    /// What it is called.
    pub name: SnapshotName,
    /// The disks.
    pub disks: Vec<PathBuf>,
    /// The disks become golden images: they are snapshots where they lie, nothing is put on top of them, and
    /// they can be cloned but not written to.
    pub freeze: bool,
    /// A raw disk may become a qcow2 image.
    pub allow_format_change: bool,
    /// A disk that keeps its data in an external file may be snapshotted; that file is frozen with it.
    pub allow_data_file: bool,
    /// The most layers that a disk may have afterwards.
    pub max_depth: u32,
    /// The operation's id, if the caller has one: doing it again then does nothing.
    pub op: Option<OpId>,
    /// Bytes that are committed with the snapshot. See [`Batch::tag`](crate::catalogue::Batch::tag).
    pub tag: Option<Vec<u8>>,
}

/// QEMU opens a file for every layer, and fails near 900.
pub const MAX_DEPTH: u32 = 200;

impl Create {
    /// A snapshot of this name of these disks, as careful as can be.
    #[must_use]
    pub fn new(name: SnapshotName, disks: Vec<PathBuf>) -> Self {
        Self {
            name,
            disks,
            freeze: false,
            allow_format_change: false,
            allow_data_file: false,
            max_depth: MAX_DEPTH,
            op: None,
            tag: None,
        }
    }

    fn allowed(&self) -> Allowed {
        Allowed {
            // What is frozen where it lies keeps its format.
            format_change: self.allow_format_change || self.freeze,
            data_file: self.allow_data_file,
        }
    }
}

impl Pool {
    /// Takes a snapshot of one or several disks: of all of them, or of none.
    ///
    /// At no instant is a live path absent, and its guest's content never changes. When this returns `Ok` the
    /// snapshot survives the power going out in the next instant: 2 + disks + directories calls to force
    /// things out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`], by kind; a refusal names every reason at once. [`Error::effect`] says what was changed.
    pub fn create(&self, create: &Create, control: &Control) -> Result<Done, Error> {
        self.when_free(control, || {
            if create.freeze {
                return freeze(&mut self.begin(control)?, create);
            }
            loop {
                let run = |creates: Vec<Create>| create_all(self, &creates, control);
                let done = self.creates().run(create.clone(), run);
                match done.unwrap_or_else(|| Err(ErrorKind::Stopped.into())) {
                    // Whoever ran it was stopped by a caller of its own.
                    Err(Error { kind: ErrorKind::Stopped, effect: Effect::None })
                        if !control.should_stop() => {}
                    done => return done,
                }
            }
        })
    }
}

/// Takes several snapshots, each for itself, under one lock.
fn create_all(pool: &Pool, creates: &[Create], control: &Control) -> Vec<Result<Done, Error>> {
    let mut session = match pool.begin(control) {
        Ok(session) => session,
        Err(error) => return refuse_all(creates.len(), error),
    };
    let mut results: Vec<Option<Result<Done, Error>>> = creates.iter().map(|_| None).collect();
    let mut left: Vec<usize> = (0..creates.len()).collect();
    while !left.is_empty() {
        let (mut planned, mut places, mut later) = (Vec::new(), Vec::new(), Vec::new());
        for place in left {
            let Some(create) = creates.get(place) else { continue };
            if is_taken(pool, create, &planned) {
                later.push(place);
                continue;
            }
            if let Some(done) = session.done_before(create.op, overlays::END) {
                put(&mut results, place, Ok(done));
                continue;
            }
            match plan(&mut session, create) {
                Ok(plan) => {
                    planned.push(plan);
                    places.push(place);
                }
                Err(error) => put(&mut results, place, Err(error)),
            }
        }
        for (place, result) in places.into_iter().zip(overlays::run(&mut session, planned)) {
            put(&mut results, place, result);
        }
        left = later;
    }
    results.into_iter().map(|it| it.unwrap_or_else(|| Err(ErrorKind::Stopped.into()))).collect()
}

fn put<T>(slots: &mut [Option<T>], place: usize, value: T) {
    if let Some(slot) = slots.get_mut(place) {
        *slot = Some(value);
    }
}

/// Whether a disk of it is snapshotted in this round already: then it is the next round's.
fn is_taken(pool: &Pool, create: &Create, planned: &[Planned]) -> bool {
    let is_held = |path: &PathBuf| {
        let path = pool.fs().resolve(path);
        path.is_ok_and(|path| planned.iter().flat_map(|it| &it.held).any(|disk| disk.path == path))
    };
    !planned.is_empty() && create.disks.iter().any(is_held)
}

/// The pool could not be had: not by any of them. Only the first learns every detail.
fn refuse_all(count: usize, error: Error) -> Vec<Result<Done, Error>> {
    let text = error.to_string();
    let like = match &error.kind {
        ErrorKind::Locked { pool } => Some(pool.clone()),
        _ => None,
    };
    let is_stopped = matches!(error.kind, ErrorKind::Stopped);
    let other = || match &like {
        Some(pool) => ErrorKind::Locked { pool: pool.clone() }.into(),
        None if is_stopped => ErrorKind::Stopped.into(),
        None => ErrorKind::Together(text.clone()).into(),
    };
    let mut all: Vec<Result<Done, Error>> = vec![Err(error)];
    all.extend(std::iter::repeat_with(|| Err(other())).take(count.saturating_sub(1)));
    all
}

/// Finds the disks, and every reason not to go on.
fn plan(session: &mut Session<'_>, create: &Create) -> Result<Planned, Error> {
    let op = session.pool.op(create.op)?;
    let mut refusal = Refusal::default();
    let disks = find_all(session, create, &mut refusal)?;
    let (mut members, mut attributes, mut done, mut freeze, mut notices) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for disk in &disks {
        let places = |id| {
            Ok(vec![snapshot_path(&disk.path, id, &create.name)?, pending_path(&disk.path, id)?])
        };
        let (id, side) = match session.free_id(places) {
            Ok(free) => free,
            Err(ErrorKind::FileName(error)) => {
                refusal.add(Reason::new(&disk.path, ReasonKind::Name, error.to_string()));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let recorded = session.pool.recorded(&side).unwrap_or_default();
        let own = disk.file.attributes();
        attributes.push(own.map_err(|cause| ErrorKind::io("ask about", &disk.path, cause))?);
        members.push(OverlayMember {
            id,
            live: disk.recorded.clone(),
            side: recorded.clone(),
            overlay: shape(disk, &side),
            snapshot: Some(record(session, create, op, id, disk, recorded)),
            trash: None,
        });
        done.push(DiskDone {
            disk: disk.path.clone(),
            snapshot: Some(create.name.clone()),
            id,
            path: side.clone(),
        });
        freeze.push(side);
        freeze.extend(disk.data_file().map(Path::to_owned));
        notices.extend(disk.notices.iter().cloned().chain(disk.left_behind()));
        notices.extend(disk.data_file().map(|path| {
            Notice::new(path, "data-file", "belongs to the snapshot now, and is read-only")
        }));
    }
    if !refusal.is_empty() {
        return Err(refusal.into_error());
    }
    let (verb, tag) = (OverlayVerb::Create, create.tag.clone());
    Ok(Planned { op, verb, members, attributes, held: disks, freeze, disks: done, notices, tag })
}

/// All disks, claimed; what stands in the way of any of them is added to `refusal`.
pub(super) fn find_all(
    session: &Session<'_>,
    create: &Create,
    refusal: &mut Refusal,
) -> Result<Vec<Disk>, Error> {
    let pool = session.pool;
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
    chains(session, create, &disks, refusal)?;
    Ok(disks)
}

/// Looks at what lies below the disks; and, of a raw one that will not be raw any more, at who lies above.
fn chains(
    session: &Session<'_>,
    create: &Create,
    disks: &[Disk],
    refusal: &mut Refusal,
) -> Result<(), Error> {
    let paths: Vec<PathBuf> = disks.iter().map(|disk| disk.path.clone()).collect();
    let changes_format = |disk: &&Disk| disk.content == Content::Raw && !create.freeze;
    let raw: Vec<PathBuf> = disks.iter().filter(changes_format).map(|it| it.path.clone()).collect();
    if !raw.is_empty() {
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
            refusal.add(reason);
        }
        refusal.merge(Refusal { doubts: removal.doubts, ..Refusal::default() });
    }
    let surveyed = session.pool.host().survey.follow(&paths, &session.control.call)?;
    for (disk, found) in disks.iter().zip(&surveyed.images) {
        // A header that makes no sense was said already.
        if matches!(disk.content, Content::Broken(_)) {
            continue;
        }
        let id = match found {
            Ok(id) => id,
            Err(error) => return Err(crate::ErrorKind::Survey(error.to_string()).into()),
        };
        // The disk itself too: one that cannot be read now does not say what lies below it.
        let mut layers = surveyed.graph.chain(*id).filter_map(|disk| surveyed.graph.disk(disk));
        let unusable = layers.find(|disk| disk.state() != diskdag_graph::State::Ok);
        if let Some(below) = unusable {
            let detail =
                format!("needs {}, which is {}", below.path().display(), below.state().name());
            refusal.add(Reason::new(&disk.path, ReasonKind::BrokenChain, detail));
        }
        // Its own layers, and the one that is put on top.
        let layers = surveyed.graph.depth(*id).saturating_add(2);
        if layers > create.max_depth && !create.freeze {
            let detail =
                format!("would have {layers} layers, at most {} are allowed", create.max_depth);
            let advice = "flatten it first, or raise --max-depth";
            refusal.add(Reason::new(&disk.path, ReasonKind::TooDeep, detail).advising(advice));
        }
    }
    Ok(())
}

/// The overlay of a disk that will lie at `side`: as big, with the same clusters.
fn shape(disk: &Disk, side: &Path) -> OverlayShape {
    let clusters = disk.clusters();
    OverlayShape {
        virtual_size: disk.virtual_size(),
        cluster_bits: clusters.bits,
        backing: backing_name(&disk.path, side),
        raw_backing: disk.is_raw(),
        extended_l2: clusters.extended_l2,
    }
}

/// The snapshot as it is recorded.
pub(super) fn record(
    session: &Session<'_>,
    create: &Create,
    op: OpId,
    id: Id,
    disk: &Disk,
    file: PathBuf,
) -> SnapshotRecord {
    SnapshotRecord {
        id,
        disk: disk.recorded.clone(),
        name: create.name.clone(),
        file,
        created: session.pool.host().clock.now(),
        op,
        virtual_size: disk.virtual_size(),
        raw: disk.is_raw(),
        frozen: create.freeze,
        adopted: false,
        inconsistent: false,
        unsealed: true,
        standing: Standing::Kept,
    }
}
