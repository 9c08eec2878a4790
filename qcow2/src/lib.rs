//! Zero-copy reader of qcow2 images.
#![allow(missing_docs)]
pub mod reference { #[derive(Clone,Copy,Debug,PartialEq,Eq,Hash)] pub enum Rule { Relative, Absolute, File } }
