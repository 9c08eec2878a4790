//! Another backing file's name, cut off at every step and failing at every call: the overlay names the one or the
//! other, and reads the same.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has to stop right there")]

use std::path::Path;

use diskdag_snapshot::fs::{Access, Fs, read_all, write_all};
use diskdag_snapshot::repoint;
use diskdag_snapshot::sim::{Fault, Limits, SimFs};

use crate::explore::{left, words};
use crate::images::{Content, Reader, Still};
use crate::world::{CARELESS, OTHERS, fleet, up};

/// The same bytes as the backing file's, under a name that is longer, or one that is shorter.
const NAMES: [&str; 2] = ["a-copy-of-the-snapshot-under-a-longer-name.qcow2", "c.qcow2"];

fn start(name: &str) -> SimFs {
    let fs = up(&fleet(), CARELESS);
    let from = fs.open(Path::new("/p/vm@1-s1.qcow2"), Access::Read).unwrap();
    let bytes = read_all(&*from, 1 << 20).unwrap();
    let to = fs.create(&Path::new("/p").join(name), 0o444).unwrap();
    write_all(&*to, 0, &bytes).unwrap();
    fs
}

fn read(fs: &SimFs, reader: &mut Reader) -> (Content, Vec<std::path::PathBuf>) {
    let still = Still::of(&fs.disk());
    let path = Path::new(OTHERS);
    let chain = reader.chain(&still, path).unwrap();
    assert!(reader.is_sound(&still, path), "the metadata of {chain:?}");
    (reader.read(&still, path).unwrap(), chain)
}

struct Bench {
    name: &'static str,
    reader: Reader,
    content: Content,
    chains: [Vec<std::path::PathBuf>; 2],
}

impl Bench {
    fn new(name: &'static str) -> Self {
        let mut reader = Reader::default();
        let fs = start(name);
        let (content, before) = read(&fs, &mut reader);
        repoint(&fs, Path::new(OTHERS), name.as_bytes()).unwrap();
        let (after_content, after) = read(&fs, &mut reader);
        assert_eq!(after_content, content);
        assert_ne!(before, after);
        Self { name, reader, content, chains: [before, after] }
    }

    /// It is as before or as after, and done again it is as after.
    fn is_one_of_the_two(&mut self, fs: &SimFs, said: &str) -> bool {
        let (content, chain) = read(fs, &mut self.reader);
        assert_eq!(content, self.content, "{said}");
        assert!(self.chains.contains(&chain), "{said}: {chain:?}");
        let done = chain == self.chains[1];
        repoint(fs, Path::new(OTHERS), self.name.as_bytes())
            .unwrap_or_else(|error| panic!("{said}: again: {error:?}"));
        let (content, chain) = read(fs, &mut self.reader);
        assert_eq!((&content, &chain), (&self.content, &self.chains[1]), "{said}: again");
        done
    }
}

#[test]
fn every_crash_leaves_the_old_name_or_the_new_one() {
    for name in NAMES {
        let mut bench = Bench::new(name);
        let fs = up(&start(name).disk().settled(), CARELESS);
        fs.record();
        repoint(&fs, Path::new(OTHERS), name.as_bytes()).unwrap();
        let (mut states, mut done) = (0, 0);
        for moment in fs.recorded() {
            let step = moment.step.as_ref().map_or("nothing".into(), words);
            for remains in left(&moment.disk, Limits { exact: 512, drawn: 64 }) {
                let fs = up(&remains.disk, CARELESS);
                let is_done = bench.is_one_of_the_two(&fs, &format!("cut off before {step}"));
                assert!(is_done || moment.step.is_some(), "it returned Ok and is lost");
                (states, done) = (states + 1, done + usize::from(is_done));
            }
        }
        println!("repoint to {name}: {states} states, {done} of them done");
        assert!(done > 0 && done < states);
    }
}

#[test]
fn every_fault_leaves_the_old_name_or_the_new_one() {
    for name in NAMES {
        let mut bench = Bench::new(name);
        let begin = start(name).disk().settled();
        let fs = up(&begin, CARELESS);
        fs.trace();
        repoint(&fs, Path::new(OTHERS), name.as_bytes()).unwrap();
        let steps = fs.traced();
        for step in &steps {
            for fault in [Fault::Io, Fault::DoneAndIo, Fault::Short] {
                let fs = up(&begin, CARELESS);
                fs.fail_at(step.number, fault);
                let result = repoint(&fs, Path::new(OTHERS), name.as_bytes());
                let said = format!("{fault:?} at {}: {result:?}", words(step));
                let told = result.is_ok();
                let done = bench.is_one_of_the_two(&up(&fs.disk().killed(), CARELESS), &said);
                assert!(done || !told, "{said}: it says that it is done");
            }
        }
        println!("repoint to {name}: {} calls failed", steps.len());
    }
}
