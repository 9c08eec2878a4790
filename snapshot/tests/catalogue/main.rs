//! The catalogue's stores.

mod conformance;
mod cost;
mod crash;
mod damage;
mod example;
mod full;
mod fuzzed;
mod mutant;
mod programs;
mod scenario;
