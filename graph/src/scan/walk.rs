//! The walk: every directory in scope once, every file in it once per name.
//!
//! What is here runs on a worker, one piece of [`Work`] at a time.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::doubt::{Doubt, DoubtKind, Skipped};
use crate::scan::crew::Shared;
use crate::scan::names::{Listing, Names};
use crate::scan::part::Part;
use crate::scan::paths::os_str;
use crate::scan::record::Folder;
use crate::scan::work::{Batch, Done, Parent, Place, Work};
use crate::sys::{Directory, EntryKind, Residence, causes, voluntary_waits};

/// Entries after which a worker looks whether it is waiting for the disk.
const STRIDE: usize = 32;

/// One worker.
pub(super) struct Worker<'s> {
    pub(super) shared: &'s Arc<Shared>,
    position: &'s AtomicU64,
    pub(super) buffer: Vec<u8>,
    /// Where the system puts the names of a directory.
    listing: Vec<u8>,
    /// How often it had waited for the disk when that was asked last.
    pub(super) waits: u64,
    pub(super) done: Done,
}

impl<'s> Worker<'s> {
    pub(super) fn new(shared: &'s Arc<Shared>, position: &'s AtomicU64) -> Self {
        let (buffer, listing) = (Vec::new(), Vec::new());
        Self { shared, position, buffer, listing, waits: u64::MAX, done: Done::default() }
    }

    pub(super) fn run(&mut self, work: &Work) -> Done {
        match work {
            Work::Directory { path, parent } => self.directory(path, *parent),
            Work::Names(batch) => self.names(batch),
            Work::Known(batch) => self.known(batch),
            Work::Revisit(revisit) => self.revisit(revisit),
            Work::Question(question) => {
                self.pass(question.path(), None);
                let answer = question.answer(&self.shared.orders, &mut self.buffer);
                self.done.answer = Some((question.number, answer));
            }
        }
        self.shared.report(self.done.found.counts);
        std::mem::take(&mut self.done)
    }

    /// Tests wait here.
    pub(super) fn pass(&self, directory: &Path, name: Option<&CStr>) {
        if let Some(gate) = &self.shared.orders.gate {
            gate.pass(directory, name);
        }
    }

    pub(super) fn doubt(&mut self, path: PathBuf, kind: DoubtKind, error: &dyn std::error::Error) {
        self.done.found.doubts.push(Doubt { path, kind, reason: causes(error) });
    }

    pub(super) fn skip(&mut self, path: PathBuf, kind: &str, may_hold_images: bool) {
        let sort = if may_hold_images { "network" } else { "pseudo" };
        let reason =
            format!("a {sort} file system ({kind}); name it as a root to have it searched");
        self.done.found.skipped.push(Skipped { path, reason, may_hold_images });
    }

    fn directory(&mut self, path: &Path, parent: Parent) {
        self.pass(path, None);
        let mut directory = match Directory::open(path) {
            Ok(directory) => directory,
            // Gone since its name was read: then it holds nothing. Not so where it was one above it that was gone, and is
            // back by now: whoever keeps a graph current has to look once more.
            Err(error) if error.kind() == io::ErrorKind::NotFound && parent.device.is_some() => {
                return self.done.found.absent.push(path.to_owned());
            }
            Err(error) => return self.doubt(path.to_owned(), DoubtKind::Directory, &error),
        };
        let mut is_remote = parent.is_remote;
        if parent.device != Some(directory.measures.device) {
            match (directory.residence(), parent.device) {
                (Ok(Residence::Local), _) => is_remote = false,
                // A root that was named is searched whatever it is.
                (Ok(residence), None) => is_remote = matches!(residence, Residence::Remote(_)),
                (Ok(Residence::Remote(kind)), _) => return self.skip(path.to_owned(), kind, true),
                (Ok(Residence::Pseudo(kind)), _) => return self.skip(path.to_owned(), kind, false),
                (Err(_), None) => {}
                (Err(error), _) => {
                    return self.doubt(path.to_owned(), DoubtKind::Directory, &error);
                }
            }
        }
        is_remote |= self.shared.orders.gate.as_ref().is_some_and(|gate| gate.is_remote(path));
        let identity = directory.measures.identity();
        if parent.is_link {
            self.done.found.led.push((path.to_owned(), identity));
        }
        if !self.shared.visit(identity) {
            // Through a symbolic link `..` leads where it does from the directory itself; from where it is
            // mounted once more it does not.
            if !parent.is_link {
                self.done.found.elsewhere.push((identity, path.to_owned()));
            }
            return;
        }
        self.done.found.counts.directories += 1;
        if let Some(gate) = &self.shared.orders.gate {
            gate.opened(path);
        }
        let mut is_trusted = false;
        if let Some(trust) = &self.shared.orders.trust {
            // Before anything in it is looked at.
            is_trusted = trust.watches.meet(&directory);
            // What has changed since it was opened nobody has told of.
            if !is_trusted && let Err(error) = directory.ask_again() {
                return self.doubt(path.to_owned(), DoubtKind::Directory, &error);
            }
            // One that was removed and made again often gets the same number, and may have been met already.
            is_trusted &= !is_remote && !trust.dirty.all && !trust.dirty.lost.contains(&identity);
        }
        let unknown = match is_trusted {
            true => self.as_told(directory, path),
            false => self.as_before(directory, path, is_remote),
        };
        if let Some(changed) = unknown {
            self.list(changed, path, is_remote);
        }
    }

