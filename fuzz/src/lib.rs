//! What the fuzz targets check. `cargo test` in `qcow2/` includes the same files, replays the corpus and
//! the crashers with them, and mutates headers of its own.

pub mod checks;
pub mod oracle;
