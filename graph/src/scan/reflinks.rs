//! What the file system shares between files (reflinks, snapshots of the file system): asked only of
//! those whose bytes matter to somebody.

use std::collections::BTreeMap;

use crate::facts::{Change, Facts, Key, KeyRef};
use crate::graph::DiskId;
use crate::scan::ScanError;
use crate::scan::control::Control;
use crate::scan::crew::Crew;
use crate::scan::question::{About, Answer, Identified, Question};
use crate::scan::scanned::Scanned;
use crate::sys::Sharing;

/// Files that are asked about at once.
const BATCH: usize = 256;

impl Scanned {
    /// Asks the file system how many bytes of each of these disks it shares with other files, and has the graph
    /// take them into account ([`Facts::reflinked`]): they stay when the disk goes. A disk of which it
    /// does not say so, or that is another file by now, keeps what was known.
    ///
    /// Costs five system calls per disk, and one per eight extents; on a file system that shares nothing one
    /// disk is asked. Ids stay good.
    ///
    /// # Errors
    ///
    /// [`ScanError`], as of a scan. The graph stays as it is then.
    pub fn ask_reflinks(
        &mut self,
        disks: impl IntoIterator<Item = DiskId>,
        control: &Control,
    ) -> Result<(), ScanError> {
        let mut by_device: BTreeMap<u64, Vec<Identified>> = BTreeMap::new();
        for disk in disks.into_iter().filter_map(|id| self.graph.disk(id)) {
            if let KeyRef::File { device, inode } = disk.key()
                && disk.actual_size().is_some_and(|bytes| bytes > 0)
            {
                let file = (disk.path().to_owned(), (device, inode));
                by_device.entry(device).or_default().push(file);
            }
        }
        let crew = Crew::begin(self.scan.orders(&self.record, None, control), Some(Vec::new()))?;
        let mut changes = Vec::new();
        for files in by_device.into_values() {
            // One alone shows whether it is worth asking about the others.
            let (first, rest) = files.split_at(1);
            for batch in std::iter::once(first).chain(rest.chunks(BATCH)) {
                let about = About::Shared(batch.to_vec());
                let answer = crew.ask(|number| Question { number, about })?;
                let Some(Answer::Shared(shared)) = answer else { break };
                let known = batch.iter().zip(&shared);
                changes
                    .extend(known.filter_map(|(file, sharing)| self.reflinked(file.1, *sharing)));
                if shared.contains(&Sharing::Never) {
                    break;
                }
            }
        }
        self.graph.apply(changes)?;
        Ok(())
    }

    fn reflinked(&self, (device, inode): (u64, u64), sharing: Sharing) -> Option<Change> {
        let Sharing::Bytes(bytes) = sharing else { return None };
        let disk = self.graph.find_key(&Key::File { device, inode })?;
        let disk = self.graph.disk(disk)?;
        // In compressed files an extent is longer than what it occupies.
        let reflinked = bytes.min(disk.actual_size()?);
        let is_known = disk.reflinked() == reflinked;
        (!is_known).then(|| Change::Insert(Facts { reflinked, ..disk.facts() }))
    }
}
