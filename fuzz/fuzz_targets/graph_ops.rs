#![no_main]
//! Programs of changes: after every batch the graph answers as a naive oracle does. The oracle and
//! the comparison are those of the graph's own tests.

#[path = "../../graph/tests/it/bytes.rs"]
mod bytes;
#[path = "../../graph/tests/it/compare.rs"]
mod compare;
#[path = "../../graph/tests/it/oracle.rs"]
mod oracle;
#[path = "../../graph/tests/it/program.rs"]
mod program;
#[path = "../../graph/tests/it/questions.rs"]
mod questions;
#[path = "../../graph/tests/it/views.rs"]
mod views;

libfuzzer_sys::fuzz_target!(|data: &[u8]| program::Program::of_bytes(data).run());
