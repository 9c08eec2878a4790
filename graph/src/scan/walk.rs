//! The walk: every directory in scope once, every file in it once per name, on a few threads.

use std::collections::{HashSet, VecDeque};
use std::ffi::{CStr, OsStr};
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use diskdag_qcow2::open::{FileKind, OpenError, Stat, open_image};

use crate::doubt::{Doubt, DoubtKind, Skipped};
use crate::scan::content::{Content, read};
use crate::scan::control::{Control, Progress};
use crate::scan::names::Names;
use crate::scan::text::{Span, Text};
use crate::sys::{Directory, EntryKind, Measures, Residence, causes, is_symlink_loop, residence};

/// A directory that was listed.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) path: Arc<Path>,
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// One name of one regular file.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Which of [`Found::directories`] it lies in.
    pub(crate) directory: u32,
    /// In [`Found::text`].
    pub(crate) name: Span,
    pub(crate) is_symlink: bool,
    /// Nothing where not even that could be learned.
    pub(crate) stat: Option<Measures>,
    pub(crate) content: Content,
}

/// What a walk brings home.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// By the number that [`Seen::directory`] has.
    pub(crate) directories: Vec<Listed>,
    pub(crate) files: Vec<Seen>,
    /// The names of the files, and the names that they hold.
    pub(crate) text: Text,
    pub(crate) doubts: Vec<Doubt>,
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) opened: u64,
}

enum Work {
    Directory { path: PathBuf, parent_device: Option<u64> },
    Files { directory: Arc<Directory>, number: u32, path: Arc<Path>, names: Names },
}

struct Queue {
    work: VecDeque<Work>,
    /// Workers that may still add to the queue.
    busy: usize,
    visited: HashSet<(u64, u64)>,
    directories: Vec<Listed>,
}

struct Walk<'c> {
    queue: Mutex<Queue>,
    changed: Condvar,
    control: &'c Control,
    counts: [AtomicU64; 3],
}

