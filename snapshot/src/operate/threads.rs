//! The same for many, by a few threads.

/// Does `work` with all items, in so many threads. The results come in the order of the items.
pub(super) fn in_threads<T: Send, R: Send>(
    threads: usize,
    items: Vec<T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let count = items.len();
    let mut shares: Vec<Vec<T>> = (0..threads).map(|_| Vec::new()).collect();
    for (item, share) in items.into_iter().zip((0..threads).cycle()) {
        if let Some(share) = shares.get_mut(share) {
            share.push(item);
        }
    }
    let work = &work;
    let done: Vec<std::thread::Result<Vec<R>>> = std::thread::scope(|scope| {
        let start = |share: Vec<T>| scope.spawn(move || share.into_iter().map(work).collect());
        let threads: Vec<_> = shares.into_iter().map(start).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    let part = |part: std::thread::Result<Vec<R>>| match part {
        Ok(part) => part.into_iter(),
        Err(panic) => std::panic::resume_unwind(panic),
    };
    let mut parts: Vec<_> = done.into_iter().map(part).collect();
    (0..count).filter_map(|at| parts.get_mut(at % threads)?.next()).collect()
}

#[cfg(test)]
mod tests {
    use super::in_threads;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        for count in 0..40 {
            let items: Vec<usize> = (0..count).collect();
            for threads in [1, 2, 3, 16] {
                assert_eq!(in_threads(threads, items.clone(), |item| item), items);
            }
        }
    }
}
