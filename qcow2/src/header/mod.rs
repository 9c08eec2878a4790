//! The header, whole: validated once by [`Header::parse`], then read by plain accessors.

/// Where a field of the header lies.
macro_rules! at {
    ($field:ident) => {
        core::mem::offset_of!(crate::format::RawHeader, $field) as u64
    };
    (v3 $field:ident) => {
        core::mem::offset_of!(crate::format::RawHeaderV3, $field) as u64
    };
}

mod access;
mod detached;
mod extensions;
mod features;
mod findings;
mod known;
mod layout;
mod obstacles;
mod parse;
mod prefix;
mod salvage;
mod tables;

pub use access::{BitmapsPointer, Compression, CryptMethod, LuksPointer};
pub use extensions::{Extension, ExtensionKind, Extensions};
pub use features::{FeatureKind, FeatureName, FeatureNames, Features};
pub use findings::{Finding, FindingKind, Findings};
pub use obstacles::{Obstacle, Obstacles};
pub use salvage::Salvage;

use crate::format::{RawHeader, RawHeaderV3};
use crate::units::ClusterBits;
use known::{Known, Span};
use prefix::Prefix;

/// A validated header: views of the bytes that it was parsed from.
///
/// Made by [`parse`](Self::parse) or [`parse_prefix`](Self::parse_prefix). It borrows the bytes, owns
/// nothing and is `Copy`.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    // What can be read again from the bytes is not kept: a small value is a good part of the speed.
    prefix: Prefix<'a>,
    raw: &'a RawHeader,
    raw_v3: Option<&'a RawHeaderV3>,
    known: Known,
    backing_name: Span,
    header_length: u32,
    cluster_bits: ClusterBits,
    compression: Compression,
    crypt_method: CryptMethod,
    refcount_order: u8,
}
