//! Operations of many threads that are run as one, so that they share what each would pay alone.
//!
//! Whoever comes first runs what has gathered by then, under one lock and with one force-out per file of the
//! catalogue and per directory; whoever comes while that runs is gathered for the next turn.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A queue of work of one kind, `W`, that is answered by `A`.
#[derive(Debug)]
pub(crate) struct Together<W, A> {
    queue: Mutex<Queue<W, A>>,
    turned: Condvar,
}

#[derive(Debug)]
struct Queue<W, A> {
    waiting: VecDeque<Ticket<W, A>>,
    /// Somebody runs what was gathered before.
    is_running: bool,
}

#[derive(Debug)]
struct Ticket<W, A> {
    work: W,
    answer: Arc<Mutex<Option<A>>>,
}

impl<W, A> Default for Together<W, A> {
    fn default() -> Self {
        let queue = Queue { waiting: VecDeque::new(), is_running: false };
        Self { queue: Mutex::new(queue), turned: Condvar::new() }
    }
}

/// Ends a turn, also when what was run has panicked.
struct Turn<'t, W, A>(&'t Together<W, A>);

impl<W, A> Drop for Turn<'_, W, A> {
    fn drop(&mut self) {
        self.0.queue().is_running = false;
        self.0.turned.notify_all();
    }
}

impl<W, A> Together<W, A> {
    fn queue(&self) -> MutexGuard<'_, Queue<W, A>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `work` run by `run`, alone or with others', and gives its answer. `run` answers each piece of work
    /// that it is given, in their order. `None` only if somebody else's `run` has panicked over it.
    pub(crate) fn run(&self, work: W, run: impl FnOnce(Vec<W>) -> Vec<A>) -> Option<A> {
        let answer = Arc::new(Mutex::new(None));
        let mut queue = self.queue();
        queue.waiting.push_back(Ticket { work, answer: Arc::clone(&answer) });
        while queue.is_running {
            queue = self.turned.wait(queue).unwrap_or_else(PoisonError::into_inner);
            if let Some(answer) = take(&answer) {
                return Some(answer);
            }
        }
        let ours = |ticket: &Ticket<W, A>| Arc::ptr_eq(&ticket.answer, &answer);
        if !queue.waiting.iter().any(ours) {
            return take(&answer);
        }
        queue.is_running = true;
        let gathered = std::mem::take(&mut queue.waiting);
        drop(queue);
        let turn = Turn(self);
        let (work, answers): (Vec<W>, Vec<_>) =
            gathered.into_iter().map(|ticket| (ticket.work, ticket.answer)).unzip();
        for (answer, to) in run(work).into_iter().zip(answers) {
            *to.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        }
        drop(turn);
        take(&answer)
    }

    /// How many wait for the next turn.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.queue().waiting.len()
    }
}

fn take<A>(answer: &Mutex<Option<A>>) -> Option<A> {
    answer.lock().unwrap_or_else(PoisonError::into_inner).take()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::Together;

    #[test]
    fn what_gathers_while_one_runs_is_run_together() {
        let together = Together::<u32, u32>::default();
        let (begun, has_begun) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let turns = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let queue = &together;
            let first = scope.spawn(move || {
                queue.run(1, |work| {
                    begun.send(()).unwrap();
                    may_go_on.recv().unwrap();
                    work
                })
            });
            has_begun.recv().unwrap();
            let others: Vec<_> = (2..=9)
                .map(|number| {
                    let (together, turns) = (&together, &turns);
                    scope.spawn(move || {
                        together.run(number, |work| {
                            turns.fetch_add(1, Ordering::Relaxed);
                            work
                        })
                    })
                })
                .collect();
            while together.waiting() < 8 {
                std::thread::yield_now();
            }
            go_on.send(()).unwrap();
            assert_eq!(first.join().unwrap(), Some(1));
            for (number, other) in (2..=9).zip(others) {
                assert_eq!(other.join().unwrap(), Some(number));
            }
        });
        assert_eq!(turns.into_inner(), 1, "eight waited, and were run in one turn");
    }

    #[test]
    fn a_panic_of_one_turn_does_not_hang_the_next() {
        let together = Together::<u32, u32>::default();
        let panicked = std::thread::scope(|scope| {
            scope.spawn(|| together.run(1, |_| panic!("on purpose"))).join().is_err()
        });
        assert!(panicked);
        assert_eq!(together.run(2, |work| work), Some(2));
    }
}
