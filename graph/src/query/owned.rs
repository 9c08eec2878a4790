//! Owners have a say in a removal.

use std::collections::HashSet;

use crate::doubt::Doubt;
use crate::graph::Graph;
use crate::query::removal::{Blocker, BlockerKind, Removal, Verdict};
use crate::scan::Owned;

impl Removal {
    /// Adds what owners say: an image that one of them names is not free to go, and neither is any
    /// that an owner's file which could not be read may name. `owned` is of the same scan as the
    /// graph.
    pub fn with_owners(mut self, graph: &Graph, owned: &Owned) -> Self {
        if !owned.were_asked() {
            return self;
        }
        let mut blockers: Vec<Blocker> = Vec::new();
        for image in &mut self.images {
            let Some(disk) = graph.disk(image.disk) else { continue };
            for (owner, source) in owned.of(image.disk) {
                let detail = match source.as_os_str().is_empty() {
                    true => format!("a disk of {owner}"),
                    false => format!("a disk of {owner}, as {} says", source.display()),
                };
                blockers.push(Blocker {
                    path: disk.path().to_owned(),
                    disk: image.disk,
                    image: image.disk,
                    kind: BlockerKind::Owner,
                    depth: 0,
                    detail,
                });
            }
            if image.verdict == Verdict::Yes && !owned.doubts().is_empty() {
                image.verdict = Verdict::Unknown;
            }
        }
        let known: HashSet<Doubt> = self.doubts.iter().cloned().collect();
        let new = owned.doubts().iter().filter(|doubt| !known.contains(doubt)).cloned();
        self.doubts.extend(new);
        self.with_blockers(blockers).with_checked("owners")
    }
}
