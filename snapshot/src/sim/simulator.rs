//! Who uses a disk: open files, locks, numbered calls, and what is to go wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::action::Action;
use super::call::{Call, Counts, Moment, Step};
use super::data::SECTOR;
use super::disk::{Disk, Room};
use super::fault::{Fault, PowerOff, io_error, power_off};
use super::habits::Habits;
use crate::fs::LockMode;

/// A simulated file system, running. Clones are the same one.
#[derive(Clone)]
pub struct SimFs {
    state: Arc<Mutex<State>>,
    /// Whether what is done through this handle is somebody else's: not numbered, recorded or failed.
    outside: bool,
}

/// Something that somebody else does at a certain call.
type Foreign = Box<dyn FnOnce(&SimFs) + Send>;

pub(super) struct State {
    pub(super) disk: Disk,
    counts: Counts,
    number: u64,
    recorded: Option<Vec<Moment>>,
    traced: Option<Vec<Step>>,
    faults: BTreeMap<u64, Fault>,
    foreign: BTreeMap<u64, Foreign>,
    deferred: Option<Action>,
    off: bool,
    read_only: bool,
    pub(super) habits: Habits,
    /// Numbers that were given to open files and to locks.
    pub(super) handles: u64,
    /// Who claims which inode, by the number of the open file.
    pub(super) claims: BTreeMap<u64, u64>,
    /// Virtual machines that have inodes open.
    pub(super) users: BTreeMap<u64, String>,
    /// By the number of the lock: which inode, and how.
    pub(super) locks: BTreeMap<u64, (u64, LockMode)>,
}

impl fmt::Debug for SimFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimFs").field("outside", &self.outside).finish_non_exhaustive()
    }
}

impl Default for SimFs {
    fn default() -> Self {
        Self::on(Disk::default(), Habits::default())
    }
}

impl SimFs {
    /// A file system on a disk; nobody uses it yet.
    #[must_use]
    pub fn on(disk: Disk, habits: Habits) -> Self {
        let state = State {
            disk,
            counts: Counts::default(),
            number: 0,
            recorded: None,
            traced: None,
            faults: BTreeMap::new(),
            foreign: BTreeMap::new(),
            deferred: None,
            off: false,
            read_only: false,
            habits,
            handles: 0,
            claims: BTreeMap::new(),
            users: BTreeMap::new(),
            locks: BTreeMap::new(),
        };
        Self { state: Arc::new(Mutex::new(state)), outside: false }
    }

    /// The same file system as somebody else uses it: what is done through this handle is not numbered,
    /// not recorded, and meets no fault.
    #[must_use]
    pub fn outside(&self) -> Self {
        Self { state: Arc::clone(&self.state), outside: true }
    }

    /// The disk as it is now.
    #[must_use]
    pub fn disk(&self) -> Disk {
        self.lock().disk.clone()
    }

