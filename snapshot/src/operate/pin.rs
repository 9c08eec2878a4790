//! Pins: a person says that a snapshot must not be removed, and why.

use std::path::Path;

use crate::catalogue::{Change, Pin};
use crate::error::{Error, ErrorKind};
use crate::host::Control;
use crate::name::SnapshotName;
use crate::operate::select::one;
use crate::pool::Pool;
use crate::report::{DiskDone, Done};

impl Pool {
    /// Pins a snapshot; a pin that is there gets the new reason.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`], by kind.
    pub fn pin(
        &self,
        name: &SnapshotName,
        disk: &Path,
        reason: &str,
        control: &Control,
    ) -> Result<Done, Error> {
        let created = self.host().clock.now();
        let reason = reason.to_owned();
        self.change_pin(name, disk, control, |snapshot| {
            Ok(Change::PutPin(Pin { snapshot, reason, created }))
        })
    }

    /// Takes a pin away.
    ///
    /// # Errors
    ///
    /// [`ErrorKind`], by kind; [`ErrorKind::NotFound`] if it is not pinned.
    pub fn unpin(
        &self,
        name: &SnapshotName,
        disk: &Path,
        control: &Control,
    ) -> Result<Done, Error> {
        let state = self.state()?;
        self.change_pin(name, disk, control, |snapshot| match state.pins.contains_key(&snapshot) {
            true => Ok(Change::DropPin { snapshot }),
            false => {
                let what = format!("its snapshot {name} is not pinned");
                Err(ErrorKind::NotFound { path: disk.to_owned(), what })
            }
        })
    }

    fn change_pin(
        &self,
        name: &SnapshotName,
        disk: &Path,
        control: &Control,
        change: impl FnOnce(crate::name::Id) -> Result<Change, ErrorKind>,
    ) -> Result<Done, Error> {
        let mut session = self.begin(control)?;
        let record = one(&session, name, disk)?;
        let op = self.op(None)?;
        session
            .commit((op, 0), vec![change(record.id)?], None)
            .map_err(|error| Error::of_commit(op, error))?;
        let done = DiskDone {
            disk: self.path(&record.disk),
            snapshot: Some(record.name.clone()),
            id: record.id,
            path: self.path(&record.file),
        };
        Ok(Done { op, disks: vec![done], notices: Vec::new(), freed: 0 })
    }
}
