//! The life of a worker: it takes a piece of work, does it, hands in what came of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Instant;

use crate::scan::ScanError;
use crate::scan::control::Counts;
use crate::scan::crew::state::{Post, State};
use crate::scan::crew::{PIECE, Shared};
use crate::scan::walk::Worker;
use crate::scan::work::{Done, Work};

impl Shared {
    /// Why no worker is there: told to stop, they leave; else none could be started.
    pub(super) fn nobody_there(&self) -> ScanError {
        if self.orders.control.should_stop() { ScanError::Stopped } else { ScanError::NoThreads }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this directory is new.
    pub(in crate::scan) fn visit(&self, identity: (u64, u64)) -> bool {
        self.lock().visited.insert(identity)
    }

    /// Tells the caller how far things have come; one worker at a time, so that what the caller sees
    /// only grows.
    pub(in crate::scan) fn report(&self, Counts { directories, files, images, .. }: Counts) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.directories += directories;
        progress.files += files;
        progress.images += images;
        self.orders.control.report(*progress);
    }

    /// One more worker.
    pub(super) fn hire(self: &Arc<Self>, state: &mut State) {
        let position = Arc::new(AtomicU64::new(0));
        let number = state.posts.len();
        let (shared, at) = (Arc::clone(self), Arc::clone(&position));
        let thread = std::thread::Builder::new().name("diskdag-scan".to_owned());
        if thread.spawn(move || shared.serve(number, &at)).is_err() {
            state.is_deserted = state.workers == 0;
            return;
        }
        state.workers += 1;
        state.is_deserted = false;
        let (seen, since) = ((0, 0), Instant::now());
        state.posts.push(Post { work: None, position, turn: 0, seen, since, is_abandoned: false });
    }

    /// The life of a worker.
    fn serve(self: &Arc<Self>, number: usize, position: &AtomicU64) {
        let mut worker = Worker::new(self, position);
        let mut done = None;
        while let Some(work) = self.next(number, done.take(), position) {
            done = Some(worker.run(&work));
        }
        self.news.notify_all();
    }

    /// Hands in what was done, and takes what is next; nothing once it is over.
    fn next(
        self: &Arc<Self>,
        number: usize,
        done: Option<Done>,
        position: &AtomicU64,
    ) -> Option<Arc<Work>> {
        let mut state = self.lock();
        if state.posts.get(number).is_some_and(|post| post.is_abandoned) {
            return None;
        }
        if let Some(done) = done {
            self.hand_in(&mut state, done);
            state.busy -= 1;
        }
        loop {
            if state.is_over || self.orders.control.should_stop() {
                state.is_over = true;
                state.workers -= 1;
                state.posts[number].work = None;
                self.work_there.notify_all();
                return None;
            }
            if let Some(work) = state.take() {
                let work = Arc::new(work);
                position.store(0, Ordering::Relaxed);
                state.busy += 1;
                let more = state.work.len();
                let post = &mut state.posts[number];
                post.work = Some(Arc::clone(&work));
                post.turn += 1;
                if more > 0 {
                    self.work_there.notify_one();
                }
                return Some(work);
            }
            state.posts[number].work = None;
            if state.busy == 0 {
                self.news.notify_all();
            }
            state = self.work_there.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn hand_in(self: &Arc<Self>, state: &mut State, done: Done) {
        let Done { work, links, found, answer, has_waited, was_stopped } = done;
        // What a worker has left out is missing, even if the caller has changed its mind since.
        state.is_over |= was_stopped;
        state.work.extend(work);
        state.found.needs_walk |= !links.is_empty();
        state.links.extend(links);
        state.found.append(found);
        if state.found.parts.len() >= PIECE {
            self.news.notify_all();
        }
        if let Some((number, answer)) = answer {
            state.answers.push((number, Some(answer)));
            self.news.notify_all();
        }
        if has_waited {
            self.help(state);
        }
    }

    /// Where the disk is waited for, more readers in flight cost nothing and save much.
    fn help(self: &Arc<Self>, state: &mut State) {
        if !state.is_over && !state.work.is_empty() && state.workers < self.orders.readers.get() {
            self.hire(state);
        }
    }

    /// A worker waits for the disk, in the midst of its work.
    pub(in crate::scan) fn call_for_help(self: &Arc<Self>) {
        self.help(&mut self.lock());
    }
}
