//! Workers that may be lost.
//!
//! A system call on a network file system, or on one that a process answers for, may never return,
//! and then nothing can make it. So no thread of the caller's ever makes one: workers do, and the
//! caller watches them. One that gets nowhere for as long as the caller's patience lasts is
//! abandoned: what it was asking about is a doubt, the rest of its work goes to another, and should
//! the call return after all, nobody listens.

mod shared;
mod state;
mod watchdog;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::scan::ScanError;
use crate::scan::control::Progress;
use crate::scan::crew::state::State;
use crate::scan::orders::Orders;
use crate::scan::question::{Answer, Question};
use crate::scan::work::{Found, Work};

/// How often the caller looks after the workers.
const ROUND: Duration = Duration::from_millis(50);

/// So many parts are worth waking the caller for.
pub(super) const PIECE: usize = 4;

/// The workers, and what they share. They end when it is dropped.
pub(super) struct Crew {
    shared: Arc<Shared>,
    /// There are none: the thread that asks finds out itself. Odd while it does.
    alone: Option<Arc<AtomicU64>>,
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

impl Shared {
    fn new(orders: Orders, state: State) -> Self {
        Self {
            orders,
            state: Mutex::new(state),
            work_there: Condvar::new(),
            news: Condvar::new(),
            progress: Mutex::default(),
        }
    }
}

impl Crew {
    /// No workers: whoever asks waits for the system itself. Somebody else watches `turns`, which is odd while
    /// the system is waited for, and grows.
    pub(super) fn alone(orders: Orders, turns: Arc<AtomicU64>) -> Self {
        Self { shared: Arc::new(Shared::new(orders, State::default())), alone: Some(turns) }
    }

    /// Starts to walk, or to do only this work. The workers go on by themselves.
    pub(super) fn begin(orders: Orders, work: Option<Vec<Work>>) -> Result<Self, ScanError> {
        let mut state = State::default();
        match work {
            Some(work) => state.work = work,
            None => state.roots.extend(orders.roots.iter().cloned()),
        }
        let shared = Arc::new(Shared::new(orders, state));
        for _ in 0..shared.orders.threads.get() {
            shared.hire(&mut shared.lock());
        }
        if shared.lock().workers == 0 {
            return Err(shared.nobody_there());
        }
        Ok(Self { shared, alone: None })
    }

    /// Waits until everything in scope was asked, and says what was found. What there is until then is shown to
    /// `meanwhile` piece by piece, and whether there is more to wait for.
    pub(super) fn walked(
        &self,
        mut meanwhile: impl FnMut(&Found, bool),
    ) -> Result<Found, ScanError> {
        let mut found = Found::default();
        loop {
            let (more, is_all) = self.wait(|state| {
                let (is_all, is_piece) = (state.is_idle(), state.found.parts.len() >= PIECE);
                (is_all || is_piece).then(|| (std::mem::take(&mut state.found), is_all))
            })?;
            meanwhile(&more, !is_all);
            found.append(more);
            if is_all {
                return Ok(found);
            }
        }
    }

    /// Has them do more.
    pub(super) fn send(&self, work: Vec<Work>) {
        self.shared.lock().work.extend(work);
        self.shared.work_there.notify_all();
    }

    /// Has a worker find something out. Nothing comes of it if that takes too long.
    pub(super) fn ask(
        &self,
        question: impl FnOnce(u64) -> Question,
    ) -> Result<Option<Answer>, ScanError> {
        let orders = &self.shared.orders;
        if let Some(turns) = &self.alone {
            if orders.control.should_stop() {
                return Err(ScanError::Stopped);
            }
            let question = question(0);
            turns.fetch_add(1, Ordering::Relaxed);
            if let Some(gate) = &orders.gate {
                gate.pass(question.path(), None);
            }
            let answer = question.answer(orders, &mut Vec::new());
            turns.fetch_add(1, Ordering::Relaxed);
            return Ok(Some(answer));
        }
        let mut state = self.shared.lock();
        state.asked += 1;
        let number = state.asked;
        state.work.push(Work::Question(question(number)));
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
