//! The floors: the least that has to be done at all, written for speed and for nothing else.

pub(crate) mod by_hand;
pub(crate) mod cast;
pub(crate) mod durable;
pub(crate) mod interval;
pub(crate) mod l2_tables;
pub(crate) mod read_loop;
pub(crate) mod with_nom;
