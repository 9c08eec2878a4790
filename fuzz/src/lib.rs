//! What the fuzz targets check. `cargo test` in `qcow2/` includes the same files, replays the corpus and
//! the crashers with them, and mutates headers of its own.

pub mod build;
pub mod checks;
pub mod image;
pub mod oracle;
