//! What is kept of a name and of a file, and where.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use hashbrown::HashMap;

use crate::facts::{EdgeFacts, Facts, Finding, Key};
use crate::scan::directories::Directories;
use crate::scan::part::Part;
use crate::scan::tables::meant::Meant;
use crate::scan::tables::numbers::Numbers;

pub(in crate::scan) type Hasher = foldhash::fast::RandomState;

/// Stands for "no file": what has no backing file, and whatever a name or file is that is no more.
pub(in crate::scan) const NOTHING: u32 = u32::MAX;
/// Stands for "not resolved in the plain way".
pub(in crate::scan) const ELABORATE: u32 = u32::MAX - 1;

/// One name of a file.
#[derive(Clone, Copy, Debug)]
pub(in crate::scan) struct Name {
    pub(in crate::scan) directory: u32,
    pub(in crate::scan) file: u32,
    pub(in crate::scan) part: u32,
    pub(in crate::scan) entry: u32,
    /// The file that it is backed by, [`NOTHING`] or [`ELABORATE`].
    pub(in crate::scan) backing: u32,
}

/// One file, whatever it is called.
#[derive(Debug)]
pub(in crate::scan) struct File {
    /// The first name that was met, in [`Tables::names`].
    pub(in crate::scan) name: u32,
    pub(in crate::scan) in_scope: bool,
    /// A reference declares it as qcow2, and it is not: never taken for a raw disk then.
    pub(in crate::scan) disowned: bool,
    /// It has more names, see [`Tables::further`].
    pub(in crate::scan) has_further: bool,
    /// Something asked for it or refers to it, so it is a disk whatever it holds.
    pub(super) wanted: AtomicBool,
}

/// Every name and every file, and what references have said of them.
#[derive(Debug, Default)]
pub(in crate::scan) struct Tables {
    pub(in crate::scan) directories: Directories,
    pub(in crate::scan) parts: Vec<Arc<Part>>,
    pub(in crate::scan) files: Vec<File>,
    pub(in crate::scan) by_inode: Numbers,
    pub(in crate::scan) names: Vec<Name>,
    pub(in crate::scan) by_name: Numbers,
    pub(in crate::scan) hasher: Hasher,
    /// The other names of files that have several.
    pub(in crate::scan) further: HashMap<u32, Vec<u32>, Hasher>,
    /// The edges of names whose references are not resolved in the plain way.
    pub(in crate::scan) edges: HashMap<u32, Vec<EdgeFacts>, Hasher>,
    /// By file.
    pub(in crate::scan) findings: HashMap<u32, Vec<Finding>, Hasher>,
    /// By file: a reference declares it as a format that is not read here.
    pub(in crate::scan) declared: HashMap<u32, Box<[u8]>, Hasher>,
    /// Nodes that are no files, by their key.
    pub(in crate::scan) loose: HashMap<Key, Facts, Hasher>,
    /// Names with references that QEMU resolves from its working directory.
    pub(in crate::scan) possible: Meant,
    /// Names whose references are still to be resolved.
    pub(in crate::scan) pending: Vec<u32>,
    /// Numbers that stand for nothing any more.
    pub(in crate::scan) free_names: Vec<u32>,
    pub(in crate::scan) free_files: Vec<u32>,
    pub(super) free_parts: Vec<u32>,
}
