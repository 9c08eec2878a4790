//! Files that were cut, changed, exchanged or taken away: never a state that was not committed, and never
//! an empty one.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diskdag_snapshot::catalogue::{Batch, Begun, Catalogue, CatalogueError, LogCatalogue, State};
use diskdag_snapshot::fs::RealFs;
use twox_hash::XxHash3_64;

use crate::scenario::{LOG_LEN, commit, put};

const FILES: [&str; 2] = ["catalogue.redb", "catalogue.log"];

struct Files {
    top: tempfile::TempDir,
    /// All states that were committed, by revision.
    states: Vec<State>,
}

impl Files {
    /// A catalogue with two records in its log, behind a checkpoint that is not the first.
    fn new() -> Self {
        let top = tempfile::tempdir().expect("a directory");
        let mut files = Self { top, states: vec![State::default()] };
        files.catalogue().create(&State::default()).expect("a catalogue");
        let first = files.checkpoint();
        while files.checkpoint() == first {
            files.commit(1);
        }
        files.commit(2);
        files
    }

    fn catalogue(&self) -> LogCatalogue {
        LogCatalogue::with_log_len(Arc::new(RealFs), self.top.path(), LOG_LEN)
    }

    /// Which file is the checkpoint.
    fn checkpoint(&self) -> u64 {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(self.path(FILES[0])).expect("asked").ino()
    }

    fn commit(&mut self, times: usize) {
        let catalogue = self.catalogue();
        for _ in 0..times {
            let mut state = self.last().clone();
            commit(&catalogue, &mut state).expect("commits");
            self.states.push(state);
        }
    }

    fn last(&self) -> &State {
        self.states.last().expect("one")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.top.path().join(name)
    }

    fn bytes(&self) -> [Vec<u8>; 2] {
        FILES.map(|name| fs::read(self.path(name)).expect("read"))
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).expect("written");
    }
}

/// What a changed file may read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    /// As damaged.
    Damaged,
    /// As if nothing had happened.
    Same,
    /// As if the last commit had not happened: it was cut off, for all that one can tell.
    Torn,
}

fn reads(files: &Files, what: &str) -> Reads {
    match files.catalogue().load() {
        Err(CatalogueError::Damaged { .. }) => Reads::Damaged,
        Ok(state) if state == *files.last() => Reads::Same,
        Ok(state) if Some(&state) == files.states.iter().rev().nth(1) => Reads::Torn,
        Ok(state) => panic!("{what}: reads as revision {:?}", state.revision),
        Err(error) => panic!("{what}: {error}"),
    }
}

/// Where the checkpoint's database ends: what follows is space.
fn image_end(checkpoint: &[u8]) -> usize {
    let len = checkpoint.get(16..24).and_then(|len| len.try_into().ok()).map(u64::from_be_bytes);
    4096 + usize::try_from(len.expect("a header")).expect("small")
}

/// Where the parts of the log lie: the ends of its two records.
fn record_ends(log: &[u8]) -> [usize; 2] {
    let end = |at: usize| {
        let len =
            log.get(at + 4..at + 8).and_then(|len| len.try_into().ok()).map(u32::from_be_bytes);
        at + 40 + len.expect("a record") as usize
    };
    let first = end(4096);
    let second = end(first.next_multiple_of(512));
    [first, second]
}

/// What a change of the byte at `at` may read as.
fn expected(name: &str, at: usize, [checkpoint, log]: &[Vec<u8>; 2]) -> Reads {
    let [first, second] = record_ends(log);
    match (name, at) {
        ("catalogue.redb", at) if at >= image_end(checkpoint) => Reads::Same,
        ("catalogue.redb", 512..4096) => Reads::Same,
        ("catalogue.redb", _) => Reads::Damaged,
        // The mark, and space.
        (_, 512..4096) => Reads::Same,
        (_, 0..512) => Reads::Damaged,
        (_, at) if at < first => Reads::Damaged,
        (_, at) if at < first.next_multiple_of(512) => Reads::Same,
        (_, at) if at < second => Reads::Torn,
        _ => Reads::Same,
    }
}

#[test]
fn every_byte_that_changes_is_seen() {
    let files = Files::new();
    let whole = files.bytes();
    for (name, bytes) in FILES.iter().zip(&whole) {
        let file = fs::OpenOptions::new().write(true).open(files.path(name)).expect("opened");
        for (at, byte) in bytes.iter().enumerate() {
            // The database is under one checksum: of it every seventh byte.
            if *name == FILES[0] && at > 4096 && !at.is_multiple_of(7) {
                continue;
            }
            let masks: &[u8] = if at < 512 { &[1, 0x80, 0xff] } else { &[1 << (at % 8)] };
            for mask in masks {
                file.write_all_at(&[byte ^ mask], at as u64).expect("written");
                let what = format!("{name}, byte {at} xor {mask:#x}");
                assert_eq!(reads(&files, &what), expected(name, at, &whole), "{what}");
            }
            file.write_all_at(&[*byte], at as u64).expect("written");
        }
        assert_eq!(reads(&files, name), Reads::Same);
    }
}

