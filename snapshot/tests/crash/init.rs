//! Making a pool, cut off at every step, in every state that may leave, and failing at every call.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has to stop right there")]

use std::path::Path;

use diskdag_snapshot::fs::Fs;
use diskdag_snapshot::pool::Config;
use diskdag_snapshot::sim::{Call, Fault, Habits, Limits, SimFs};
use diskdag_snapshot::{Create, Error, ErrorKind, Pool};

use crate::explore::{left, words};
use crate::guest;
use crate::images::{Content, Reader, Still};
use crate::world::{BY_LINKS, CARELESS, DISKS, TOP, control, host, name, paths, pattern, up};

const LIMITS: Limits = Limits { exact: 256, drawn: 48 };

/// Two disks, and no pool.
fn disks() -> SimFs {
    let fs = SimFs::default();
    for dir in [TOP, "/p/sub"] {
        fs.create_dir(Path::new(dir)).unwrap();
    }
    for path in DISKS.map(Path::new) {
        guest::make(&fs, path, None).unwrap();
        guest::write(&fs, path, 0, &pattern(0x10)[..512]).unwrap();
    }
    fs
}

fn init(fs: &SimFs, start: u64) -> Result<Pool, Error> {
    let config = Config { roots: vec!["/elsewhere".into()], ..Config::default() };
    Pool::init(&host(fs, start), Path::new(TOP), &config)
}

fn contents(fs: &SimFs, reader: &mut Reader) -> Vec<Content> {
    let still = Still::of(&fs.disk());
    DISKS.iter().map(|path| reader.read(&still, Path::new(path)).unwrap()).collect()
}

/// A pool is there and whole, or it is not there and can be made; the disks are as they were.
fn is_whole_or_not_there(fs: &SimFs, before: &[Content], reader: &mut Reader, said: &str) -> bool {
    assert_eq!(contents(fs, reader), before, "{said}");
    let found = match Pool::find(&host(fs, 2), Path::new(TOP)) {
        Err(Error { kind: ErrorKind::NoPool { .. }, .. }) => None,
        found => Some(found.unwrap_or_else(|error| panic!("{said}: {error:?}"))),
    };
    let there = found.is_some();
    let pool = found.map_or_else(|| init(fs, 2), Ok);
    let pool = pool.unwrap_or_else(|error| panic!("{said}: it cannot be made: {error:?}"));
    let state = pool.state().unwrap_or_else(|error| panic!("{said}: {error:?}"));
    assert!(state.confirmed && state.snapshots.is_empty(), "{said}: {state:?}");
    assert_eq!(pool.roots().unwrap(), [Path::new(TOP), Path::new("/elsewhere")], "{said}");
    let create = Create::new(name("s1"), paths(&DISKS[..1]));
    pool.create(&create, &control()).unwrap_or_else(|error| panic!("{said}: {error:?}"));
    assert_eq!(contents(fs, reader), before, "{said}");
    there
}

fn cut_off(habits: Habits) {
    let start = disks().disk().settled();
    let mut reader = Reader::default();
    let before = contents(&up(&start, habits), &mut reader);
    let fs = up(&start, habits);
    fs.record();
    init(&fs, 1).unwrap();
    let (mut states, mut there) = (0, 0);
    for moment in fs.recorded() {
        let step = moment.step.as_ref().map_or("nothing".into(), words);
        for remains in left(&moment.disk, LIMITS) {
            let fs = up(&remains.disk, habits);
            let said = format!("cut off before {step}");
            let is_there = is_whole_or_not_there(&fs, &before, &mut reader, &said);
            assert!(is_there || moment.step.is_some(), "it returned Ok and is lost");
            (states, there) = (states + 1, there + usize::from(is_there));
        }
    }
    println!("init: {states} states, in {there} of them there was a pool");
    assert!(there > 0 && there < states);
}

#[test]
fn a_pool_that_is_cut_off_is_there_or_not() {
    cut_off(CARELESS);
}

#[test]
fn a_pool_that_is_cut_off_is_there_or_not_where_nothing_but_links_is_safe() {
    cut_off(BY_LINKS);
}

#[test]
fn a_pool_that_cannot_be_made_can_be_made_later() {
    let start = disks().disk().settled();
    let mut reader = Reader::default();
    let before = contents(&up(&start, CARELESS), &mut reader);
    let fs = up(&start, CARELESS);
    fs.trace();
    init(&fs, 1).unwrap();
    let steps = fs.traced();
    for step in &steps {
        for fault in [Fault::Io, Fault::DoneAndIo, Fault::Error(std::io::ErrorKind::StorageFull)] {
            // What was read and what was asked has no other side.
            if fault != Fault::Io && !step.call.changes() || step.call == Call::TryLock {
                continue;
            }
            let fs = up(&start, CARELESS);
            fs.fail_at(step.number, fault);
            let _whatever = init(&fs, 1).is_ok();
            let said = format!("{fault:?} at {}", words(step));
            is_whole_or_not_there(&fs, &before, &mut reader, &said);
        }
    }
    println!("init: {} calls failed", steps.len());
}
