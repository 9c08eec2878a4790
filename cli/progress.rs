//! A sign of life for scans that take long, where somebody watches.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diskdag_graph::scan::{Control, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::Common;
use crate::output;

/// What ends sooner needs no sign.
const PATIENCE: Duration = Duration::from_millis(500);

/// A line on standard error that goes away when it is dropped.
pub(crate) struct Bar(Option<ProgressBar>);

impl Bar {
    /// The line, hidden for now, and the control that moves it.
    pub(crate) fn new(common: &Common) -> (Self, Control) {
        if common.no_progress || !output::is_watched() {
            return (Self(None), Control::default());
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} [{elapsed}]") {
            bar.set_style(style);
        }
        let begun = Instant::now();
        let is_shown = AtomicBool::new(false);
        let moving = bar.clone();
        let control = Control::default().reporting(move |progress: Progress| {
            if begun.elapsed() < PATIENCE {
                return;
            }
            if !is_shown.swap(true, Ordering::Relaxed) {
                moving.set_draw_target(ProgressDrawTarget::stderr());
            }
            let Progress { directories, files, images, .. } = progress;
            moving
                .set_message(format!("{directories} directories, {files} files, {images} images"));
            moving.tick();
        });
        (Self(Some(bar)), control)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
