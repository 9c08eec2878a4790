//! Ctrl-C while something is written: before the commit point the operation is undone, after it finished.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::exit::Exit;
use crate::failure::Failure;

/// A flag that the first signal to end raises. The second ends the program where it stands, which nothing
/// that is written here minds.
pub(crate) fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // In this order: the first signal finds the flag down.
        let again = flag::register_conditional_default(signal, Arc::clone(&stop));
        again.and_then(|_| flag::register(signal, Arc::clone(&stop))).map_err(|error| {
            Failure::new(Exit::Failed, "signals", format!("cannot listen for signals: {error}"))
        })?;
    }
    Ok(stop)
}

/// Whether it was raised.
pub(crate) fn is_raised(stop: &AtomicBool) -> bool {
    stop.load(Ordering::Relaxed)
}
