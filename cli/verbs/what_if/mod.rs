//! `what-if`: what a set of changes would do, without making them.

mod json;
mod named;
mod parted;
mod run;
mod text;
mod told;

pub(crate) use run::run;
