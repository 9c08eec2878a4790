//! The catalogue's stores.

mod conformance;
mod cost;
mod crash;
mod damage;
mod example;
mod full;
mod programs;
mod scenario;
