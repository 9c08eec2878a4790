//! The command, unmodified, killed from outside before every system call that changes something: on the real
//! file system, on disks that QEMU made, and with QEMU to say what they read.
//!
//! For each such call a fresh copy of a pool; the command is killed on the way into it; then the disks are
//! looked at as they lie there, `diskdag recover` is called, twice, everything is looked at again, and the
//! operation once more has to succeed. A plain `cargo test` takes every second call of the longer
//! operations; with `DISKDAG_KILL=calls`, all of them; with `DISKDAG_KILL=every`, and recovery at each of its calls, too. With
//! `TMPDIR` on XFS, btrfs or another file system, it runs there; with `DISKDAG_BINARY`, that command is killed, such
//! as the one of a release.

mod cases;
// Between the kill and recovery others have been at work.
mod meanwhile;
mod seen;
mod trace;
