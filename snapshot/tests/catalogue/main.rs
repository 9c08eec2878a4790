//! The catalogue's stores.

mod conformance;
