//! Workers that may be lost.
//!
//! A system call on a network file system, or on one that a process answers for, may never return,
//! and then nothing can make it. So no thread of the caller's ever makes one: workers do, and the
//! caller watches them. One that gets nowhere for as long as the caller's patience lasts is
//! abandoned: what it was asking about is a doubt, the rest of its work goes to another, and should
//! the call return after all, nobody listens.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::doubt::{Doubt, DoubtKind};
use crate::scan::ScanError;
use crate::scan::control::{Counts, Progress};
use crate::scan::orders::Orders;
use crate::scan::question::Answer;
use crate::scan::walk::Worker;
use crate::scan::work::{Done, Found, Parent, Work};

/// More workers than these are not given up: whatever is left then is a doubt.
const MOST_ABANDONED: usize = 64;

/// How often the caller looks after the workers.
const ROUND: Duration = Duration::from_millis(50);

/// The workers, and what they share. They end when it is dropped.
pub(super) struct Crew {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) orders: Orders,
    state: Mutex<State>,
    /// For workers: there is work, or it is over.
    work_there: Condvar,
    /// For the caller: somebody has finished something.
    news: Condvar,
    /// What was reported last.
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct State {
    work: Vec<Work>,
    /// Begun one at a time, each when all before it is done: what a directory is called must not
    /// depend on which worker was faster.
    roots: VecDeque<PathBuf>,
    links: BTreeSet<(PathBuf, Parent)>,
    visited: HashSet<(u64, u64)>,
    posts: Vec<Post>,
    /// Workers that are there and not abandoned.
    workers: usize,
    busy: usize,
    abandoned: usize,
    is_over: bool,
    /// No thread could be started, and there is none.
    is_deserted: bool,
    /// Devices that do not answer.
    silent: HashSet<u64>,
    found: Found,
    answers: Vec<(u64, Option<Answer>)>,
    asked: u64,
}

/// Where one worker stands.
struct Post {
    work: Option<Arc<Work>>,
    /// Which entry of its work the worker is at.
    position: Arc<AtomicU64>,
    /// Counts the work done here.
    turn: u64,
    /// What was seen when it was last seen to move, and when.
    seen: (u64, u64),
    since: Instant,
    is_abandoned: bool,
}

impl Crew {
    /// Starts to walk. The workers go on by themselves.
    pub(super) fn begin(orders: Orders) -> Result<Self, ScanError> {
        let state = State { roots: orders.roots.iter().cloned().collect(), ..State::default() };
        let shared = Arc::new(Shared {
            orders,
            state: Mutex::new(state),
            work_there: Condvar::new(),
            news: Condvar::new(),
            progress: Mutex::default(),
        });
        for _ in 0..shared.orders.threads.get() {
            shared.hire(&mut shared.lock());
        }
        if shared.lock().workers == 0 {
            return Err(shared.nobody_there());
        }
        Ok(Self { shared })
    }

    /// Waits until everything in scope was asked, and says what was found.
    pub(super) fn walked(&self) -> Result<Found, ScanError> {
        self.wait(|state| state.is_idle().then(|| std::mem::take(&mut state.found)))
    }

    /// Has a worker find something out. Nothing comes of it if that takes too long.
    pub(super) fn ask(&self, work: impl FnOnce(u64) -> Work) -> Result<Option<Answer>, ScanError> {
        let mut state = self.shared.lock();
        state.asked += 1;
        let number = state.asked;
        state.work.push(work(number));
        drop(state);
        self.shared.work_there.notify_one();
        self.wait(|state| {
            let at = state.answers.iter().position(|(of, _)| *of == number)?;
            Some(state.answers.swap_remove(at).1)
        })
    }

    /// What is said of what was waited for in vain.
    pub(super) fn silence(&self) -> String {
        self.shared.orders.silence()
    }

    pub(super) fn threads(&self) -> usize {
        self.shared.orders.threads.get()
    }

