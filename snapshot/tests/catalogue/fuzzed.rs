//! What the fuzzer does, without it: its seeds, what once made it fail, and mutants of a fixed seed.

use std::fs;
use std::path::Path;

use crate::mutant;

#[test]
fn seeds_and_crashers() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let mut seeds = 0;
    for folder in ["corpus/catalogue", "crashers/catalogue"] {
        for entry in fs::read_dir(fuzz.join(folder)).expect("kept in the tree") {
            mutant::run(&fs::read(entry.expect("an entry").path()).expect("read"));
            seeds += 1;
        }
    }
    assert!(seeds > 4);
}

#[test]
fn mutants() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..3000 {
        let len = usize::try_from(next() % 48).expect("small");
        let data: Vec<u8> = (0..len).map(|_| next().to_le_bytes()[3]).collect();
        mutant::run(&data);
    }
}
