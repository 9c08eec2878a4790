//! What every [`Catalogue`] has to do, as a suite that runs against any.
//!
//! ```
//! use diskdag_snapshot::catalogue::{MemoryCatalogue, conformance};
//!
//! conformance::run(|| {
//!     let store = MemoryCatalogue::new();
//!     conformance::Handles { one: Box::new(store.clone()), other: Box::new(store) }
//! });
//! ```
//!
//! Each law is a function of its own, and panics like a test with a message that says what was broken. What
//! cannot be seen through the trait is not tested: that a commit survives the power going out is the
//! store's own to prove.

mod law;
mod sample;

pub use law::{
    batches_are_all_or_nothing, commits_count_revisions, fences_grow,
    groups_are_committed_in_order, handles_see_each_other, ids_only_grow, old_fences_are_refused,
    one_of_two_committers_wins, other_revisions_are_refused, readers_see_committed_states_only,
    repeated_batches_do_nothing, rows_come_back_as_they_were, tags_change_nothing,
    undone_operations_can_be_done_again, writers_commit_what_others_then_see,
};
pub use sample::{batch, intent, op, pin, snapshot, trash};

use super::Catalogue;

/// Two handles on one store, as two processes would have them.
#[derive(Debug)]
pub struct Handles {
    /// One.
    pub one: Box<dyn Catalogue>,
    /// And the other.
    pub other: Box<dyn Catalogue>,
}

/// A law, by its name.
pub type Law = (&'static str, fn(&Handles));

/// All laws. Each wants a store of its own that nothing was committed to.
pub const LAWS: &[Law] = &[
    ("commits count revisions", commits_count_revisions),
    ("rows come back as they were", rows_come_back_as_they_were),
    ("batches are all or nothing", batches_are_all_or_nothing),
    ("repeated batches do nothing", repeated_batches_do_nothing),
    ("undone operations can be done again", undone_operations_can_be_done_again),
    ("other revisions are refused", other_revisions_are_refused),
    ("fences grow", fences_grow),
    ("old fences are refused", old_fences_are_refused),
    ("ids only grow", ids_only_grow),
    ("tags change nothing", tags_change_nothing),
    ("writers commit what others then see", writers_commit_what_others_then_see),
    ("groups are committed in order", groups_are_committed_in_order),
    ("handles see each other", handles_see_each_other),
    ("one of two committers wins", one_of_two_committers_wins),
    ("readers see committed states only", readers_see_committed_states_only),
];

/// Tests all [`LAWS`], each on a store that `make` has just made, empty.
///
/// # Panics
///
/// If the store breaks one.
pub fn run(make: impl Fn() -> Handles) {
    for (_, law) in LAWS {
        law(&make());
    }
}
