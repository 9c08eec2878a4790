//! How large the pieces are into which structures are cut.
//!
//! Tests and fuzzing cut them small: a program of changes to a hundred disks then meets every border that a
//! host of a hundred thousand has.

/// The usual size, or the one that it has in this crate's own tests and where it is fuzzed.
pub(crate) const fn cut(usual: usize, small: usize) -> usize {
    if cfg!(any(test, fuzzing)) { small } else { usual }
}
