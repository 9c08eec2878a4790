//! The kernel's word on what changes in directories: inotify.
//!
//! Writes through a memory map are not told, and on network file systems not what other hosts do.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::sys::Directory;

/// Something has changed in, or with, a watched directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// What lies under a name of the directory. Somebody has written to it and nothing more, if so
    /// said.
    Entry { watch: i32, name: Vec<u8>, is_write: bool },
    /// Who may do what with the directory itself, or where it lies. It is watched on.
    Itself { watch: i32 },
    /// The directory itself went away, or its file system did; what was known of it by this watch is known no more.
    Gone { watch: i32 },
    /// Something was mounted or unmounted there.
    Mounted { at: PathBuf },
    /// More happened than the kernel could tell.
    Overflow,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch};
    use rustix::fs::inotify::{init, remove_watch};
    use rustix::io::Errno;

    use super::{Directory, Duration, Notice, PathBuf, io};
    use crate::sys::mounts::Mounts;

    /// An inotify descriptor, and the table of mounts.
    #[derive(Debug)]
    pub(crate) struct Notify {
        fd: OwnedFd,
        mounts: Mounts,
    }

    impl Notify {
        pub(crate) fn new() -> io::Result<Self> {
            let fd = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
            Ok(Self { fd, mounts: Mounts::new()? })
        }

        /// Has everything told that happens to the names in a directory from now on.
        pub(crate) fn watch(&self, directory: &Directory) -> io::Result<i32> {
            let what = WatchFlags::CREATE
                | WatchFlags::DELETE
                | WatchFlags::MOVED_FROM
                | WatchFlags::MOVED_TO
                | WatchFlags::MODIFY
                | WatchFlags::ATTRIB
                | WatchFlags::CLOSE_WRITE
                | WatchFlags::DELETE_SELF
                | WatchFlags::MOVE_SELF
                | WatchFlags::ONLYDIR
                | WatchFlags::EXCL_UNLINK;
            Ok(add_watch(&self.fd, directory.magic_path(), what)?)
        }

        /// Where something is mounted, as far as that was told.
        pub(crate) fn mounts(&self) -> Vec<PathBuf> {
            self.mounts.places()
        }

        /// Ends a watch; that it has ended by itself is no error.
        pub(crate) fn forget(&self, watch: i32) {
            remove_watch(&self.fd, watch).ok();
        }

        /// Waits until there is something to be told, but no longer than `patience`.
        pub(crate) fn wait(&self, patience: Duration) -> io::Result<bool> {
            let timeout = Timespec::try_from(patience).map_err(io::Error::other)?;
            match self.poll(&timeout) {
                Ok(ready) => Ok(ready),
                Err(Errno::INTR) => Ok(false),
                Err(error) => Err(error.into()),
            }
        }

        fn poll(&self, timeout: &Timespec) -> Result<bool, Errno> {
            let table = PollFd::new(&self.mounts.file, PollFlags::PRI);
            let mut fds = [PollFd::new(&self.fd, PollFlags::IN), table];
            let ready = poll(&mut fds, Some(timeout))?;
            if !fds[1].revents().is_empty() {
                self.mounts.note();
            }
            Ok(ready > 0)
        }

        /// Everything that has happened until now. A change is told before the call that made it
        /// returns, so nothing that is over is missing.
        pub(crate) fn drain(&self, mut each: impl FnMut(Notice)) -> io::Result<()> {
            match self.poll(&Timespec::default()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for at in self.mounts.changed()? {
                each(Notice::Mounted { at });
            }
            let mut buffer = [MaybeUninit::uninit(); 64 * 1024];
            let mut reader = Reader::new(&self.fd, &mut buffer);
            loop {
                let event = match reader.next() {
                    Ok(event) => event,
                    Err(Errno::WOULDBLOCK) => return Ok(()),
                    Err(Errno::INTR) => continue,
                    Err(error) => return Err(error.into()),
                };
                let (flags, watch) = (event.events(), event.wd());
                let gone = ReadFlags::IGNORED | ReadFlags::UNMOUNT | ReadFlags::DELETE_SELF;
                each(match event.file_name() {
                    _ if flags.contains(ReadFlags::QUEUE_OVERFLOW) => Notice::Overflow,
                    _ if flags.intersects(gone) => Notice::Gone { watch },
                    Some(name) => {
                        let is_write = flags == ReadFlags::MODIFY;
                        Notice::Entry { watch, name: name.to_bytes().to_vec(), is_write }
                    }
                    None => Notice::Itself { watch },
                });
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use super::{Directory, Duration, Notice, PathBuf, io};

    /// There is none on this system.
    #[derive(Debug)]
    pub(crate) enum Notify {}

    impl Notify {
        pub(crate) fn new() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(crate) fn watch(&self, _: &Directory) -> io::Result<i32> {
            match *self {}
        }

        pub(crate) fn mounts(&self) -> Vec<PathBuf> {
            match *self {}
        }

        pub(crate) fn forget(&self, _: i32) {
            match *self {}
        }

        pub(crate) fn wait(&self, _: Duration) -> io::Result<bool> {
            match *self {}
        }

        pub(crate) fn drain(&self, _: impl FnMut(Notice)) -> io::Result<()> {
            match *self {}
        }
    }
}

#[cfg(target_os = "linux")]
pub(crate) use linux::Notify;
#[cfg(not(target_os = "linux"))]
pub(crate) use other::Notify;
