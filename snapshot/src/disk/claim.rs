//! Taking an image, so that nobody opens it while it is changed.

use std::path::Path;

use diskdag_graph::{Doubt, DoubtKind, InUse};

use super::Disk;
use super::content::content;
use crate::error::ErrorKind;
use crate::fs::{Claim, FsFile};
use crate::pool::Pool;
use crate::refusal::{Reason, ReasonKind, Refusal};

impl Disk {
    /// Takes the image, as QEMU would see it, until the disk is dropped. Then makes sure that the path still leads
    /// to it.
    pub(crate) fn claim(&self, pool: &Pool) -> Result<Refusal, ErrorKind> {
        let mut refusal = claim(pool, &self.path, &*self.file)?;
        let now =
            pool.fs().stat(&self.path).map_err(|cause| ErrorKind::io("find", &self.path, cause))?;
        // Somebody may have opened, written and closed it between our look and our lock.
        let is_same = now.identity() == self.stat.identity()
            && now.len == self.stat.len
            && self.content
                == content(&*self.file)
                    .map_err(|cause| ErrorKind::io("read", &self.path, cause))?;
        if !is_same {
            let reason =
                Reason::new(&self.path, ReasonKind::InUse, "was changed while it was looked at");
            refusal.add(reason.advising("try again"));
        }
        Ok(refusal)
    }
}

/// Takes an open image until it is closed; waits for nobody. See [`Pool::when_free`].
pub(crate) fn claim(pool: &Pool, path: &Path, file: &dyn FsFile) -> Result<Refusal, ErrorKind> {
    let mut refusal = Refusal::default();
    let claimed = file.claim().map_err(|cause| ErrorKind::io("lock", path, cause))?;
    if let Claim::InUse { by } = claimed {
        let detail = if by.is_empty() { "is in use".into() } else { format!("is in use by {by}") };
        let reason = Reason::new(path, ReasonKind::InUse, detail);
        refusal.add(reason.advising("stop whoever uses it, or try again with --wait"));
    }
    match pool.host().usage.in_use(path) {
        InUse::No | InUse::NotAsked => {}
        InUse::Yes { detail, .. } => refusal.add(Reason::new(path, ReasonKind::InUse, detail)),
        InUse::Unknown { reason } => {
            let (path, kind) = (path.to_owned(), DoubtKind::Usage);
            refusal.doubts.push(Doubt { path, kind, reason });
        }
    }
    Ok(refusal)
}
