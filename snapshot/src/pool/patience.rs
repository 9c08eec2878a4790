//! Waiting for images that somebody uses, without keeping others from the pool.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use diskdag_graph::InUse;

use super::Pool;
use crate::error::{Effect, Error, ErrorKind};
use crate::fs::{Access, is_absent};
use crate::host::Control;
use crate::refusal::ReasonKind;

/// How long to wait before asking again for an image that somebody uses.
const AGAIN: Duration = Duration::from_millis(20);

impl Pool {
    /// Attempts something that takes the pool's lock for itself. As long as nothing stands in its way but that
    /// images are in use, and the caller waits for them: lets go of the pool, waits until they are free, and
    /// attempts it again.
    pub(crate) fn when_free<T>(
        &self,
        control: &Control,
        mut attempt: impl FnMut() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let until = Instant::now().checked_add(control.image_wait);
        let is_over = || until.is_some_and(|until| Instant::now() >= until);
        loop {
            let failed = match attempt() {
                Err(error) if error.effect == Effect::None => error,
                other => return other,
            };
            let ErrorKind::Refused(refusal) = &failed.kind else { return Err(failed) };
            if !refusal.is_busy() || is_over() {
                return Err(failed);
            }
            let used = refusal.reasons.iter().filter(|reason| reason.kind == ReasonKind::InUse);
            let images: Vec<PathBuf> = used.map(|reason| reason.path.clone()).collect();
            loop {
                if control.should_stop() {
                    return Err(ErrorKind::Stopped.into());
                }
                self.host().clock.pause(AGAIN);
                if is_over() || !self.are_in_use(&images)? {
                    break;
                }
            }
        }
    }

    /// Whether any of them is. Only a look: nobody is kept from them afterwards.
    fn are_in_use(&self, images: &[PathBuf]) -> Result<bool, ErrorKind> {
        for path in images {
            let file = match self.fs().open(path, Access::Read) {
                Ok(file) => file,
                // Whoever attempts it again says that.
                Err(error) if is_absent(&error) => continue,
                Err(cause) => return Err(ErrorKind::io("open", path, cause)),
            };
            let is_free =
                file.is_free().map_err(|cause| ErrorKind::io("ask about", path, cause))?;
            if !is_free || matches!(self.host().usage.in_use(path), InUse::Yes { .. }) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
