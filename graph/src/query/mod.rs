//! Questions: each states its complexity, none recurses, none has a depth limit.

mod answer;
mod chain;
mod dependents;
mod depth_policy;
mod depths;
mod dominators;
mod doubts;
mod lookalikes;
mod orphans;
mod owned;
mod plan;
mod relation;
mod removal;
mod shape;
mod space;
mod what_if;

pub use answer::{Answer, Doubts};
pub use chain::Chain;
pub use dependents::{Dependent, Dependents};
pub use depth_policy::{DepthPolicy, DepthVerdict};
pub use depths::Depths;
pub use lookalikes::{Candidate, Duplicates, Relocated};
pub use plan::{Hindrance, HindranceKind, Plan, PlanStep, Remedy};
pub use removal::{Blocker, BlockerKind, ImageRemoval, Removal, Verdict};
pub use space::{Bytes, Space};
pub use what_if::WhatIf;
