//! Questions: each states its complexity, none recurses, none has a depth limit.

mod answer;
mod chain;
mod dependents;
mod depths;
mod doubts;
mod owned;
mod relation;
mod removal;
mod shape;

pub use answer::{Answer, Doubts};
pub use chain::Chain;
pub use dependents::{Dependent, Dependents};
pub use depths::Depths;
pub use removal::{Blocker, BlockerKind, ImageRemoval, Removal, Verdict};
