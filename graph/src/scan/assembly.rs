//! The assembly: names become files, files become disks.
//!
//! What the walk has met is in the [`Tables`]. Only names that it has not met cost system calls, and
//! those are made by the [`Crew`].

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use crate::scan::ScanError;
use crate::scan::beside::Beside;
use crate::scan::crew::Crew;
use crate::scan::part::Part;
use crate::scan::question::Met;
use crate::scan::suppose::World;
use crate::scan::tables::{Hasher, Tables};

pub(super) struct Assembly<'c> {
    pub(super) crew: &'c Crew,
    pub(super) tables: Tables,
    /// What was found out before anybody asked, by path.
    pub(super) ahead: HashMap<Vec<u8>, Met, Hasher>,
    /// Files out of the scope, by the path that led there.
    pub(super) outside: Vec<(Box<[u8]>, Arc<Part>)>,
    /// What was found out beside what the walk has met, each file once.
    pub(super) beside: Vec<Beside>,
    pub(super) known: HashSet<Vec<u8>, Hasher>,
    /// Files out of the scope that were met.
    pub(super) met: Vec<u32>,
    pub(super) opened: u64,
    /// Names of images whose references were resolved, but for those that need no more than the tables.
    pub(super) resolved: u64,
    /// What is supposed to be other than it is.
    pub(super) supposed: Option<World>,
}

impl<'c> Assembly<'c> {
    pub(super) fn new(crew: &'c Crew, tables: Tables) -> Self {
        Self {
            crew,
            tables,
            ahead: HashMap::default(),
            outside: Vec::new(),
            beside: Vec::new(),
            known: HashSet::default(),
            met: Vec::new(),
            opened: 0,
            resolved: 0,
            supposed: None,
        }
    }

    /// Adds a file out of the scope.
    pub(super) fn meet(&mut self, directory: u32, path: Vec<u8>, part: Arc<Part>) -> Option<u32> {
        self.outside.push((path.into(), Arc::clone(&part)));
        self.tables.directories.note_met(directory);
        let met = self.tables.add_part(directory, part, false);
        self.met.extend(met);
        met
    }
}

/// Nothing of a scan is kept when it was stopped.
pub(super) type Step<T> = Result<T, ScanError>;
