//! What would have to be done first, so that disks can be removed; and what keeps that from being done.
//!
//! `steps` makes one disk after another need nothing of them, `hindrance` says what stands in the way of a step, as
//! `opened` finds it on the way that QEMU would take.

mod hindrance;
mod opened;
mod steps;

pub use hindrance::{Hindrance, HindranceKind};
pub use steps::{Plan, PlanStep, Remedy};
