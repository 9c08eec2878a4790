//! Pools on the real file system, beside qemu-img where it is installed.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has to stop right there")]

mod cost;
mod cycle;
mod example;
mod owners;
mod repoint;
mod retry;
mod salvage;
mod sealing;
mod second_names;
mod simulated;
mod support;
mod unreadable;
mod waiting;
