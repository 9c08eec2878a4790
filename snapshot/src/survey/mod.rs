//! Who depends on whom, asked of the headers.
//!
//! Everything that removes or replaces a path that others may name asks [`Survey`] over the whole scope. On a
//! host that is the scan of `diskdag-graph`; over a simulated file system, [`FsSurvey`].

mod over_fs;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use diskdag_graph::scan::{
    Control, ImageError, Owned, Owners, Scan, ScanError, Scanned, Scope, Verified, Waiver,
};
use diskdag_graph::{DiskId, Graph, ScopeSource};

use crate::error::ErrorKind;

pub use over_fs::FsSurvey;

/// What a survey is asked: all paths are absolute.
#[derive(Clone, Copy, Debug, Default)]
pub struct Question<'q> {
    /// Directories that are searched, all of them.
    pub roots: &'q [PathBuf],
    /// Files and directories in which owners name their disks. See [`Owners::read`].
    pub owners: &'q [PathBuf],
    /// The images that it is about; they are looked at wherever they lie.
    pub images: &'q [PathBuf],
}

/// Makes a graph of what the directories in scope hold.
pub trait Survey: Send + Sync {
    /// Searches the roots, and looks at the images.
    ///
    /// # Errors
    ///
    /// If there is no answer at all. What could not be asked is part of the answer.
    fn survey(&self, question: &Question<'_>, control: &Control) -> Result<Surveyed, ErrorKind>;

    /// Asks the question that was answered by `before` once more, as things are now. Who can tell from an earlier answer what has changed
    /// since, reads no more than that.
    ///
    /// # Errors
    ///
    /// As [`survey`](Self::survey).
    fn again(
        &self,
        before: &Surveyed,
        question: &Question<'_>,
        control: &Control,
    ) -> Result<Surveyed, ErrorKind> {
        let _ = before;
        self.survey(question, control)
    }

    /// The chains of `images`, and nothing else.
    ///
    /// # Errors
    ///
    /// As [`survey`](Self::survey).
    fn follow(&self, images: &[PathBuf], control: &Control) -> Result<Surveyed, ErrorKind>;
}

/// What a survey found.
#[derive(Clone, Debug)]
pub struct Surveyed {
    /// All disks.
    pub graph: Graph,
    /// The images that the question is about, in the order in which they were given.
    pub images: Vec<Result<DiskId, ImageError>>,
    /// Who uses which disk, where owners were asked.
    pub owned: Owned,
    /// The scan that it came from, if it did: it can be verified.
    scanned: Option<Arc<Scanned>>,
    /// What the owners' files said then, where they were asked.
    claims: Option<Arc<Owners>>,
}

impl Surveyed {
    /// What somebody found who makes graphs in another way than by a scan, and asked no owners.
    #[must_use]
    pub fn new(graph: Graph, images: Vec<Result<DiskId, ImageError>>) -> Self {
        Self { graph, images, owned: Owned::default(), scanned: None, claims: None }
    }
}

impl Surveyed {
    /// The images that the question is about, in its order, each in the graph.
    pub(crate) fn found(&self) -> impl Iterator<Item = (&Graph, &Result<DiskId, ImageError>)> {
        self.images.iter().map(|image| (&self.graph, image))
    }

    /// Has what is said of these disks' bytes count what their file system shares with other files. Who makes graphs
    /// in another way than by a scan has said all that it knows.
    pub(crate) fn ask_reflinks(
        &mut self,
        disks: &[DiskId],
        control: &Control,
    ) -> Result<(), ErrorKind> {
        let Some(scanned) = &mut self.scanned else { return Ok(()) };
        let scanned = Arc::make_mut(scanned);
        scanned.ask_reflinks(disks.iter().copied(), control)?;
        self.graph = scanned.graph.clone();
        Ok(())
    }

