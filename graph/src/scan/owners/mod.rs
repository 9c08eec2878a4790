//! Owners: who uses a disk, by the files of those who define that.
//!
//! Two sorts of files are read: libvirt's, in which a domain names its disks, and a plain mapping
//! for anybody else. A file that cannot be read is a doubt about every removal: it may name the
//! very disk.

mod claims;
mod libvirt;
mod mapping;

pub(crate) use claims::Claim;
pub use claims::{Owned, Owners};
