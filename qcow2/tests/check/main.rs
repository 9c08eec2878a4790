//! Checking images, as a table of contents.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]
#![allow(unreachable_pub, dead_code, reason = "modules of one binary, shared with another")]

// How the tests make images, and break them.
#[path = "../image.rs"]
mod image;
// Damage that knows where the tables are, shared with the fuzz targets.
#[path = "../../../fuzz/src/damage.rs"]
mod table_damage;
// Images with data, snapshots and bitmaps in them, entry by entry.
mod picture;

// What a sound image is: every feature, every refcount width.
mod sound;
// Each kind of damage: what is found, how often, where.
mod damage;
// Hostile images: bounded work, no reading beyond the file.
mod hostile;
// How many bytes are read, and how much memory it takes.
mod counted;
// A check of ours beside one of qemu-img's, shared with the campaign over whole images.
mod beside;
// The same images, beside qemu-img: features by damages.
mod differential;
