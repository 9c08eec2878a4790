//! May this untrusted image be opened? What does it refer to, and what is odd about it?
//!
//! [`Audit::of_path`] answers for a path, [`Audit::of_source`] for bytes. The verdict is three-valued:
//!
//! * [`Safe`](Verdict::Safe): it names nothing that the policy doesn't allow, all of its structures lie inside
//!   the file and apart from each other, and nothing about it looks different to different readers;
//! * [`Unsafe`](Verdict::Unsafe): something of that doesn't hold, and the findings say what;
//! * [`Undecidable`](Verdict::Undecidable): it could not be read, it uses features that nobody here knows,
//!   or it is no qcow2 image, so that all depends on how it is opened.
//!
//! Safe is not whole: a leaked cluster or a wrong refcount harms nobody who only opens the image.
//!
//! # Costs
//!
//! Work and memory are bounded by the bytes that exist. Every table is read once, however often it is referred
//! to; holes of the file are skipped; what claims which cluster takes a byte a cluster; findings are counted
//! by kind, and the first few kept. Nothing is opened that the [`Policy`] doesn't allow, and a refusal is the
//! same whether or not there is such a file.

mod bytes;
mod claims;
mod finding;
mod layer;
mod mapping;
mod metadata;
mod names;
mod polyglot;
mod references;
mod report;
mod walk;
mod words;

pub use finding::{Finding, Severity};
pub use references::{Named, NamedKind};
pub use report::{Audit, AuditError, Verdict};

#[cfg(doc)]
use crate::chain::Policy;
