//! Every qcow2 and raw disk on a host as one graph: who depends on whom.
//!
//! A [`Graph`] holds one node per image file (known by device and inode, with every path that
//! leads to it) and one edge per reference from an overlay to what it needs: its backing file or
//! its external data file. Broken things are nodes too, with their reason: a missing backing file,
//! a file that could not be read, a remote or an opaque reference. Cycles and chains of any depth
//! are data like any other: no query recurses and none has a depth limit.
//!
//! # What the answers mean
//!
//! Relations are three-valued: [`Answer::Yes`], [`Answer::No`] and [`Answer::Unknown`], the last
//! with the [`Doubt`]s that stand in the way. Completeness is per question:
//! [`Graph::depends_on`] rests on the chain of the first image alone, [`Graph::dependents`] on the
//! whole scope. An error is never read as absence.
//!
//! # Two ways to build one
//!
//! * [`scan::Scan`] walks directories and produces the graph of what is there.
//! * [`Graph::apply`] takes [`Change`]s from anybody, without any I/O of ours: an embedder with
//!   records of its own needs nothing else.
//!
//! # Handles
//!
//! A [`Graph`] is `Clone + Send + Sync + 'static`; a clone costs one reference count and keeps
//! seeing the version that it was taken from, whatever is applied to the original afterwards.
//!
//! The index knows no file system: only [`scan`] does.
#![forbid(unsafe_code)]

mod apply;
mod arc;
mod batch;
mod bucket;
mod build;
mod disk;
mod doubt;
mod facts;
mod graph;
mod index;
mod labels;
mod leaf;
mod links;
mod namesakes;
mod pages;
mod parallel;
mod query;
mod records;
pub mod scan;
mod sizes;
mod sorted;
mod structure;
mod sys;
mod usage;

pub use apply::{Applied, ApplyError};
pub use disk::{Disk, Edge, Reference};
pub use doubt::{AsOf, Coverage, Doubt, DoubtKind, ScopeSource, Skipped, Waived};
pub use facts::{
    Certainty, Change, DependencyKnowledge, EdgeFacts, EdgeKind, Facts, Finding, Format, Key,
    KeyRef, State,
};
pub use graph::{DiskId, Graph};
pub use query::{
    Answer, Blocker, BlockerKind, Bytes, Candidate, Chain, Dependent, Dependents, DepthPolicy,
    DepthVerdict, Depths, Doubts, Duplicates, Hindrance, HindranceKind, ImageRemoval, Plan,
    PlanStep, Relocated, Remedy, Removal, Space, Verdict, WhatIf,
};
pub use structure::Structure;
pub use usage::{Access, InUse, ProcessAccess, QemuLocks, Usage, Writable};

pub use diskdag_qcow2::{Foreign, Rule};
