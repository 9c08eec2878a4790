//! One edge, as questions see it.

use crate::facts::{Certainty, EdgeFacts, EdgeKind};

/// It is a backing reference, else a data file.
pub(crate) const BACKING: u32 = 1 << 31;
/// It surely leads there.
pub(crate) const CERTAIN: u32 = 1 << 30;
/// It says that the chain ends at its target.
pub(crate) const ENDS: u32 = 1 << 29;
/// It is the first backing reference of its origin: the chain goes on there.
pub(crate) const STEP: u32 = 1 << 28;
/// It is in the labelled forest. Always a [`STEP`].
pub(crate) const FOREST: u32 = 1 << 27;
/// The rest is the position of the reference.
pub(crate) const POSITION: u32 = FOREST - 1;

/// What the structure must know of a reference.
pub(crate) fn traits(edge: &EdgeFacts) -> u32 {
    let flag = |wanted: bool, flag: u32| if wanted { flag } else { 0 };
    flag(edge.kind == EdgeKind::Backing, BACKING)
        | flag(edge.certainty == Certainty::Certain, CERTAIN)
        | flag(edge.ends_chain, ENDS)
}

/// The same of each reference of a disk, and which of them its chain goes on over.
pub(crate) fn all_traits(references: &[EdgeFacts]) -> impl Iterator<Item = u32> + '_ {
    let first = references.iter().position(|edge| edge.kind == EdgeKind::Backing);
    let step = move |at| if Some(at) == first { STEP } else { 0 };
    references.iter().enumerate().map(move |(at, edge)| traits(edge) | step(at))
}

/// One edge, by slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arc {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) word: u32,
    /// The chain ends at `to`, which has references of its own.
    pub(crate) ends: bool,
}

impl Arc {
    /// Which of the references of `from` it is.
    pub(crate) fn position(&self) -> u32 {
        self.word & POSITION
    }

    /// [`BACKING`], [`CERTAIN`] and [`ENDS`].
    pub(crate) fn traits(&self) -> u32 {
        self.word & (BACKING | CERTAIN | ENDS)
    }

    /// It leads to a backing file, and not to a data file.
    pub(crate) fn is_backing(&self) -> bool {
        self.word & BACKING != 0
    }

    /// QEMU would open this very disk.
    pub(crate) fn certain(&self) -> bool {
        self.word & CERTAIN != 0
    }

    /// The chain of `from` goes on over it.
    pub(crate) fn is_step(&self) -> bool {
        self.word & STEP != 0
    }

    /// It ends the chain as soon as its target needs anything.
    pub(crate) fn would_end(&self) -> bool {
        self.word & ENDS != 0
    }

    /// Whether the forest may hold it, as far as can be seen from the edge alone.
    pub(crate) fn may_be_in_forest(&self) -> bool {
        self.word & (STEP | CERTAIN) == STEP | CERTAIN && !self.ends && self.from != self.to
    }
}