    /// Whether an owner names a path where nothing lies now.
    pub(crate) fn is_claimed(&self, path: &Path) -> bool {
        self.claims.as_ref().is_some_and(|claims| claims.naming(path).next().is_some())
    }
}

impl From<Scanned> for Surveyed {
    fn from(scanned: Scanned) -> Self {
        let Scanned { graph, images, owned, .. } = &scanned;
        let (graph, images, owned) = (graph.clone(), images.clone(), owned.clone());
        Self { graph, images, owned, scanned: Some(Arc::new(scanned)), claims: None }
    }
}

impl From<ScanError> for ErrorKind {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Stopped => Self::Stopped,
            error => Self::Survey(error.to_string()),
        }
    }
}

/// The scan of this host's file systems.
#[derive(Clone, Debug)]
pub struct ScanSurvey {
    threads: NonZeroUsize,
    waivers: Vec<Waiver>,
    roots: Vec<PathBuf>,
    owners: Vec<PathBuf>,
    patience: Option<Duration>,
}

impl ScanSurvey {
    /// A scan with so many threads.
    #[must_use]
    pub fn new(threads: NonZeroUsize) -> Self {
        Self { threads, waivers: Vec::new(), roots: Vec::new(), owners: Vec::new(), patience: None }
    }

    /// Doubts that a person has declared known.
    #[must_use]
    pub fn waivers(mut self, waivers: Vec<Waiver>) -> Self {
        self.waivers = waivers;
        self
    }

    /// Directories that are searched beside those that the pool names.
    #[must_use]
    pub fn roots(mut self, roots: Vec<PathBuf>) -> Self {
        self.roots = roots;
        self
    }

    /// Files and directories in which owners name their disks, beside those that the pool names.
    #[must_use]
    pub fn owners(mut self, owners: Vec<PathBuf>) -> Self {
        self.owners = owners;
        self
    }

    /// How long an answer of the system is waited for. See [`Scan::patience`].
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    fn patient(&self, scan: Scan) -> Scan {
        match self.patience {
            Some(patience) => scan.patience(patience),
            None => scan,
        }
    }
}

impl ScanSurvey {
    /// What all owners say now; `None` if there are none to ask.
    fn ask_owners(&self, question: &Question<'_>) -> Option<Owners> {
        let owners: Vec<PathBuf> = question.owners.iter().chain(&self.owners).cloned().collect();
        (!owners.is_empty()).then(|| Owners::read(&owners))
    }

    fn scan(
        &self,
        question: &Question<'_>,
        claims: Option<Owners>,
        control: &Control,
    ) -> Result<Surveyed, ErrorKind> {
        let Question { roots, images, .. } = question;
        let scope = Scope::declared(roots.iter().chain(&self.roots).cloned(), ScopeSource::Pool);
        let scan = Scan::new(scope).threads(self.threads).waivers(self.waivers.clone());
        let mut scan = self.patient(scan).images(images.to_vec());
        if let Some(claims) = &claims {
            scan = scan.owners(claims.clone());
        }
        let surveyed = Surveyed::from(scan.run(control)?);
        Ok(Surveyed { claims: claims.map(Arc::new), ..surveyed })
    }
}

impl Survey for ScanSurvey {
    fn survey(&self, question: &Question<'_>, control: &Control) -> Result<Surveyed, ErrorKind> {
        self.scan(question, self.ask_owners(question), control)
    }

    /// One `stat` per file and directory; what has changed is read, and what owners say is read in any case.
    fn again(
        &self,
        before: &Surveyed,
        question: &Question<'_>,
        control: &Control,
    ) -> Result<Surveyed, ErrorKind> {
        let claims = self.ask_owners(question);
        let Some(scanned) = &before.scanned else { return self.scan(question, claims, control) };
        if claims.as_ref() != before.claims.as_deref() {
            return self.scan(question, claims, control);
        }
        let ids: Vec<DiskId> = before.images.iter().flatten().copied().collect();
        let now: Surveyed = match scanned.verify_dependents(&ids, control)? {
            Verified::Unchanged(now) | Verified::Changed(now) | Verified::Unknown(now, _) => {
                now.into()
            }
            other => other.now().clone().into(),
        };
        Ok(Surveyed { claims: before.claims.clone(), ..now })
    }

    fn follow(&self, images: &[PathBuf], control: &Control) -> Result<Surveyed, ErrorKind> {
        Ok(self.patient(Scan::follow(images.to_vec())).run(control)?.into())
    }
}
