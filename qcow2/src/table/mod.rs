//! The tables of an image: bytes in, decoded entries out. No file system, no allocation.
//!
//! A packed word is decoded once, to an enum, and everything after matches on that: [`L1Entry`],
//! [`Mapping`], [`RefcountTableEntry`], [`BitmapTableEntry`]. Where QEMU refuses to read through an entry
//! the enum says so ([`Fault`]); what QEMU lets pass, but a check reports, are [`Oddities`], asked for
//! apart, so that reading does not pay for them.
//!
//! Tables of variable length are iterators that end at the first entry that makes no sense: [`Snapshots`],
//! [`Bitmaps`]. What an entry points to may lie beyond the file: who reads it has to look.

mod bitmap;
mod geometry;
mod l1;
mod l2;
mod luks;
mod oddity;
mod refcount;
mod run;
mod snapshot;
mod view;

pub use bitmap::{Bitmap, BitmapTableEntry, Bitmaps};
pub use geometry::Geometry;
pub use l1::L1Entry;
pub use l2::{Fault, L2Entry, Mapping, Subcluster, Subclusters};
pub use luks::{LuksHeader, LuksKeySlot};
pub use oddity::Oddities;
pub use refcount::{RefcountBlock, RefcountTableEntry, Refcounts};
pub use run::{BadEntry, Run, RunKind};
pub use snapshot::{Snapshot, Snapshots};
pub use view::L2View;