/// Walks `roots`. A root that is no directory is left to the caller.
pub(crate) fn walk(roots: &[PathBuf], threads: NonZeroUsize, control: &Control) -> Found {
    let work =
        roots.iter().rev().map(|root| Work::Directory { path: root.clone(), parent_device: None });
    let walk = Walk {
        queue: Mutex::new(Queue {
            work: work.collect(),
            busy: 0,
            visited: HashSet::new(),
            directories: Vec::new(),
        }),
        changed: Condvar::new(),
        control,
        counts: Default::default(),
    };
    let mut found = Found::default();
    std::thread::scope(|scope| {
        let others: Vec<_> =
            (1..threads.get()).map(|_| scope.spawn(|| Worker::new(&walk).run())).collect();
        found = Worker::new(&walk).run();
        for other in others {
            match other.join() {
                Ok(more) => found.append(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    found.directories = walk.lock().directories.drain(..).collect();
    found
}

impl Found {
    fn append(&mut self, mut other: Self) {
        let offset = self.text.append(&other.text);
        for seen in &mut other.files {
            seen.name = seen.name.shifted(offset);
            if let Content::Image(image) = &mut seen.content {
                image.shift(offset);
            }
        }
        self.files.append(&mut other.files);
        self.doubts.append(&mut other.doubts);
        self.skipped.append(&mut other.skipped);
        self.opened += other.opened;
    }
}

impl Walk<'_> {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next piece of work, or nothing once all is done.
    fn next(&self, was_busy: bool) -> Option<Work> {
        let mut queue = self.lock();
        if was_busy {
            queue.busy -= 1;
        }
        loop {
            if self.control.should_stop() {
                self.changed.notify_all();
                return None;
            }
            if let Some(work) = queue.work.pop_back() {
                queue.busy += 1;
                return Some(work);
            }
            if queue.busy == 0 {
                self.changed.notify_all();
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn add(&self, work: impl IntoIterator<Item = Work>) {
        self.lock().work.extend(work);
        self.changed.notify_all();
    }

    /// Whether this directory is new, and then its number.
    fn visit(&self, path: &Arc<Path>, directory: &Directory) -> Option<u32> {
        let mut queue = self.lock();
        let Directory { device, inode, .. } = *directory;
        if !queue.visited.insert((device, inode)) {
            return None;
        }
        let number = u32::try_from(queue.directories.len()).ok()?;
        queue.directories.push(Listed { path: Arc::clone(path), device, inode });
        Some(number)
    }

    fn count(&self, directories: u64, files: u64, images: u64) {
        let add = |at: usize, more| self.counts[at].fetch_add(more, Ordering::Relaxed) + more;
        self.control.report(Progress {
            directories: add(0, directories),
            files: add(1, files),
            images: add(2, images),
        });
    }
}

struct Worker<'w, 'c> {
    walk: &'w Walk<'c>,
    found: Found,
    buffer: Vec<u8>,
}

impl<'w, 'c> Worker<'w, 'c> {
    fn new(walk: &'w Walk<'c>) -> Self {
        Self { walk, found: Found::default(), buffer: Vec::new() }
    }

    fn run(mut self) -> Found {
        let mut busy = false;
        while let Some(work) = self.walk.next(busy) {
            busy = true;
            match work {
                Work::Directory { path, parent_device } => self.directory(path, parent_device),
                Work::Files { directory, number, path, names } => {
                    self.files(&directory, number, &path, &names);
                }
            }
        }
        self.found
    }

    fn doubt(&mut self, path: PathBuf, kind: DoubtKind, error: &dyn std::error::Error) {
        self.found.doubts.push(Doubt { path, kind, reason: causes(error) });
    }

    fn directory(&mut self, path: PathBuf, parent_device: Option<u64>) {
        let directory = match Directory::open(&path) {
            Ok(directory) => directory,
            // Gone since its name was read: then it holds nothing.
            Err(error) if error.kind() == io::ErrorKind::NotFound && parent_device.is_some() => {
                return;
            }
            Err(error) => return self.doubt(path, DoubtKind::Directory, &error),
        };
        if parent_device.is_some_and(|device| device != directory.device) {
            match directory.residence() {
                Ok(Residence::Local) => {}
                Ok(Residence::Remote(kind)) => return self.skip(path, kind, true),
                Ok(Residence::Pseudo(kind)) => return self.skip(path, kind, false),
                Err(error) => return self.doubt(path, DoubtKind::Directory, &error),
            }
        }
        let path: Arc<Path> = path.into();
        let Some(number) = self.walk.visit(&path, &directory) else { return };
        let mut names = Names::default();
        let mut deeper = Vec::new();
        let mut untold = Vec::new();
        let listed = directory.list(|name, kind, inode| {
            let kind = match kind {
                EntryKind::Unknown => match directory.kind(name) {
                    Ok(kind) => kind,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return,
                    // It may be a directory, and then what lies in it was not asked.
                    Err(error) => return untold.push((path.join(os_name(name)), error)),
                },
                known => known,
            };
            match kind {
                EntryKind::Directory => deeper.push(path.join(os_name(name))),
                EntryKind::File | EntryKind::Unknown => names.push(name, inode, false),
                EntryKind::Symlink => names.push(name, inode, true),
                EntryKind::Special => {}
            }
        });
        if let Err(error) = listed {
            self.doubt(path.to_path_buf(), DoubtKind::Directory, &error);
        }
        for (path, error) in untold {
            self.doubt(path, DoubtKind::Directory, &error);
        }
        let device = Some(directory.device);
        let deeper = deeper.into_iter().map(|path| Work::Directory { path, parent_device: device });
        self.walk.add(deeper);
        self.walk.count(1, 0, 0);
        names.entries.sort_unstable();
        let directory = Arc::new(directory);
        let mut batches: Vec<Names> = names.split().collect();
        let own = batches.pop();
        self.walk.add(batches.into_iter().map(|names| Work::Files {
            directory: Arc::clone(&directory),
            number,
            path: Arc::clone(&path),
            names,
        }));
        if let Some(names) = own {
            self.files(&directory, number, &path, &names);
        }
    }

    fn skip(&mut self, path: PathBuf, kind: &str, may_hold_images: bool) {
        let sort = if may_hold_images { "network" } else { "pseudo" };
        let reason =
            format!("a {sort} file system ({kind}); name it as a root to have it searched");
        self.found.skipped.push(Skipped { path, reason, may_hold_images });
    }

    fn files(&mut self, directory: &Directory, number: u32, path: &Arc<Path>, names: &Names) {
        let before = self.found.files.len();
        self.found.files.reserve(names.entries.len());
        for &(_, at, is_symlink) in &names.entries {
            if self.walk.control.should_stop() {
                return;
            }
            let Some(name) = names.at(at) else { continue };
            if is_symlink {
                self.symlink(directory, number, path, name);
            } else {
                self.file(directory, number, path, name);
            }
        }
        let new = &self.found.files[before..];
        let images = new.iter().filter(|seen| matches!(seen.content, Content::Image(_))).count();
        self.walk.count(0, new.len() as u64, images as u64);
    }

    fn file(&mut self, directory: &Directory, number: u32, path: &Path, name: &CStr) {
        let file = match directory.open_file(name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            // A file a moment ago, a symbolic link by now.
            Err(error) if is_symlink_loop(&error) => {
                return self.symlink(directory, number, path, name);
            }
            Err(error) => return self.unreadable(number, path, name, false, &error),
        };
        self.found.opened += 1;
        let stat = match Measures::of_regular(&file) {
            Ok(None) => return,
            Ok(Some(stat)) => stat,
            Err(error) => return self.unreadable(number, path, name, false, &error),
        };
        if stat.device != directory.device {
            match residence(&file) {
                Ok(Residence::Local) => {}
                Ok(Residence::Pseudo(kind)) => {
                    return self.skip(path.join(os_name(name)), kind, false);
                }
                Ok(Residence::Remote(kind)) => {
                    return self.skip(path.join(os_name(name)), kind, true);
                }
                Err(error) => return self.unreadable(number, path, name, false, &error),
            }
        }
        let content = read(&file, stat.len, &mut self.buffer, &mut self.found.text);
        self.push(number, name, false, Some(stat), content);
    }

    /// A symbolic link is a further path to what it leads to: a directory is walked (once,
    /// whatever leads to it), a file is an image that may be opened under this name too.
    fn symlink(&mut self, directory: &Directory, number: u32, path: &Path, name: &CStr) {
        let full = path.join(os_name(name));
        let opened = match open_image(&full) {
            Ok(opened) => opened,
            Err(OpenError::NotFound) => return,
            Err(OpenError::NotRegularFile(FileKind::Directory)) => {
                let parent_device = Some(directory.device);
                return self.walk.add([Work::Directory { path: full, parent_device }]);
            }
            Err(OpenError::NotRegularFile(_) | OpenError::RefusedFilesystem { .. }) => return,
            // A link that leads to itself can be opened by nobody.
            Err(OpenError::Io(error)) if is_symlink_loop(&error) => return,
            Err(error) => return self.unreadable(number, path, name, true, &error),
        };
        self.found.opened += 1;
        if opened.stat.device != directory.device
            && let Ok(Residence::Remote(kind)) = residence(&opened.file)
        {
            return self.skip(full, kind, true);
        }
        let content = read(&opened.file, opened.stat.len, &mut self.buffer, &mut self.found.text);
        self.push(number, name, true, Some((&opened.stat).into()), content);
    }

    fn unreadable(
        &mut self,
        number: u32,
        path: &Path,
        name: &CStr,
        is_symlink: bool,
        error: &dyn std::error::Error,
    ) {
        let metadata = std::fs::metadata(path.join(os_name(name))).ok();
        if metadata.as_ref().is_some_and(|metadata| !metadata.is_file()) {
            return;
        }
        let stat = metadata.as_ref().map(|metadata| Measures::from(&Stat::of(metadata)));
        self.push(number, name, is_symlink, stat, Content::Unreadable(causes(error).into()));
    }

    fn push(
        &mut self,
        directory: u32,
        name: &CStr,
        is_symlink: bool,
        stat: Option<Measures>,
        content: Content,
    ) {
        let name = self.found.text.add(name.to_bytes());
        self.found.files.push(Seen { directory, name, is_symlink, stat, content });
    }
}

fn os_name(name: &CStr) -> &OsStr {
    crate::scan::paths::os_str(name.to_bytes())
}
