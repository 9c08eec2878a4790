//! What `--help` teaches.

mod graph;
mod image;
mod pool;
mod root;

pub(crate) use graph::{
    CAN_RM, CHAIN, DEPENDENTS, DU, GRAPH, ORPHANS, ROOTS, SCAN, TREE, WAIVE, WATCH, WHAT_IF, WHY,
};
pub(crate) use image::{AUDIT, CHECK, COMPARE, INFO, MAP, MEASURE};
pub(crate) use pool::{
    GC, INIT, PIN, RECOVER, SNAP, SNAP_ADOPT, SNAP_CLONE, SNAP_CREATE, SNAP_LIST, SNAP_RESTORE,
    SNAP_RM, TRASH,
};
pub(crate) use root::{ABOUT, DEMO, SHORT, long};
