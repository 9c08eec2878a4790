//! Many at once, and no room left.
//!
//! How often races are run is bounded in a plain `cargo test`; `DISKDAG_RACES=N` sets it.

// A disk's life on file systems of many kinds.
mod file_systems;
// A file system on which nothing more can be written.
mod full;
// Mounting them, where that is allowed.
mod mounted;
// A removal and a clone of the same snapshot at the same time.
mod races;
// Files that share their blocks.
mod reflinks;
// Many writers and readers on one pool.
mod writers;

/// How often to run a race.
fn rounds(default: usize) -> usize {
    let set = std::env::var("DISKDAG_RACES").ok();
    set.map_or(default, |value| value.parse().expect("DISKDAG_RACES is a number"))
}