    /// Reads a directory's names, and hands out what is to be asked about them.
    fn list(&mut self, directory: Directory, path: &Path, is_remote: bool) {
        let path: Arc<Path> = path.into();
        let began = self.shared.orders.now();
        let device = Some(directory.measures.device);
        let parent = Parent { device, is_remote, is_link: false };
        let mut names = Listing::default();
        let mut folders = Vec::new();
        let mut untold = BTreeMap::new();
        let listed = directory.list(&mut self.listing, |name, kind, inode| {
            let kind = match kind {
                EntryKind::Unknown => match directory.ask(name, false) {
                    Ok(asked) => asked.kind,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return,
                    // It may be a directory, and then what lies in it was not asked.
                    Err(error) => {
                        untold.insert(path.join(os_name(name)), error);
                        return;
                    }
                },
                known => known,
            };
            match kind {
                EntryKind::Directory => {
                    self.done.work.push(Work::Directory { path: path.join(os_name(name)), parent });
                    folders.extend_from_slice(name.to_bytes_with_nul());
                }
                EntryKind::File | EntryKind::Unknown => names.push(name, inode, false),
                EntryKind::Symlink => names.push(name, inode, true),
                EntryKind::Special => {}
            }
        });
        self.done.found.counts.listed += 1;
        let is_settled =
            listed.is_ok() && untold.is_empty() && directory.measures.is_settled_at(began);
        match listed {
            // Removed, and mounted elsewhere: it holds nothing, and never will.
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && directory.measures.links == 0 => {}
            Err(error) => self.doubt(path.to_path_buf(), DoubtKind::Directory, &error),
            Ok(()) => {}
        }
        for (path, error) in untold {
            self.doubt(path, DoubtKind::Directory, &error);
        }
        let measures = directory.measures;
        self.done.found.folders.push(Folder {
            path: Arc::clone(&path),
            measures,
            is_settled,
            is_told: !is_remote,
            folders: folders.into(),
        });
        self.done.found.names += names.len();
        let known = self.known_names(measures.identity());
        let at = Arc::new(Place { is_trusted: false, directory, path, is_remote, known });
        // The last piece of work is the first to be done.
        self.done.work.extend(
            names.into_batches().rev().map(|(entries, number)| {
                Work::Names(Batch { at: Arc::clone(&at), number, entries })
            }),
        );
    }

    /// Opens every file of a batch.
    fn names(&mut self, batch: &Batch<Names>) {
        let Batch { at, number, entries } = batch;
        self.waits = voluntary_waits();
        let waited = self.waits;
        let began = self.shared.orders.now();
        let mut part = Part::default();
        part.entries.reserve(entries.len());
        for position in 0..entries.len() {
            if self.is_stopped_at(position) {
                return;
            }
            let Some((name, is_symlink)) = entries.get(position) else { continue };
            self.pass(&at.path, Some(name));
            self.entry(at, name, is_symlink, began, &mut part);
        }
        self.hand_in(at, *number, Arc::new(part));
        let more = voluntary_waits().saturating_sub(waited);
        self.done.has_waited = more > entries.len() as u64 / 8;
    }

    /// One more entry is begun; the caller watches that there is always one more.
    pub(super) fn is_stopped_at(&mut self, position: usize) -> bool {
        self.position.store(position as u64, Ordering::Relaxed);
        if position % STRIDE == STRIDE - 1 {
            let before = std::mem::replace(&mut self.waits, voluntary_waits());
            // A cold disk is to be kept busy before the first batch has been read from it.
            if self.waits.saturating_sub(before) > STRIDE as u64 / 8 {
                self.shared.call_for_help();
            }
        }
        self.done.was_stopped |= self.shared.orders.control.should_stop();
        self.done.was_stopped
    }

    pub(super) fn hand_in(&mut self, at: &Place, number: u32, part: Arc<Part>) {
        let tally = part.tally();
        self.done.found.counts.files += tally.files;
        self.done.found.counts.images += tally.images;
        self.done.found.parts.push((at.directory.measures.identity(), number, part));
    }
}

pub(super) fn os_name(name: &CStr) -> &std::ffi::OsStr {
    os_str(name.to_bytes())
}
