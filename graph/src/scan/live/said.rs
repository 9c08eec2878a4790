//! What people say of disks, exchanged while the graph is kept current.

use crate::scan::live::current::Live;
use crate::scan::owners::Owners;
use crate::scan::scope::Waiver;
use crate::scan::settings::SettingsError;
use crate::scan::sources::Sources;
use crate::sys::clock;

impl Live {
    /// Other doubts are known from now on: those that were waived before and are none of these any more stand again.
    /// Counts from the next [`Live::refresh`], which looks once at what each covers.
    pub fn set_waivers(&mut self, waivers: Vec<Waiver>) {
        self.scan.waivers = waivers;
        self.are_told();
    }

    /// Owners name other disks from now on, or nobody is asked any more. Who keeps a graph current that owners have a
    /// say in reads them again ([`Live::read_again`]) when their files change: no watch is told of that.
    /// Counts from the next [`Live::refresh`], which looks for the disks that they name.
    pub fn set_owners(&mut self, owners: Option<Owners>) {
        self.scan.owners = owners;
        self.are_told();
    }

    /// Reads again what waivers and owners say, if anything about their files has changed, and exchanges what is said
    /// otherwise. Counts from the next [`Live::refresh`]. Costs the settings read and a `stat` for each file of an owner;
    /// nobody tells of those, so it is to be called as often as a change may stay unseen. It waits for the file systems on
    /// which they lie.
    ///
    /// # Errors
    ///
    /// [`SettingsError`]: as long as the settings cannot be read nothing is waived. A file of an owner that cannot be read
    /// is a doubt ([`crate::scan::Owned::doubts`]).
    pub fn read_again(&mut self, sources: &mut Sources) -> Result<(), SettingsError> {
        if let Some(owners) = sources.owners(clock().saturating_add(self.scan.ahead))
            && self.scan.owners.as_ref() != Some(&owners)
        {
            self.set_owners(Some(owners));
        }
        let (waivers, read) = match sources.waivers() {
            Ok(Some(waivers)) => (waivers, Ok(())),
            Ok(None) => return Ok(()),
            Err(error) => (Vec::new(), Err(error)),
        };
        if waivers != self.scan.waivers {
            self.set_waivers(waivers);
        }
        read
    }

    fn are_told(&mut self) {
        self.now.scan = self.scan.clone();
        self.is_said_anew = true;
    }
}
