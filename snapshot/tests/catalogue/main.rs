//! The catalogue's stores.

mod conformance;
mod crash;
mod scenario;
