//! In what the file systems differ that are simulated.

/// In what file systems differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a habit of its own")]
pub struct Habits {
    /// Whether two names can be exchanged.
    pub exchange: bool,
    /// Whether a name can be given in one step that takes it from nobody.
    pub no_replace: bool,
    /// Whether a file can have more than one name.
    pub link: bool,
    /// Whether it can be told who uses an image.
    pub claims: bool,
    /// Whether a file that its owner may not write to can be opened for writing: root can.
    pub root: bool,
    /// Whether forcing out a file forces out as well what was done to directories before: a journal that is
    /// written in order (ext4, XFS, btrfs).
    pub ordered: bool,
}

impl Habits {
    /// What Linux does, of a user who is not root, and no more than is assumed of the medium.
    pub const PLAIN: Self = Self {
        exchange: true,
        no_replace: true,
        link: true,
        claims: true,
        root: false,
        ordered: false,
    };
}

impl Default for Habits {
    fn default() -> Self {
        Self::PLAIN
    }
}
