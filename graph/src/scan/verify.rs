//! Is it still so? What an answer rests on, read again.

use std::collections::BTreeSet;

use crate::doubt::Doubt;
use crate::facts::{Certainty, Facts, Key};
use crate::graph::{DiskId, Graph};
use crate::scan::control::Control;
use crate::scan::scanned::{ScanError, Scanned};

/// Whether an answer still holds, and the graph as it is now: the ids in it are its own.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use = "only Unchanged vouches for an earlier answer"]
pub enum Verified {
    /// All that the answer rests on was asked again, and is as it was.
    Unchanged(Scanned),
    /// Something is not: ask the new graph.
    Changed(Scanned),
    /// Not all of it could be asked.
    Unknown(Scanned, Vec<Doubt>),
}

impl Verified {
    /// Whether the answer still holds.
    pub fn is_unchanged(&self) -> bool {
        matches!(self, Self::Unchanged(_))
    }

    /// The graph as it is now.
    pub fn now(&self) -> &Scanned {
        match self {
            Self::Unchanged(now) | Self::Changed(now) | Self::Unknown(now, _) => now,
        }
    }
}

impl Scanned {
    /// Asks again what every answer about the dependents of `images` rests on: one `stat` per file
    /// and per directory in scope, and what has changed is read. Unchanged means: the images and
    /// all that depend on them are the same files under the same paths, need the same, and nothing
    /// in scope is in doubt.
    ///
    /// True of the moment at which this was called and of nothing later; who needs it to stay true
    /// holds a lock that those who make overlays respect, and then asks.
    ///
    /// # Errors
    ///
    /// [`ScanError`], as of a scan.
    pub fn verify_dependents(
        &self,
        images: &[DiskId],
        control: &Control,
    ) -> Result<Verified, ScanError> {
        let now = self.scan.run_after(&self.record, control)?;
        let keys: Option<Vec<Key>> = keys(&self.graph, images);
        let found = keys.as_ref().and_then(|keys| {
            keys.iter().map(|key| now.graph.find_key(key)).collect::<Option<Vec<DiskId>>>()
        });
        let Some(found) = found else { return Ok(Verified::Changed(now)) };
        let doubts = doubts_of(&now.graph, &found);
        if !doubts.is_empty() {
            return Ok(Verified::Unknown(now, doubts));
        }
        let before = doubts_of(&self.graph, images).is_empty();
        let (was, is) = (above(&self.graph, images), above(&now.graph, &found));
        let same = before
            && was.len() == is.len()
            && was.iter().zip(&is).all(|(was, is)| {
                was.key == is.key && was.paths == is.paths && needs(was) == needs(is)
            });
        Ok(if same { Verified::Unchanged(now) } else { Verified::Changed(now) })
    }

    /// Reads again what every answer about the needs of `image` rests on: its own chain, data files
    /// included, by the paths that were known. The new graph holds that alone.
    ///
    /// Where QEMU would look for a name of the chain from its working directory
    /// ([`Certainty::Possible`]), any file in scope may be meant, and where `image` is no file that was
    /// found, there is none to begin with: then the scope is asked, and the new graph is of all of it, as for dependents.
    ///
    /// # Errors
    ///
    /// [`ScanError`], as of a scan.
    pub fn verify_chain(&self, image: DiskId, control: &Control) -> Result<Verified, ScanError> {
        let was = below(&self.graph, image);
        let key = self.graph.disk(image).map(|disk| disk.key().to_key());
        let mut edges = was.iter().flat_map(|facts| &facts.references);
        let is_guessed = edges.any(|edge| edge.certainty == Certainty::Possible);
        let is_file = |facts: &&Facts| matches!(facts.key, Key::File { .. });
        let is_named = matches!(key, Some(Key::Name(_)));
        let now = if is_guessed || is_named {
            self.scan.run_after(&self.record, control)?
        } else {
            // Each under all of its paths: from which one it is opened decides where its names lead.
            let paths = was.iter().filter(is_file).flat_map(|facts| facts.paths.iter());
            self.scan.following(paths.map(|path| path.to_path_buf()).collect()).run(control)?
        };
        let Some(found) = key.and_then(|key| now.graph.find_key(&key)) else {
            return Ok(Verified::Changed(now));
        };
        let is = below(&now.graph, found);
        let mut doubts = now.graph.doubts();
        if is_named && !is_guessed {
            // The scope was searched for one file.
            doubts.retain(|doubt| {
                is.iter().any(|facts| facts.paths.iter().any(|path| **path == doubt.path))
            });
        }
        if !doubts.is_empty() {
            return Ok(Verified::Unknown(now, doubts));
        }
        let same = was.len() == is.len()
            && was.iter().zip(&is).all(|(was, is)| was.key == is.key && needs(was) == needs(is));
        Ok(if same { Verified::Unchanged(now) } else { Verified::Changed(now) })
    }
}

fn keys(graph: &Graph, images: &[DiskId]) -> Option<Vec<Key>> {
    images.iter().map(|image| graph.disk(*image).map(|disk| disk.key().to_key())).collect()
}

/// What may depend on disks, or on what depends on them, and could not be asked.
fn doubts_of(graph: &Graph, images: &[DiskId]) -> Vec<Doubt> {
    let mut doubts = graph.removal(images).doubts;
    let mut above: BTreeSet<DiskId> =
        images.iter().flat_map(|image| graph.dependents(*image)).collect();
    for image in images {
        above.remove(image);
    }
    doubts.extend(above.into_iter().filter_map(|disk| graph.out_of_scope(disk)));
    doubts
}

/// The disks themselves and all that depend on them.
fn above(graph: &Graph, images: &[DiskId]) -> Vec<Facts> {
    let above = images.iter().flat_map(|image| graph.dependents(*image));
    about(graph, images.iter().copied().chain(above))
}

/// The disk itself and all that it depends on.
fn below(graph: &Graph, image: DiskId) -> Vec<Facts> {
    let below = graph.dependencies(image).into_iter().map(|step| step.disk);
    about(graph, std::iter::once(image).chain(below))
}

/// What matters of these disks, in an order of its own: not their sizes and times, which change
/// under every guest.
fn about(graph: &Graph, disks: impl IntoIterator<Item = DiskId>) -> Vec<Facts> {
    let disks = disks.into_iter().filter_map(|id| graph.disk(id));
    let mut facts: Vec<Facts> = disks.map(|disk| disk.facts()).collect();
    facts.sort_by(|one, other| one.key.as_ref().cmp(&other.key.as_ref()));
    facts.dedup_by(|one, other| one.key == other.key);
    facts
}

fn needs(facts: &Facts) -> Vec<&Key> {
    let mut keys: Vec<&Key> = facts.references.iter().map(|edge| &edge.target).collect();
    keys.sort_by_key(|key| key.as_ref());
    keys.dedup();
    keys
}
