//! Reads all L2 tables, in the file's order and in big pieces, on two threads where that pays.
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::vec::Vec;

use super::CheckError;
use super::entries::Walk;
use super::reader::CHUNK;
use super::tables::Table;
use crate::control::Progress;
use crate::source::Source;

/// So many bytes of L2 tables are worth a second thread, and a second copy of the tally.
const WORTH_A_THREAD: u64 = 8 << 20;

/// What all threads take from.
#[derive(Clone, Copy)]
struct Todo<'t> {
    batches: &'t [Batch<'t>],
    next: &'t AtomicUsize,
    /// Bytes of tables that were begun with, of so many.
    done: &'t AtomicU64,
    total: u64,
}

/// Tables that lie behind one another, to be read at once.
struct Batch<'t> {
    tables: &'t [Table],
}

/// Walks all tables, which are in the file's order and lie in the file.
pub(super) fn walk<S: Source + ?Sized>(
    tables: &[Table],
    threads: usize,
    whole: &mut Walk<'_, S>,
) -> Result<(), CheckError> {
    let size = whole.geometry.cluster_size();
    let batches = batches(tables, size);
    let next = AtomicUsize::new(0);
    let (done, total) = (AtomicU64::new(0), tables.len() as u64 * size);
    let control = whole.reader.control();
    let pays = tables.len() as u64 * size >= WORTH_A_THREAD && whole.tally.is_array();
    let more = if pays { threads.saturating_sub(1) } else { 0 };
    let others: Vec<_> = (0..more).map(|_| whole.split()).collect();
    std::thread::scope(|scope| {
        let todo = Todo {
            batches: batches.as_slice(),
            next: &next,
            done: &done,
            total: tables.len() as u64 * size,
        };
        let mut handles = Vec::new();
        for mut part in others {
            let work = move || run(todo, &mut part).map(|()| part);
            // Without another thread this one does it all.
            handles.extend(std::thread::Builder::new().spawn_scoped(scope, work).ok());
        }
        let mut result = run(todo, whole);
        for other in handles {
            match other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
                Ok(part) => whole.merge(part),
                Err(error) => result = result.and(Err(error)),
            }
        }
        control.report(Progress { done: total, total });
        result
    })
}

fn batches(tables: &[Table], size: u64) -> Vec<Batch<'_>> {
    let most = usize::try_from(CHUNK / size).unwrap_or_default().max(1);
    let runs = tables.chunk_by(|one, next| one.offset + size == next.offset);
    runs.flat_map(|run| run.chunks(most)).map(|tables| Batch { tables }).collect()
}

fn run<S: Source + ?Sized>(todo: Todo<'_>, walk: &mut Walk<'_, S>) -> Result<(), CheckError> {
    let size = usize::try_from(walk.geometry.cluster_size()).unwrap_or_default();
    let mut buffer = Vec::new();
    let control = walk.reader.control();
    while let Some(batch) = todo.batches.get(todo.next.fetch_add(1, Ordering::Relaxed)) {
        let Some(first) = batch.tables.first() else { continue };
        let length = size * batch.tables.len();
        // Whole tables may be holes, which are not read.
        control.go_on()?;
        let before = todo.done.fetch_add(length as u64, Ordering::Relaxed);
        control.report(Progress { done: before, total: todo.total });
        if walk.reader.is_hole(first.offset, first.offset + length as u64) {
            continue;
        }
        buffer.resize(length, 0);
        walk.reader.read(first.offset, &mut buffer)?;
        for (table, bytes) in batch.tables.iter().zip(buffer.chunks_exact(size)) {
            walk.table(table, bytes)?;
        }
    }
    Ok(())
}
