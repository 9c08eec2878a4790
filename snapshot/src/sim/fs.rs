//! The simulated file system as [`Fs`].

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::action::Action;
use super::call::Call;
use super::disk::Node;
use super::fault::{Fault, io_error};
use super::file::File;
use super::handle::{SimFile, SimLock};
use super::simulator::SimFs;
use crate::fs::{Access, Entry, Fs, FsFile, Lock, LockMode, Stat};

impl Fs for SimFs {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn FsFile>> {
        let (mut state, _) = self.enter(Call::Open, path)?;
        let inode = state.disk.find(path, false)?;
        let mode = state.disk.file(inode)?.attributes.mode;
        let needed = if access == Access::Write { 0o600 } else { 0o400 };
        if mode & needed != needed && !state.habits.root {
            return Err(ErrorKind::PermissionDenied.into());
        }
        let handle = state.handle();
        drop(state);
        Ok(Box::new(SimFile::new(self.clone(), handle, inode, path.to_path_buf(), access)))
    }

    fn create(&self, path: &Path, mode: u32) -> io::Result<Box<dyn FsFile>> {
        let (mut state, fault) = self.enter(Call::Create, path)?;
        let inode = state.disk.make(path, Node::File(File::new(mode)))?;
        if fault == Some(Fault::DoneAndIo) {
            return Err(io_error());
        }
        let handle = state.handle();
        drop(state);
        Ok(Box::new(SimFile::new(self.clone(), handle, inode, path.to_path_buf(), Access::Write)))
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let (state, _) = self.enter(Call::Stat, path)?;
        state.disk.stat(state.disk.find(path, false)?)
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let (state, _) = self.enter(Call::Resolve, path)?;
        Ok(state.disk.walk(path, true)?.1)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let (state, _) = self.enter(Call::List, dir)?;
        state.disk.list(dir)
    }

    fn exchange(&self, a: &Path, b: &Path) -> io::Result<()> {
        if !self.lock().habits.exchange {
            drop(self.enter(Call::Exchange, a)?);
            return Err(ErrorKind::Unsupported.into());
        }
        let action = Action::Exchange { a: a.to_path_buf(), b: b.to_path_buf() };
        self.act(Call::Exchange, a, action).map(drop)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if !self.lock().habits.no_replace {
            drop(self.enter(Call::Rename, from)?);
            return Err(ErrorKind::Unsupported.into());
        }
        let action = Action::Rename { from: from.to_path_buf(), to: to.to_path_buf() };
        self.act(Call::Rename, from, action).map(drop)
    }

    fn replace(&self, from: &Path, to: &Path) -> io::Result<()> {
        let action = Action::Replace { from: from.to_path_buf(), to: to.to_path_buf() };
        self.act(Call::Replace, from, action).map(drop)
    }

    fn link(&self, existing: &Path, new: &Path) -> io::Result<()> {
        if !self.lock().habits.link {
            drop(self.enter(Call::Link, existing)?);
            return Err(ErrorKind::Unsupported.into());
        }
        let action = Action::Link { existing: existing.to_path_buf(), new: new.to_path_buf() };
        self.act(Call::Link, existing, action).map(drop)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.act(Call::Remove, path, Action::Remove { path: path.to_path_buf() }).map(drop)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.act(Call::CreateDir, path, Action::CreateDir { path: path.to_path_buf() }).map(drop)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.act(Call::RemoveDir, path, Action::RemoveDir { path: path.to_path_buf() }).map(drop)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.act(Call::SyncDir, dir, Action::SyncDir { dir: dir.to_path_buf() }).map(drop)
    }

    fn try_lock(&self, path: &Path, mode: LockMode) -> io::Result<Option<Box<dyn Lock>>> {
        let (mut state, _) = self.enter(Call::TryLock, path)?;
        let inode = match state.disk.find(path, false) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                state.disk.make(path, Node::File(File::new(0o666)))?
            }
            found => found?,
        };
        state.disk.file(inode)?;
        let handle = state.handle();
        let taken = state.lock(handle, inode, mode);
        drop(state);
        Ok(if taken { Some(Box::new(SimLock::new(self.clone(), handle))) } else { None })
    }
}
