//! Pools: disks that QEMU made and writes, snapshots that we take, and QEMU again to say what they read.

pub(crate) mod support;

// The lines by which snapshots were accepted, as they were written.
mod acceptance;
// Taking one: what is kept, what is said, what is refused.
mod attributes;
mod create;
mod in_use;
mod names;
mod refusals;
// Going back, cloning, taking over.
mod adopt;
mod clone;
mod restore;
// Removing: the trash, pins, gc.
mod gc;
mod owners;
mod pins;
mod remove;
mod trash;
// What the other verbs know of a pool, and where pools are.
mod known;
mod places;
// Waiting, and being told to stop.
mod waiting;
// A catalogue that is damaged or lost, by hand.
mod damaged;
