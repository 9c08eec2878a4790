//! Chains alone, without a walk: one thread asks everything, and the caller watches it.
//!
//! With workers every question is a message to another thread and one back. A chain is a handful of
//! questions, all of which this thread asks, and it sends one message: the answer. If the one thread gets nowhere it is left behind, and workers begin from the start:
//! they can tell which question it was, and go on with the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use crate::scan::control::Control;
use crate::scan::record::Record;
use crate::scan::run::Scan;
use crate::scan::scanned::{ScanError, Scanned};

impl Scan {
    /// Runs a scan that has nothing to walk. Nothing comes of it where there is something, and where the
    /// system does not answer.
    pub(super) fn run_alone(
        &self,
        before: &Record,
        control: &Control,
    ) -> Option<Result<Scanned, ScanError>> {
        if !self.scope.roots.is_empty() {
            return None;
        }
        let turns = Arc::new(AtomicU64::new(0));
        let (answer, answered) = sync_channel(1);
        let asks = {
            let (scan, before, control) = (self.clone(), before.clone(), control.clone());
            let turns = Arc::clone(&turns);
            move || {
                let walked = scan.at_once(&before, &control, turns);
                let gathered = scan.gather(&before, walked, &control);
                let scanned = gathered.and_then(|it| it.into_scanned(scan.clone()));
                // Nobody listens any more if it took too long.
                drop(answer.send(scanned.map(|(scanned, _)| scanned)));
            }
        };
        std::thread::Builder::new().name("diskdag-scan".to_owned()).spawn(asks).ok()?;
        let round = (self.patience / 4).clamp(Duration::from_millis(1), Duration::from_millis(50));
        let (mut seen, mut since) = (0, Instant::now());
        loop {
            match answered.recv_timeout(round) {
                Ok(result) => return Some(result),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if control.should_stop() {
                return Some(Err(ScanError::Stopped));
            }
            let turn = turns.load(Ordering::Relaxed);
            let waits_for_the_system = turn % 2 == 1;
            if turn != seen || !waits_for_the_system {
                (seen, since) = (turn, Instant::now());
            } else if since.elapsed() >= self.patience {
                return None;
            }
        }
    }
}
