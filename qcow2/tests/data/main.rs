//! Guest data, tables and extents: against QEMU, against hostile images, against chance.
//!
//! * [`audit`]: may an image be opened: what is sound is safe, and nothing is followed unless it is allowed
//! * [`campaign`]: thousands of images, most of them broken, shown to qemu-img and to us
//! * [`control`]: long calls that are stopped
//! * [`differential`]: images that qemu-img and qemu-io made, of all features in all combinations: the bytes
//!   that the guest reads, the map, the internal snapshots, the bitmaps, as QEMU tells them
//! * [`examples`]: the examples run
//! * [`fuzzed`]: the checks of the fuzz targets, over their corpus and 100,000 mutants of whole images
//! * [`hostile`]: tables that lie: each named case is bounded in reads and in memory
//! * [`mutations`]: valid images with bytes changed at random: nothing panics, everything ends
//! * [`walk`]: extents and measures of tables that are chance ([`tables`]), beside an oracle that goes sector by sector
//! * [`changing`]: files that change while they are read
//! * [`policy`]: what a chain may open
//! * [`chains`]: layers from memory, many threads, deep chains, other cluster sizes
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "helpers of tests may panic like tests, and count in what is at hand"
)]

mod audit;
mod campaign;
mod chains;
mod changing;
mod control;
mod differential;
mod examples;
mod forge;
mod fuzzed;
mod hostile;
mod mutations;
mod policy;
mod support;
mod tables;
mod walk;

// A check beside qemu-img's, shared with the tests of checks; damage of tables, shared with the fuzz targets.
#[path = "../check/beside.rs"]
mod check_beside;
#[path = "../../../fuzz/src/damage.rs"]
mod table_damage;
