//! What changes a disk.

use std::io;
use std::path::PathBuf;

use super::directory::Directory;
use super::disk::{Disk, Node};
use crate::fs::Attributes;

/// A step that changes a disk, with all that it needs, so that it can be taken later.
#[derive(Clone, Debug)]
pub(super) enum Action {
    Write { inode: u64, offset: u64, bytes: Vec<u8> },
    SetLen { inode: u64, len: u64 },
    Sync { inode: u64, with_attributes: bool },
    SetAttributes { inode: u64, attributes: Attributes },
    SetMode { inode: u64, mode: u32 },
    Exchange { a: PathBuf, b: PathBuf },
    Rename { from: PathBuf, to: PathBuf },
    Replace { from: PathBuf, to: PathBuf },
    Link { existing: PathBuf, new: PathBuf },
    Remove { path: PathBuf },
    CreateDir { path: PathBuf },
    RemoveDir { path: PathBuf },
    SyncDir { dir: PathBuf },
}

impl Disk {
    /// Does it, and says how many bytes it wrote.
    pub(super) fn perform(&mut self, action: &Action) -> io::Result<usize> {
        match action {
            Action::Write { inode, offset, bytes } => return self.write(*inode, *offset, bytes),
            Action::SetLen { inode, len } => self.file_mut(*inode)?.set_len(*len),
            Action::Sync { inode, with_attributes } => {
                self.file_mut(*inode)?.sync(*with_attributes);
            }
            Action::SetAttributes { inode, attributes } => {
                let file = self.file_mut(*inode)?;
                // What the file has more of it keeps.
                let mut wanted = attributes.clone();
                let more = file.attributes.extended.iter();
                let more = more.filter(|(name, _)| !wanted.extended.iter().any(|(w, _)| w == name));
                let more: Vec<_> = more.cloned().collect();
                wanted.extended.extend(more);
                wanted.extended.sort();
                file.set_attributes(wanted);
            }
            Action::SetMode { inode, mode } => {
                let file = self.file_mut(*inode)?;
                let attributes = Attributes { mode: mode & 0o7777, ..(*file.attributes).clone() };
                file.set_attributes(attributes);
            }
            Action::Exchange { a, b } => self.exchange(a, b)?,
            Action::Rename { from, to } => self.rename(from, to, false)?,
            Action::Replace { from, to } => self.rename(from, to, true)?,
            Action::Link { existing, new } => self.link(existing, new)?,
            Action::Remove { path } => self.remove(path)?,
            Action::CreateDir { path } => {
                self.make(path, Node::Directory(Directory::default()))?;
            }
            Action::RemoveDir { path } => self.remove_dir(path)?,
            Action::SyncDir { dir } => self.sync_dir(dir)?,
        }
        Ok(0)
    }
}
