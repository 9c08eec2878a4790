//! What a check finds: kinds with a count each, and the first few places.
#![forbid(unsafe_code)]

use core::fmt;
use std::collections::BTreeMap;
use std::vec::Vec;

use crate::error::Structure;
use crate::units::HostOffset;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The check itself could not do all of its work.
    Error,
    /// Data is lost, or will be when the image is written.
    Corruption,
    /// Space is lost, nothing else.
    Leak,
    /// Odd, harmless, and counted nowhere.
    Notice,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident, $code:literal, $severity:ident, $sentence:literal;)+) => {
        /// What is wrong. Together with the structure it is wrong about it makes one finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum FindingKind {
            $($(#[doc = $doc])+ $name,)+
        }

        impl FindingKind {
            /// A stable word for the kind, in kebab-case.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// How bad it is.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)+ }
            }

            const fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)+ }
            }
        }
    };
}

kinds! {
    /// A table that can't be walked to its end. What it names is not known, so leaks may be none.
    Broken, "broken", Error, "makes no sense, and what it names is not known";
    /// A refcount block that can't be read: its entry is no cluster's start, or beyond any file.
    UnreadableRefcounts, "unreadable-refcounts", Error, "refcounts that cannot be read";
    /// It begins or ends beyond the file, by a cluster or more.
    OutOfBounds, "out-of-bounds", Corruption, "points beyond the end of the file";
    /// It is not at a cluster's start.
    Misaligned, "misaligned", Corruption, "points into the midst of a cluster";
    /// It lies over the header, or over other metadata.
    Overlap, "overlap", Corruption, "lies where metadata lies";
    /// Bits are set that have no meaning.
    ReservedBits, "reserved-bits", Corruption, "has reserved bits set";
    /// An entry that is not 0 and names nothing.
    NamesNothing, "names-nothing", Corruption, "is not empty, yet names nothing";
    /// It is in use, and its refcount is 0: whoever writes next gets it as free space.
    RefcountZero, "refcount-zero", Corruption, "in use, but its refcount says it is free";
    /// It is used more often than its refcount says.
    RefcountTooLow, "refcount-too-low", Corruption, "used more often than its refcount says";
    /// It is used more often than a refcount of this width can say.
    RefcountOverflow, "refcount-overflow", Corruption, "used more often than a refcount can say";
    /// A refcount block that something else uses as well.
    SharedRefcountBlock, "shared-refcount-block", Corruption, "is used for something else as well";
    /// The copied flag says that the refcount is one, and it isn't, or the other way round.
    CopiedFlag, "copied-flag", Corruption, "has a copied flag that contradicts the refcount";
    /// The copied flag on a compressed cluster.
    CopiedCompressed, "copied-compressed", Corruption, "compressed, yet has the copied flag";
    /// A compressed cluster, though guest data lies in another file.
    CompressedWithDataFile, "compressed-with-data-file", Corruption,
        "compressed, though data lies in an external file";
    /// A compressed cluster with subclusters.
    CompressedSubclusters, "compressed-subclusters", Corruption, "compressed, yet has subclusters";
    /// A subcluster that is both allocated and zero, or allocated where there is no cluster.
    BadSubclusters, "bad-subclusters", Corruption, "has subclusters that contradict each other";
    /// The zero flag in version 2.
    ZeroInVersion2, "zero-in-version-2", Corruption, "has a zero flag, which version 2 lacks";
    /// Guest data in an external file that is not at its guest offset.
    WrongDataFileOffset, "wrong-data-file-offset", Corruption,
        "is not where an external data file has it";
    /// An internal snapshot without what version 3 demands of it.
    IncompleteSnapshot, "incomplete-snapshot", Corruption,
        "lacks the sizes that version 3 demands";
    /// Internal snapshots in an image with an external data file.
    SnapshotsWithDataFile, "snapshots-with-data-file", Corruption,
        "internal snapshots, though data lies in an external file";
    /// A length beyond what QEMU accepts.
    TooLarge, "too-large", Corruption, "is larger than QEMU accepts";
    /// Metadata in holes of the file, more than anybody writes: from here on it was not counted.
    NotCounted, "not-counted", Error, "so much metadata in holes of the file is not counted";
    /// Its refcount is higher than it is used: the space is lost.
    Leak, "leak", Leak, "in use by nothing, or counted too often";
    /// The same as [`Overlap`](Self::Overlap), where the refcount has shown it already.
    OverlapCounted, "overlap-counted", Notice, "lies where metadata lies, as its refcount shows";
    /// Two snapshots of the same id and name.
    DuplicateSnapshot, "duplicate-snapshot", Notice, "has the id and the name of another";
    /// The zero flag in an extended entry, where it means nothing.
    ZeroInExtended, "zero-in-extended", Notice, "has a zero flag, which means nothing here";
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

/// Where something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Place {
    /// The byte of the file where the entry, or the cluster, begins.
    pub at: HostOffset,
    /// What is there: the entry, the offset, or the refcount.
    pub found: u64,
    /// What there should be, where that can be said: the number of references, say.
    pub expected: Option<u64>,
}

