//! What people say of disks, exchanged while the graph is kept current.

use crate::scan::live::current::Live;
use crate::scan::owners::Owners;
use crate::scan::scope::Waiver;

impl Live {
    /// Other doubts are known from now on: those that were waived before and are none of these any more stand again.
    /// Counts from the next [`Live::refresh`], which looks once at what each covers.
    pub fn set_waivers(&mut self, waivers: Vec<Waiver>) {
        self.scan.waivers = waivers;
        self.are_told();
    }

    /// Owners name other disks from now on, or nobody is asked any more. Who keeps a graph current that owners have a
    /// say in reads them again ([`Owners::read`]) when their files change: no watch is told of that.
    /// Counts from the next [`Live::refresh`], which looks for the disks that they name.
    pub fn set_owners(&mut self, owners: Option<Owners>) {
        self.scan.owners = owners;
        self.are_told();
    }

    fn are_told(&mut self) {
        self.now.scan = self.scan.clone();
        self.is_said_anew = true;
    }
}
