//! Who stands on whom in a fleet.

use super::Random;

/// Disks per tree of a forest.
const TREE: usize = 100;

/// A shape of fleet. Disks are numbered from 0; a disk's backing file has a lower number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One golden image, everything else its overlay.
    Star,
    /// Trees of 100 disks, each disk over a random earlier one of its tree.
    Forest,
    /// Chains of so many disks.
    Chains(usize),
    /// One single chain.
    Deep,
}

impl Shape {
    /// The word for this shape in the names of rows and benches.
    pub fn name(self) -> String {
        match self {
            Self::Star => "star".to_owned(),
            Self::Forest => "forest".to_owned(),
            Self::Chains(depth) => format!("depth-{depth}"),
            Self::Deep => "deep".to_owned(),
        }
    }

    /// For each of `disks` disks, the number of its backing file.
    pub fn parents(self, disks: usize) -> Vec<Option<usize>> {
        let mut random = Random(7);
        (0..disks)
            .map(|disk| match self {
                Self::Star => (disk > 0).then_some(0),
                Self::Forest => {
                    let root = disk - disk % TREE;
                    (disk > root).then(|| root + random.below(disk - root))
                }
                Self::Chains(depth) => (disk % depth.max(1) > 0).then(|| disk - 1),
                Self::Deep => disk.checked_sub(1),
            })
            .collect()
    }

    /// `count` questions "does the first depend on the second?": half of them a disk and one of
    /// its own ancestors (two disks at random where it has none), half of them two disks at random.
    pub fn pairs(self, disks: usize, count: usize) -> Vec<(usize, usize)> {
        let parents = self.parents(disks);
        let mut random = Random(11);
        (0..count)
            .map(|question| {
                let disk = random.below(disks);
                let ancestor = (question % 2 == 0)
                    .then(|| self.ancestor(&parents, disk, &mut random))
                    .flatten();
                (disk, ancestor.unwrap_or_else(|| random.below(disks)))
            })
            .collect()
    }

    /// One of the disks that `disk` depends on, each as likely as the other.
    fn ancestor(
        self,
        parents: &[Option<usize>],
        disk: usize,
        random: &mut Random,
    ) -> Option<usize> {
        let chain = match self {
            Self::Star => disk.min(1),
            Self::Chains(depth) => disk % depth.max(1),
            Self::Deep => disk,
            Self::Forest => {
                let up = |disk: &usize| parents.get(*disk).copied().flatten();
                let chain = std::iter::successors(up(&disk), up).collect::<Vec<_>>();
                return chain.get(random.below(chain.len())).copied();
            }
        };
        (chain > 0).then(|| if self == Self::Star { 0 } else { disk - 1 - random.below(chain) })
    }
}
