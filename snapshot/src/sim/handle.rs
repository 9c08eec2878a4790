//! An open file of the simulated file system, and a lock.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use diskdag_qcow2::source::{Source, Span, Stamp};

use super::action::Action;
use super::call::Call;
use super::fault::Fault;
use super::simulator::SimFs;
use crate::fs::{Access, Attributes, Claim, FsFile, Lock, LockMode, Stat};

/// An open file.
#[derive(Debug)]
pub(super) struct SimFile {
    fs: SimFs,
    handle: u64,
    inode: u64,
    path: PathBuf,
    access: Access,
}

impl SimFile {
    pub(super) const fn new(
        fs: SimFs,
        handle: u64,
        inode: u64,
        path: PathBuf,
        access: Access,
    ) -> Self {
        Self { fs, handle, inode, path, access }
    }

    fn writable(&self) -> io::Result<()> {
        match self.access {
            Access::Write => Ok(()),
            Access::Read => Err(ErrorKind::PermissionDenied.into()),
        }
    }

    fn act(&self, call: Call, action: Action) -> io::Result<usize> {
        self.fs.act(call, &self.path, action)
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut state = self.fs.lock();
        state.claims.remove(&self.handle);
        state.locks.remove(&self.handle);
    }
}

impl FsFile for SimFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.writable()?;
        self.act(Call::Write, Action::Write { inode: self.inode, offset, bytes: bytes.to_vec() })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.writable()?;
        self.act(Call::SetLen, Action::SetLen { inode: self.inode, len }).map(drop)
    }

    fn sync(&self) -> io::Result<()> {
        let action = Action::Sync { inode: self.inode, with_attributes: true };
        self.act(Call::Sync, action).map(drop)
    }

    fn sync_data(&self) -> io::Result<()> {
        let action = Action::Sync { inode: self.inode, with_attributes: false };
        self.act(Call::SyncData, action).map(drop)
    }

    fn stat(&self) -> io::Result<Stat> {
        let (state, _) = self.fs.enter(Call::Stat, self.path())?;
        state.disk.stat(self.inode)
    }

    fn attributes(&self) -> io::Result<Attributes> {
        let (state, _) = self.fs.enter(Call::Attributes, self.path())?;
        Ok((*state.disk.file(self.inode)?.attributes).clone())
    }

    fn set_attributes(&self, attributes: &Attributes) -> io::Result<()> {
        let attributes = attributes.clone();
        let action = Action::SetAttributes { inode: self.inode, attributes };
        self.act(Call::SetAttributes, action).map(drop)
    }

    fn set_mode(&self, mode: u32) -> io::Result<()> {
        self.act(Call::SetMode, Action::SetMode { inode: self.inode, mode }).map(drop)
    }

    fn claim(&self) -> io::Result<Claim> {
        let (mut state, _) = self.fs.enter(Call::Claim, self.path())?;
        if !state.habits.claims {
            return Ok(Claim::CannotTell);
        }
        if let Some(by) = state.users.get(&self.inode) {
            return Ok(Claim::InUse { by: by.clone() });
        }
        let mut claims = state.claims.iter();
        if claims.any(|(handle, inode)| *inode == self.inode && *handle != self.handle) {
            return Ok(Claim::InUse { by: "another claim".to_owned() });
        }
        state.claims.insert(self.handle, self.inode);
        Ok(Claim::Ours)
    }

    fn is_free(&self) -> io::Result<bool> {
        let (state, _) = self.fs.enter(Call::Claim, self.path())?;
        let mut claims = state.claims.iter();
        let claimed = claims.any(|(handle, inode)| *inode == self.inode && *handle != self.handle);
        Ok(!state.habits.claims || !(claimed || state.users.contains_key(&self.inode)))
    }

    fn try_lock(&self, mode: LockMode) -> io::Result<bool> {
        let (mut state, _) = self.fs.enter(Call::TryLock, self.path())?;
        Ok(state.lock(self.handle, self.inode, mode))
    }
}

impl Source for SimFile {
    fn len(&self) -> io::Result<u64> {
        let (state, _) = self.fs.enter(Call::Ask, self.path())?;
        Ok(state.disk.file(self.inode)?.live.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let (state, fault) = self.fs.enter(Call::Read, self.path())?;
        let wanted = match fault {
            Some(Fault::Short) => buffer.len().div_ceil(2),
            _ => buffer.len(),
        };
        let file = state.disk.file(self.inode)?;
        Ok(file.live.read(offset, buffer.get_mut(..wanted).unwrap_or_default()))
    }

    fn next_data(&self, offset: u64) -> u64 {
        let state = self.fs.lock();
        let file = state.disk.file(self.inode);
        file.map_or(offset, |file| file.live.next_data(offset).unwrap_or(u64::MAX))
    }

    fn stamp(&self) -> io::Result<Stamp> {
        let (state, _) = self.fs.enter(Call::Ask, self.path())?;
        let file = state.disk.file(self.inode)?;
        let mut stamp = Stamp::default();
        stamp.len = file.live.len();
        stamp.modified = (i64::try_from(file.writes).unwrap_or(i64::MAX), 0);
        Ok(stamp)
    }

    fn span(&self, offset: u64) -> io::Result<Span> {
        let (state, _) = self.fs.enter(Call::Ask, self.path())?;
        let data = &state.disk.file(self.inode)?.live;
        Ok(match data.next_data(offset) {
            Some(start) if start == offset => Span::Data { end: data.end_of_data(offset) },
            Some(start) => Span::Hole { end: start },
            None => Span::Hole { end: u64::MAX },
        })
    }

    fn allocated(&self) -> io::Result<u64> {
        let (state, _) = self.fs.enter(Call::Ask, self.path())?;
        Ok(state.disk.file(self.inode)?.live.allocated() * 512)
    }
}

/// A lock that is held.
#[derive(Debug)]
pub(super) struct SimLock {
    fs: SimFs,
    handle: u64,
}

impl SimLock {
    pub(super) const fn new(fs: SimFs, handle: u64) -> Self {
        Self { fs, handle }
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.fs.lock().locks.remove(&self.handle);
    }
}

impl Lock for SimLock {}
