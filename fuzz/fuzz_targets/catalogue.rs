#![no_main]
//! The catalogue's files, changed as the bytes say, load as a state that was committed, or not at all. The
//! changes and the check are those of the snapshot crate's own tests.

#[path = "../../snapshot/tests/catalogue/mutant.rs"]
mod mutant;

libfuzzer_sys::fuzz_target!(|data: &[u8]| mutant::run(data));
