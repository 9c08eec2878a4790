//! What a caller may say to a scan while it runs.

/// How far a scan has come. Counts only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Directories listed.
    pub directories: u64,
    /// Files looked into.
    pub files: u64,
    /// Images found among them.
    pub images: u64,
}

/// What has been done so far, by one worker or by all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) directories: u64,
    pub(crate) files: u64,
    pub(crate) images: u64,
    pub(crate) listed: u64,
    pub(crate) asked: u64,
    pub(crate) opened: u64,
    pub(crate) resolved: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.directories += more.directories;
        self.files += more.files;
        self.images += more.images;
        self.listed += more.listed;
        self.asked += more.asked;
        self.opened += more.opened;
        self.resolved += more.resolved;
    }
}

/// Cancel, deadline and progress of a scan.
pub type Control = diskdag_qcow2::Control<Progress>;