#[test]
fn every_cut_is_seen() {
    let files = Files::new();
    for (name, bytes) in FILES.iter().zip(files.bytes()) {
        let file = fs::OpenOptions::new().write(true).open(files.path(name)).expect("opened");
        let needed = if *name == FILES[0] { image_end(&bytes) } else { bytes.len() };
        for len in (0..bytes.len()).rev() {
            if len > 5000 && len + 2 < needed && !len.is_multiple_of(97) {
                continue;
            }
            file.set_len(len as u64).expect("cut");
            let expected = if len < needed { Reads::Damaged } else { Reads::Same };
            assert_eq!(reads(&files, name), expected, "{name}, cut to {len} bytes");
        }
        files.put(name, &bytes);
        file.set_len(2 * bytes.len() as u64).expect("made longer");
        assert_eq!(reads(&files, name), Reads::Same, "{name}, with zeros behind it");
        files.put(name, &bytes);
    }
}

/// Sectors that were never written, and sectors that were written elsewhere.
#[test]
fn lost_and_misplaced_sectors_are_seen() {
    let files = Files::new();
    let whole = files.bytes();
    for (name, bytes) in FILES.iter().zip(&whole) {
        let sectors = bytes.len() / 512;
        for sector in 0..sectors {
            let range = sector * 512..(sector + 1) * 512;
            for other in [None, Some(8 % sectors), Some(sector.saturating_sub(1))] {
                let mut changed = bytes.clone();
                let from = other.and_then(|other| bytes.get(other * 512..(other + 1) * 512));
                let from = from.unwrap_or(&[0; 512]).to_vec();
                changed.get_mut(range.clone()).expect("a sector").copy_from_slice(&from);
                if changed == *bytes {
                    continue;
                }
                files.put(name, &changed);
                let what = format!("{name}, sector {sector} is {other:?}");
                let found = reads(&files, &what);
                // A copy of a record behind the last one is no record of this log's.
                assert_eq!(found, expected(name, range.start, &whole), "{what}");
            }
        }
        files.put(name, bytes);
    }
}

/// Files of different times, as a backup that was taken while commits went on, or restored in part. What
/// either holds is never lost in silence.
#[test]
fn files_of_different_times() {
    let mut files = Files::new();
    let first = files.states.len() - 1;
    let mut kept = vec![files.bytes()];
    for _ in 0..20 {
        files.commit(1);
        kept.push(files.bytes());
    }
    let mut read = 0;
    for (checkpoint_at, [checkpoint, _]) in kept.iter().enumerate() {
        for (log_at, [_, log]) in kept.iter().enumerate() {
            files.put("catalogue.redb", checkpoint);
            files.put("catalogue.log", log);
            let what = format!("the checkpoint of {checkpoint_at}, the log of {log_at}");
            match files.catalogue().load() {
                Err(CatalogueError::Damaged { .. }) => {
                    assert_ne!(checkpoint_at, log_at, "{what}");
                }
                Err(error) => panic!("{what}: {error}"),
                Ok(state) => {
                    read += 1;
                    let revision = usize::try_from(state.revision.0).expect("small");
                    assert_eq!(Some(&state), files.states.get(revision), "{what}");
                    // A log that is as old as the checkpoint or later has everything.
                    assert!(log_at < checkpoint_at || revision == first + log_at, "{what}");
                    assert!(revision >= first + log_at, "{what}: {revision}");
                    assert!(revision <= first + checkpoint_at.max(log_at), "{what}: {revision}");
                }
            }
        }
    }
    assert!(read >= kept.len());

    // Of another pool's catalogue.
    let other = Files::new();
    for (name, bytes) in FILES.iter().zip(other.bytes()) {
        let [checkpoint, log] = kept.last().expect("one");
        files.put("catalogue.redb", checkpoint);
        files.put("catalogue.log", log);
        files.put(name, &bytes);
        assert!(matches!(files.catalogue().load(), Err(CatalogueError::Damaged { .. })), "{name}");
    }
}

#[test]
fn what_is_not_there_is_missing() {
    for name in FILES {
        let files = Files::new();
        let known = files.catalogue();
        assert_eq!(known.load().expect("loads"), *files.last());
        let aside = files.path("aside");
        fs::rename(files.path(name), &aside).expect("renamed");
        for catalogue in [&files.catalogue(), &known] {
            let missing = |error: &CatalogueError| matches!(error, CatalogueError::Missing { path } if *path == files.path(name));
            assert!(catalogue.load().is_err_and(|error| missing(&error)), "{name}");
            assert!(catalogue.fence().is_err_and(|error| missing(&error)), "{name}");
            let mut state = files.last().clone();
            let committed = commit(catalogue, &mut state);
            assert!(committed.is_err_and(|error| missing(&error)), "{name}");
        }
        assert!(!files.path(name).exists(), "asking does not make it");
        fs::rename(&aside, files.path(name)).expect("renamed");
        assert_eq!(known.load().expect("loads"), *files.last());
    }
    let nowhere = LogCatalogue::new(Arc::new(RealFs), "/nowhere/at/all");
    assert!(matches!(nowhere.load(), Err(CatalogueError::Missing { .. })));
}

