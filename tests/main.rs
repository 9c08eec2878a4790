//! What the `diskdag` command promises, tried from outside.
//!
//! One binary, so that it links once. Every test runs the built command on files that it made
//! itself and looks only at what a user sees: standard output, standard error, the exit code.
//! Nothing here calls our own crates: images come from `qemu-img` or from a header writer of the
//! tests' own, so a mistake in the product's reading of the format cannot hide in both.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up has to stop right there")]

// What the tests stand on: the command in a clean environment, images, QEMU as the oracle.
mod support;

// The lines by which the work was accepted, as they were written.
mod acceptance;
// Mistakes that programs of this kind are known for; one named test each.
mod wrong;

// Images that qemu-img made: our chains are its chains.
mod real;
// `check` beside `qemu-img check`.
mod check;
// `info` beside `qemu-img info`, key by key.
mod info;
// Formats that are not read here.
mod foreign;
// `map`, `compare` and `measure` beside qemu-img's, over images of every kind.
mod compare;
mod map;
mod measure;
// All of these verbs over images as QEMU's own tests make them.
mod odd;
// The same, from files that are checked in, so it holds on machines without QEMU.
mod fixtures;

// What qemu-img cannot make: cycles, missing links, special files, hostile names.
mod broken;
// Every class of hostile input, each under limits of time, memory and output.
mod hostile;
// Chains of a thousand and of a hundred thousand; stars.
mod deep;
// Files and directories that may not be read.
mod unreadable;
// A file system whose daemon takes questions and never answers.
mod silent;
// Images that somebody holds open.
mod locks;
// Fleets made by chance, with an oracle that knows them from how they were made.
mod fleets;

// Snapshots, as a user meets them: taking, going back, removing; refusals, damage, waiting.
mod pool;
// The same, killed from outside before every system call that changes something.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod killed;
// Many processes on one pool, races, and a file system without room.
mod crowd;

// Where an answer looks: --root, the environment, the settings, and none of them.
mod scope;
// Doubts that a person has accepted.
mod waive;
// Who uses a disk, by the files that say so.
mod owners;
// Bytes and plans: du, and what tree, can-rm and scan say of sizes and depths.
mod space;
// What can-rm says is to be done first, done.
mod plans;
// `orphans` and `what-if`.
mod planning;
// `what-if`, where directories move.
mod moves;
// What was supposed, beside what qemu-img makes of it.
mod supposed;
// The index that a scan starts from.
mod index;
// The graph kept current.
mod watch;
// `dependents`, `chain` and `why`.
mod relations;
// Verbs, options and formats that the other files do not need.
mod verbs;
// Exit codes, and which of several wins.
mod exits;
// What reaches the terminal: escapes, colour, streams.
mod output;
// How much reaches it: findings are counted, a few shown.
mod bounded;

// What must not be there: the house's rules, read from the sources.
mod tidy;
