//! Scans of directories whose files count as old, or do not answer: what needs a seam to be tried.

/// Directories of images that can be changed.
mod fleet;

/// What is away for a moment when it is looked for, and what does not answer for a while.
mod absent;
/// What a second scan costs, and that it finds what a first one finds.
mod again;
/// A graph that is kept current.
mod live;
/// File systems that are mounted below what is watched.
mod mounts;
/// Directories that are moved, removed and come.
mod moved;
/// Those who use disks, and say so in files of their own.
mod owners;
/// Names that QEMU resolves from its working directory.
mod possible;
/// Programs of random changes, a rescan after each.
mod programs;
/// The index in a file: saved, loaded, damaged.
mod saved;
/// File systems that never answer.
mod silent;
/// What would be found, beside what is.
mod strayed;
mod suppose;
/// What nobody tells of, what is waived, what owners name.
mod untold;
/// Whether an earlier answer still holds.
mod verify;
/// Paths that lead elsewhere, files known by several.
mod ways;