/// One thing that is wrong, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// About which structure.
    pub structure: Structure,
    /// How often. An entry of a table that is named twice counts twice.
    pub count: u64,
    /// The first few places, in the file's order.
    pub places: Vec<Place>,
}

/// Findings in the making: counted without end, kept to the first few.
#[derive(Clone, Debug)]
pub(super) struct Findings {
    found: BTreeMap<(FindingKind, u8), Finding>,
    keep: usize,
}

impl Findings {
    pub(super) fn new(keep: usize) -> Self {
        Self { found: BTreeMap::new(), keep }
    }

    /// None so far, to be merged later.
    pub(super) fn another(&self) -> Self {
        Self::new(self.keep)
    }

    /// How many places of a kind are kept.
    pub(super) fn keep(&self) -> usize {
        self.keep
    }

    /// Counts `times` more of a kind, first of which is at `at`.
    #[cold]
    pub(super) fn add(
        &mut self,
        kind: FindingKind,
        structure: Structure,
        times: u64,
        at: u64,
        (found, expected): (u64, Option<u64>),
    ) {
        if times == 0 {
            return;
        }
        self.count(kind, structure, times);
        self.place(kind, structure, Place { at: HostOffset(at), found, expected });
    }

    /// Counts without a place.
    pub(super) fn count(&mut self, kind: FindingKind, structure: Structure, times: u64) {
        if times == 0 {
            return;
        }
        let new = || Finding { kind, structure, count: 0, places: Vec::new() };
        let finding = self.found.entry((kind, structure as u8)).or_insert_with(new);
        finding.count = finding.count.saturating_add(times);
    }

    /// Adds a place of a kind that was counted before.
    pub(super) fn place(&mut self, kind: FindingKind, structure: Structure, place: Place) {
        let keep = self.keep;
        let Some(finding) = self.found.get_mut(&(kind, structure as u8)) else { return };
        if finding.places.len() < keep {
            finding.places.push(place);
            return;
        }
        // The smallest stay, whatever the order in which tables were read.
        if let Some(last) = finding.places.iter_mut().max().filter(|last| place < **last) {
            *last = place;
        }
    }

    /// Adds those of another thread.
    pub(super) fn merge(&mut self, other: Self) {
        for finding in other.found.into_values() {
            self.count(finding.kind, finding.structure, finding.count);
            for place in finding.places {
                self.place(finding.kind, finding.structure, place);
            }
        }
    }

    /// How many there are of a severity.
    pub(super) fn total(&self, severity: Severity) -> u64 {
        let matching = self.found.values().filter(|it| it.kind.severity() == severity);
        matching.fold(0, |sum, finding| sum.saturating_add(finding.count))
    }

    /// All of them, worst first.
    pub(super) fn finish(self) -> Vec<Finding> {
        let mut all: Vec<Finding> = self.found.into_values().collect();
        for finding in &mut all {
            finding.places.sort_unstable();
        }
        all.sort_by_key(|finding| (finding.kind.severity(), finding.kind));
        all
    }
}