    fn wait<T>(&self, mut ready: impl FnMut(&mut State) -> Option<T>) -> Result<T, ScanError> {
        let round = ROUND.min(self.shared.orders.patience / 4).max(Duration::from_millis(1));
        let mut state = self.shared.lock();
        loop {
            if state.is_over || self.shared.orders.control.should_stop() {
                return Err(ScanError::Stopped);
            }
            if let Some(result) = ready(&mut state) {
                return Ok(result);
            }
            self.shared.look_after(&mut state, Instant::now());
            if state.is_deserted {
                return Err(self.shared.nobody_there());
            }
            let waited = self.shared.news.wait_timeout(state, round);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Crew {
    /// Workers that wait for work leave at once; the others when they are done with what they do,
    /// however long that takes: nobody waits for them beyond a moment.
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.is_over = true;
        self.shared.work_there.notify_all();
        let leave = Instant::now() + ROUND * 4;
        while state.workers > 0 && Instant::now() < leave {
            let waited = self.shared.news.wait_timeout(state, ROUND);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.busy == 0 && self.work.is_empty() && self.roots.is_empty() && self.links.is_empty()
    }

    /// The next piece of work: what is at hand, else the next root, else the next link that leads
    /// to a directory.
    fn take(&mut self) -> Option<Work> {
        loop {
            let work = match self.work.pop() {
                Some(work) => work,
                None if self.busy > 0 => return None,
                None => match self.roots.pop_front() {
                    Some(path) => Work::Directory { path, parent: Parent::default() },
                    None => {
                        let (path, parent) = self.links.pop_first()?;
                        Work::Directory { path, parent }
                    }
                },
            };
            if work.device().is_some_and(|device| self.silent.contains(&device)) {
                self.give_up(&work, "its file system does not answer");
            } else {
                return Some(work);
            }
        }
    }

    /// Work that nobody will do is a doubt.
    fn give_up(&mut self, work: &Work, reason: &str) {
        match work {
            Work::Question(question) => self.answers.push((question.number, None)),
            other => self.found.doubts.push(Doubt {
                path: other.path(),
                kind: DoubtKind::Directory,
                reason: reason.to_owned(),
            }),
        }
    }
}

impl Shared {
    /// Why no worker is there: told to stop, they leave; else none could be started.
    fn nobody_there(&self) -> ScanError {
        if self.orders.control.should_stop() { ScanError::Stopped } else { ScanError::NoThreads }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this directory is new.
    pub(super) fn visit(&self, identity: (u64, u64)) -> bool {
        self.lock().visited.insert(identity)
    }

    /// Tells the caller how far things have come; one worker at a time, so that what the caller sees
    /// only grows.
    pub(super) fn report(&self, Counts { directories, files, images, .. }: Counts) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.directories += directories;
        progress.files += files;
        progress.images += images;
        self.orders.control.report(*progress);
    }

    /// One more worker.
    fn hire(self: &Arc<Self>, state: &mut State) {
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
        state.links.extend(links);
        state.found.append(found);
        if let Some((number, answer)) = answer {
            state.answers.push((number, Some(answer)));
            self.news.notify_all();
        }
        // Where the disk is waited for, more readers in flight cost nothing and save much.
        if has_waited && !state.work.is_empty() && state.workers < self.orders.readers.get() {
            self.hire(state);
        }
    }

    /// Abandons the workers that get nowhere.
    fn look_after(self: &Arc<Self>, state: &mut State, now: Instant) {
        for number in 0..state.posts.len() {
            let post = &mut state.posts[number];
            let Some(work) = post.work.clone().filter(|_| !post.is_abandoned) else { continue };
            let seen = (post.turn, post.position.load(Ordering::Relaxed));
            if seen != post.seen {
                (post.seen, post.since) = (seen, now);
            } else if now.duration_since(post.since) >= self.orders.patience {
                post.is_abandoned = true;
                state.busy -= 1;
                state.workers -= 1;
                state.abandoned += 1;
                self.replace(state, &work, seen.1);
            }
        }
    }

    /// What was being asked is a doubt; another worker goes on with the rest.
    fn replace(self: &Arc<Self>, state: &mut State, work: &Work, position: u64) {
        let reason = self.orders.silence();
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        match work.stuck_at(position) {
            Some(stuck) => {
                state.found.doubts.push(Doubt { path: stuck.path, kind: DoubtKind::File, reason });
                state.silent.extend(stuck.silent);
                state.work.push(stuck.rest);
            }
            None => state.give_up(work, &reason),
        }
        if state.abandoned > MOST_ABANDONED {
            while let Some(work) = state.take() {
                state.give_up(&work, "too much of this host does not answer");
            }
        }
        self.hire(state);
        self.work_there.notify_all();
        self.news.notify_all();
    }
}
