//! Work that threads share. Where the system gives no thread, whoever asked does it all.

use std::ops::Range;
use std::panic::resume_unwind;
use std::thread::{Builder, Scope, ScopedJoinHandle, scope};

/// Fewer than these are done before a thread has begun.
const FEW: usize = 2048;

/// Does `each` for all numbers below `count`, in as many runs as there are threads.
pub(crate) fn in_parallel<T: Send>(
    threads: usize,
    count: usize,
    each: impl Fn(Range<usize>) -> T + Sync,
) -> Vec<T> {
    let threads = threads.min(count / FEW).max(1);
    let cut = |run: usize| count * run / threads;
    let runs = (0..threads).map(|run| cut(run)..cut(run + 1));
    let each = &each;
    scope(|scope| {
        let others = runs.clone().skip(1);
        let others: Vec<_> =
            others.map(|run| begin(scope, move || each(run.start..run.end))).collect();
        let mut all = vec![each(0..cut(1))];
        for (other, run) in others.into_iter().zip(runs.skip(1)) {
            all.push(end(other).unwrap_or_else(|| each(run)));
        }
        all
    })
}

/// Does both, at the same time where there are two threads for `count` items.
pub(crate) fn both<A: Send, B>(
    threads: usize,
    count: usize,
    one: impl Fn() -> A + Sync,
    other: impl FnOnce() -> B,
) -> (A, B) {
    if threads < 2 || count < FEW {
        return (one(), other());
    }
    let one = &one;
    scope(|scope| {
        let begun = begin(scope, one);
        let other = other();
        (end(begun).unwrap_or_else(one), other)
    })
}

type Begun<'s, T> = Option<ScopedJoinHandle<'s, T>>;

fn begin<'s, T: Send + 's>(
    scope: &'s Scope<'s, '_>,
    work: impl FnOnce() -> T + Send + 's,
) -> Begun<'s, T> {
    Builder::new().name("diskdag-scan".to_owned()).spawn_scoped(scope, work).ok()
}

/// What came of it, if it was begun.
fn end<T>(begun: Begun<'_, T>) -> Option<T> {
    match begun?.join() {
        Ok(result) => Some(result),
        Err(panic) => resume_unwind(panic),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_follow_each_other_whoever_does_them() {
        for (threads, count) in [(1, 10), (3, 0), (2, FEW * 2), (7, FEW * 5 + 3)] {
            let runs = in_parallel(threads, count, |run| run.collect::<Vec<_>>());
            assert!(runs.len() <= threads);
            assert!(runs.into_iter().flatten().eq(0..count));
        }
    }

    #[test]
    fn both_are_done_with_one_thread_or_two() {
        for threads in [1, 2] {
            assert_eq!(both(threads, FEW, || "one", || 2), ("one", 2));
        }
    }
}