/// A writer has the log open: what it holds may not be what is there any more.
#[test]
fn what_is_taken_away_while_a_writer_is_at_work_is_not_committed_to() {
    for name in FILES {
        let files = Files::new();
        let catalogue = files.catalogue();
        let Begun { fence, state: mut known, mut writer } = catalogue.begin().expect("begins");
        let mut commit = |id| {
            let batch = Batch { fence, ..put(&known, id) };
            let outcome = writer.commit_all(std::slice::from_ref(&batch)).remove(0);
            outcome.map(|_| known.apply(&batch).expect("fits"))
        };
        commit(501).expect("commits");
        let aside = files.path("aside");
        fs::rename(files.path(name), &aside).expect("renamed");
        let outcome = commit(502);
        let is_missing =
            matches!(&outcome, Err(CatalogueError::Missing { path }) if *path == files.path(name));
        assert!(is_missing, "{name}: {outcome:?}");
        // Another file with what it held: that is the catalogue now.
        fs::copy(&aside, files.path(name)).expect("copied");
        commit(503).expect("commits");
        drop(writer);
        assert_eq!(files.catalogue().load().expect("loads"), known, "{name}");
    }
}

#[test]
fn what_is_something_else_is_an_error() {
    for name in FILES {
        let files = Files::new();
        let path = files.path(name);
        let original = files.path("aside");
        fs::rename(&path, &original).expect("renamed");
        let fails = |what: &str| {
            let found = files.catalogue().load();
            assert!(
                matches!(found, Err(CatalogueError::Io { .. } | CatalogueError::Damaged { .. })),
                "{name} is {what}: {found:?}"
            );
        };
        fs::create_dir(&path).expect("made");
        fails("a directory");
        fs::remove_dir(&path).expect("removed");
        std::os::unix::fs::symlink(&original, &path).expect("made");
        fails("a symbolic link");
        fs::remove_file(&path).expect("removed");
        for bytes in [&b""[..], b"not a catalogue", &[0; 9000], &[0xff; 9000]] {
            files.put(name, bytes);
            fails("something else");
        }
        let other = FILES.iter().find(|other| **other != name).expect("two");
        fs::copy(files.path(other), &path).expect("copied");
        fails("the other one");
    }
}

/// The version of a later program, in a header that checks.
#[test]
fn later_versions_are_told_from_damage() {
    for name in FILES {
        let files = Files::new();
        let mut bytes = fs::read(files.path(name)).expect("read");
        seal(&mut bytes, 2);
        files.put(name, &bytes);
        match files.catalogue().load() {
            Err(CatalogueError::Newer { path, found: 2, known: 1 }) => {
                assert_eq!(path, files.path(name));
            }
            other => panic!("{name}: {other:?}"),
        }
        seal(&mut bytes, 0);
        files.put(name, &bytes);
        assert!(matches!(files.catalogue().load(), Err(CatalogueError::Damaged { .. })));
    }
}

fn seal(bytes: &mut [u8], version: u32) {
    bytes.get_mut(8..12).expect("a header").copy_from_slice(&version.to_be_bytes());
    let sum = XxHash3_64::oneshot(bytes.get(..504).expect("a header"));
    bytes.get_mut(504..512).expect("a header").copy_from_slice(&sum.to_be_bytes());
}

/// Lost in part, made again: what is left is kept beside it.
#[test]
fn what_is_left_of_a_damaged_catalogue_is_kept() {
    let files = Files::new();
    let [checkpoint, mut log] = files.bytes();
    log.truncate(100);
    files.put("catalogue.log", &log);
    let handle = files.catalogue();
    assert!(handle.load().is_err());
    let state = State { confirmed: false, lost: vec!["pins".into()], ..State::default() };
    handle.replace(&state).expect("replaced");
    assert_eq!(handle.load().expect("loads"), state);
    assert_eq!(files.catalogue().load().expect("loads"), state);
    let kept = |name| fs::read(files.path(name)).expect("kept");
    assert_eq!(kept("catalogue.redb.damaged"), checkpoint);
    assert_eq!(kept("catalogue.log.damaged"), log);
    let mut next = state.clone();
    commit(&files.catalogue(), &mut next).expect("commits");
    assert_eq!(handle.load().expect("loads"), next);
    assert!(handle.create(&state).is_err(), "what is there is not made");
    assert_eq!(entries(files.top.path()), 5, "nothing else is left");
}

fn entries(dir: &Path) -> usize {
    fs::read_dir(dir).expect("listed").count()
}
