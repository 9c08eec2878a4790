//! The index proved: table of contents.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so and stops")]

/// Programs of changes from plain bytes, for the fuzzer.
mod bytes;
/// Every question, asked of the graph and of the oracle.
mod compare;
/// The index said again in the plainest way.
mod oracle;
/// Changes, applied to both.
mod program;
/// Bytes, plans, orphans and what-ifs, asked of both.
mod questions;
/// What is known of each disk, and which look alike, asked of both.
mod views;

/// The examples that a reader copies from.
mod example;
/// Ids, placeholders and versions.
mod lifetime;
/// Files that lie where nobody looked.
mod outside;
/// Relations that are easily got wrong.
mod relations;

/// What usage and catalogues add to the judgement on a removal.
mod removal;
/// Bytes, plans and lookalikes on fleets that can be looked through.
mod space;

/// What others than the headers say about a removal.
mod say;
/// What a scan opens, counts and refuses to be.
mod scans;
/// What they say about the steps of a plan.
mod steps;

/// Thousands of disks re-pointed.
mod moves;
/// Random programs of changes: after every batch the graph answers as the oracle does.
mod random;
/// Readers and a writer at the same time.
mod versions;

/// A hundred thousand disks in every shape that hurts, on a small stack.
mod scale;
