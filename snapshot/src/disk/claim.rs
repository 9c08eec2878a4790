//! Taking an image, so that nobody opens it while it is changed.

use std::path::Path;
use std::time::Instant;

use diskdag_graph::{Doubt, DoubtKind, InUse};

use super::Disk;
use super::content::content;
use crate::error::ErrorKind;
use crate::fs::{Claim, FsFile};
use crate::host::Control;
use crate::pool::Pool;
use crate::refusal::{Reason, ReasonKind, Refusal};

impl Disk {
    /// Takes the image, as QEMU would see it, until the disk is dropped; waits for it as long as the caller
    /// allows. Then makes sure that the path still leads to it.
    pub(crate) fn claim(&self, pool: &Pool, control: &Control) -> Result<Refusal, ErrorKind> {
        let mut refusal = claim(pool, control, &self.path, &*self.file)?;
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

/// Takes an open image until it is closed, waiting as long as the caller allows.
pub(crate) fn claim(
    pool: &Pool,
    control: &Control,
    path: &Path,
    file: &dyn FsFile,
) -> Result<Refusal, ErrorKind> {
    const AGAIN: std::time::Duration = std::time::Duration::from_millis(20);
    let until = Instant::now().checked_add(control.image_wait);
    loop {
        let mut refusal = Refusal::default();
        let claimed = file.claim().map_err(|cause| ErrorKind::io("lock", path, cause))?;
        if let Claim::InUse { by } = claimed {
            let detail =
                if by.is_empty() { "is in use".into() } else { format!("is in use by {by}") };
            let reason = Reason::new(path, ReasonKind::InUse, detail);
            refusal.add(reason.advising("stop whoever uses it, or try again with --wait"));
        }
        match pool.host().usage.in_use(path) {
            InUse::No | InUse::NotAsked => {}
            InUse::Yes { detail, .. } => refusal.add(Reason::new(path, ReasonKind::InUse, detail)),
            InUse::Unknown { reason } => {
                refusal.doubts.push(Doubt {
                    path: path.to_owned(),
                    kind: DoubtKind::Usage,
                    reason,
                });
            }
        }
        let again = refusal.is_busy() && until.is_none_or(|until| Instant::now() < until);
        if !again {
            return Ok(refusal);
        }
        if control.should_stop() {
            return Err(ErrorKind::Stopped);
        }
        pool.host().clock.pause(AGAIN);
    }
}