    /// How often what was called so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    /// How many calls there were so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.lock().number
    }

    /// What is to happen at call `number`, counted from 1.
    pub fn fail_at(&self, number: u64, fault: Fault) {
        self.lock().faults.insert(number, fault);
    }

    /// What somebody else does just before call `number`.
    pub fn interfere_at(&self, number: u64, act: impl FnOnce(&Self) + Send + 'static) {
        self.lock().foreign.insert(number, Box::new(act));
    }

    /// Keeps the disk as it is before each call that may change something, from now on.
    pub fn record(&self) {
        self.lock().recorded = Some(Vec::new());
    }

    /// What was recorded; the last moment is now. Ends the recording.
    #[must_use]
    pub fn recorded(&self) -> Vec<Moment> {
        let mut state = self.lock();
        let mut moments = state.recorded.take().unwrap_or_default();
        moments.push(Moment { step: None, disk: state.disk.clone() });
        moments
    }

    /// Keeps which calls are made from now on, those that change nothing too.
    pub fn trace(&self) {
        self.lock().traced = Some(Vec::new());
    }

    /// The calls that were kept. Ends the keeping.
    #[must_use]
    pub fn traced(&self) -> Vec<Step> {
        self.lock().traced.take().unwrap_or_default()
    }

    /// Leaves room for so many more sectors and inodes, of those that are used now; `None` for as many as
    /// you like.
    pub fn leave_room(&self, sectors: Option<u64>, inodes: Option<u64>) {
        let mut state = self.lock();
        let disk = &mut state.disk;
        disk.room = Room {
            sectors: sectors.map(|more| disk.used_sectors() + more),
            inodes: inodes.map(|more| disk.used_inodes() + more),
        };
    }

    /// A virtual machine opens what is at `path`; `by` is what the system says of it.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    pub fn use_image(&self, path: &Path, by: &str) -> io::Result<()> {
        let mut state = self.lock();
        let inode = state.disk.find(path, true)?;
        state.users.insert(inode, by.to_owned());
        Ok(())
    }

    /// All virtual machines close what they have open.
    pub fn stop_users(&self) {
        self.lock().users.clear();
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`, `NotFound`.
    pub fn symlink(&self, target: &Path, path: &Path) -> io::Result<()> {
        let node = super::disk::Node::Symlink(target.to_path_buf());
        self.lock().disk.make(path, node).map(drop)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call, lets others act, and says what is to go wrong.
    pub(super) fn enter(
        &self,
        call: Call,
        path: &Path,
    ) -> io::Result<(MutexGuard<'_, State>, Option<Fault>)> {
        if self.outside {
            return Ok((self.lock(), None));
        }
        let foreign = {
            let mut state = self.lock();
            let next = state.number + 1;
            state.foreign.remove(&next)
        };
        if let Some(act) = foreign {
            act(&self.outside());
        }
        let mut state = self.lock();
        state.number += 1;
        let number = state.number;
        if state.off {
            return Err(power_off());
        }
        *state.counts.calls.entry(call).or_default() += 1;
        if let Some(traced) = &mut state.traced {
            traced.push(step(number, call, path));
        }
        if call.changes() && state.recorded.is_some() {
            let moment = Moment { step: Some(step(number, call, path)), disk: state.disk.clone() };
            state.recorded.get_or_insert_default().push(moment);
        }
        let fault = state.faults.get(&number).copied();
        match fault {
            Some(Fault::Error(kind)) => return Err(kind.into()),
            Some(Fault::Io) => return Err(io_error()),
            Some(Fault::PowerOff) => {
                state.off = true;
                return Err(power_off());
            }
            Some(Fault::ReadOnly) => state.read_only = true,
            _ => {}
        }
        if state.read_only && call.changes() {
            return Err(ErrorKind::ReadOnlyFilesystem.into());
        }
        Ok((state, fault))
    }

    /// A call that changes the disk.
    pub(super) fn act(&self, call: Call, path: &Path, action: Action) -> io::Result<usize> {
        let (mut state, fault) = self.enter(call, path)?;
        let deferred = state.deferred.take();
        let answer = match (fault, &action) {
            (Some(Fault::Skip), action) => Ok(wanted(action)),
            (Some(Fault::Defer), _) => {
                let answer = Ok(wanted(&action));
                state.deferred = Some(action);
                answer
            }
            (Some(Fault::Lose(keep)), Action::Sync { inode, .. }) => {
                state.disk.lose(*inode, keep)?;
                Err(io_error())
            }
            (Some(Fault::Lose(_)), _) => Err(io_error()),
            (Some(Fault::Short), Action::Write { inode, offset, bytes }) => {
                // Sectors are written whole: one that is written in two parts is one that may be torn.
                let half = bytes.len() / 2 / SECTOR * SECTOR;
                let cut = if half == 0 { bytes.len() } else { half };
                state.disk.write(*inode, *offset, bytes.get(..cut).unwrap_or_default())
            }
            (Some(Fault::DoneAndIo), action) => {
                state.disk.perform(action)?;
                Err(io_error())
            }
            (_, action) => state.disk.perform(action),
        };
        if state.habits.ordered && answer.is_ok() && matches!(call, Call::Sync | Call::SyncData) {
            state.disk.sync_directories();
        }
        if let Ok(written) = answer
            && !self.outside
            && call == Call::Write
        {
            state.counts.written += written as u64;
        }
        if let Some(late) = deferred {
            // Between the two the power may go out.
            let moment =
                Moment { step: Some(step(state.number, call, path)), disk: state.disk.clone() };
            if let Some(recorded) = &mut state.recorded {
                recorded.push(moment);
            }
            // One that cannot be taken any more is one that was forgotten.
            drop(state.disk.perform(&late));
        }
        answer
    }
}

fn step(number: u64, call: Call, path: &Path) -> Step {
    Step { number, call, path: path.to_path_buf() }
}

const fn wanted(action: &Action) -> usize {
    match action {
        Action::Write { bytes, .. } => bytes.len(),
        _ => 0,
    }
}

impl State {
    pub(super) const fn handle(&mut self) -> u64 {
        self.handles += 1;
        self.handles
    }

    /// Locks an inode through an open file, or a lock, of this number; `false` if others have it.
    pub(super) fn lock(&mut self, handle: u64, inode: u64, mode: LockMode) -> bool {
        let excludes = |other: LockMode| [other, mode].contains(&LockMode::Exclusive);
        let mut others = self.locks.iter().filter(|(holder, _)| **holder != handle);
        if others.any(|(_, (held, how))| *held == inode && excludes(*how)) {
            return false;
        }
        self.locks.insert(handle, (inode, mode));
        true
    }
}

/// Whether an error says that the simulated power is off.
#[must_use]
pub fn is_power_off(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<PowerOff>())
}
